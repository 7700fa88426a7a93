"""ITN, the inverse transformation network: a network learns to undo the encryption.

The adversary encrypts its own images under its own keys, one key per image, and trains a network to
return the plain images. Only what does not depend on the key can be learnt: an
inverse that needs the victims' key is out of reach, by construction. Known pairs under that key
make it possible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval, as_dict
from ppattack.errors import ConfigError
from ppattack.threat import Observation, ThreatModel
from ppattack.training.settings import control_epochs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme
    from ppattack.training.fit import FitResult
    from ppattack.training.recipe import Recipe

EMA = 0.99
LEAST_EXAMPLES = 640
"""Examples per epoch, at least: if there are fewer known pairs, they are repeated."""
MOST_WEIGHTS = 100_000_000


class InverseTransformationNetwork(Attack):
    """Inverse transformation network, trained under the adversary's own keys.

    Variants:
        ``paper``: the U-Net of the paper, mean squared error of its sigmoid.
        ``published-evaluation``: the evaluation behind the published robustness figure, with its
        flaws. Its network ends in a tanh, the loss puts a sigmoid on top and compares that
        with pixels in [-1, 1], and the tanh itself is shown: a level below 0.634 comes out
        black, one above 0.866 white, whatever the scheme. The network sees one 4 × 4 block at a
        time, or one pixel for ``pe``. Reconstructions are made in training mode, in batches of
        128, and truncated to 8 bits. The published recipe never lowers its learning rate.
        ``published-evaluation-fixed``: the same network without those flaws: the loss compares
        what is shown, evaluation mode, rounding, and the paper's recipe. It still sees one block
        or one pixel at a time.
        ``fixed``: not published. Under own keys, a U-Net with a tanh that also sees the bytes
        folded about mid-grey; its loss is the absolute error plus one minus the structural
        similarity. With known pairs, a position-specific linear network,
        :class:`~ppattack.networks.symbol_mixer.SymbolMixer`, that can represent the inverse of
        every scheme of the public structure, and mixes all blocks if the scheme moves them.

    Threat model: ciphertexts; images of the victims' distribution, unpaired; the public algorithm
    under the adversary's own keys. No image and no key of a victim. With ``pairs``: that many known
    pairs under the one key of the data set, and nothing else.

    Deviations: from the paper, the ``quick`` recipe trains by AdamW with a one-cycle schedule,
    because its 200 epochs of SGD take more than a few minutes of CPU; it keeps a moving average of
    the weights and stops once the adversary's own validation images stop gaining (``patience``).
    ``published`` is the paper's, with all epochs.
    Batches of an epoch are of equal size. From the authors' code of the evaluation, training and
    victims' images are disjoint, and no image is trained under the victims' key (its image 0 was).
    Mirroring a ciphertext and its plain image together would be wrong under one fixed key; here
    every image has its own key, and a mirrored key is as likely as any. If a scheme rearranges
    images before it encrypts them, the network learns the rearranged ones, and none is mirrored.

    Reference: H. Ito, Y. Kinoshita, H. Kiya: Image Transformation Network for Privacy-Preserving
    Deep Neural Networks and Its Security Evaluation. arXiv:2008.03143, 2020. The evaluation:
    A. MaungMaung, H. Kiya: Privacy-Preserving Image Classification Using Isotropic Network. IEEE
    MultiMedia 29(2), 2022, arXiv:2204.07707.
    """

    card = AttackCard(
        name="itn",
        title="Inverse transformation network: learn to undo the encryption under own keys",
        reference=Reference(
            authors="H. Ito, Y. Kinoshita, H. Kiya",
            title="Image Transformation Network for Privacy-Preserving Deep Neural Networks and "
            "Its Security Evaluation",
            venue="arXiv",
            year=2020,
            arxiv="2008.03143",
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired", own_keys=True),
        seconds=15.0,
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        variant: Annotated[
            Literal["paper", "published-evaluation", "published-evaluation-fixed", "fixed"],
            Doc("network, loss and how its output is shown; see the class"),
        ] = "paper"
        pairs: Annotated[
            int,
            Interval(ge=0, le=100_000),
            Doc("known pairs under the victims' key to train on; 0: own images under own keys"),
        ] = 0
        recipe: Annotated[
            Literal["quick", "published"],
            Doc(
                "quick: AdamW, one-cycle; published: SGD as the variant was trained ('fixed' was "
                "not published: AdamW for longer, at a lower rate)"
            ),
        ] = "quick"
        epochs: Annotated[
            int | None, Interval(ge=1, le=10_000), Doc("passes over the images; none: the recipe's")
        ] = None
        learning_rate: Annotated[
            float | None, Interval(gt=0, le=10), Doc("first or peak rate; none: the recipe's")
        ] = None
        patience: Annotated[
            int | None,
            Interval(ge=0, le=10_000),
            Doc(
                "epochs without a validation loss 5 % lower after which training stops; 0: all "
                "epochs; none: 2 for the paper's variant with the quick recipe, else all epochs"
            ),
        ] = None
        batch_size: Annotated[int, Interval(ge=2, le=4096), Doc("images per step, at most")] = 32
        images: Annotated[int, Interval(ge=4), Doc("public images to train on, at most")] = 2000
        width: Annotated[
            int, Interval(ge=1, le=256), Doc("features of the U-Net's first level; 64 in the paper")
        ] = 8
        levels: Annotated[int, Interval(ge=1, le=7), Doc("scales of the U-Net; 5 in the paper")] = 5

        def __post_init__(self) -> None:
            if self.pairs and self.patience:
                raise ConfigError(
                    f"patience={self.patience} needs images to validate on, and all known pairs "
                    "are trained on: leave out patience or pairs."
                )

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"epochs": 4, "batch_size": 16, "images": 512, "levels": 3},
        "standard": {},
        "paper": {
            "recipe": "published",
            "patience": 0,
            "batch_size": 128,
            "images": 50_000,
            "width": 64,
            "levels": 5,
        },
    }

    @override
    def requires(self) -> ThreatModel:
        """Public images and own keys, or known pairs instead."""
        if self.config.pairs:
            return ThreatModel(pairs=self.config.pairs, key_scope="dataset")
        return self.card.requires

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """What a network can undo if it learns at all: a fixed transformation without any key.

        For the linear network with known pairs it is a key that one pair gives away.
        """
        return ControlTarget("le" if self._linear else "keyless")

    @override
    def at_control_budget(self) -> InverseTransformationNetwork:
        """The same training, at a fifth of its epochs; the linear network is cheap."""
        if self._linear:
            return self
        fewer = control_epochs(self._recipe().epochs)
        return type(self)(**(as_dict(self.config) | {"epochs": fewer}))

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack images: the linear network would be too large for them."""
        reason = super().obstacle(scheme, image_shape)
        if reason is not None or not self._linear:
            return reason
        from ppattack.networks.symbol_mixer import Geometry

        shape = scheme.representation.shape(image_shape)
        weights = Geometry.of(scheme.structure, shape).weights
        if weights > MOST_WEIGHTS:
            return (
                f"its linear network would have {weights:,} weights, more than {MOST_WEIGHTS:,}: "
                "smaller images or blocks can be attacked"
            )
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Train on pairs, then apply the network to the victims' ciphertexts."""
        from ppattack.networks.symbol_mixer import symbol_loss
        from ppattack.solvers.trained.inverse_transformation import (
            VARIANTS,
            mirrored,
            reconstructions,
        )
        from ppattack.training.fit import TrainingData, fit, seeded

        config, scheme = self.config, observation.scheme
        variant = VARIANTS[config.variant]
        plain, ciphertexts = self._pairs(observation, context)
        times = math.ceil(LEAST_EXAMPLES / len(plain)) if config.pairs else 1
        shape = scheme.representation.shape(observation.image_shape)
        network = seeded(lambda: self._network(scheme, shape), context, "itn")
        result = fit(
            network,
            TrainingData(*(part.repeat(times, 1, 1, 1) for part in (ciphertexts, plain))),
            symbol_loss if self._linear else variant.loss,
            self._recipe(),
            context,
            f"itn-{config.variant}",
            mirrored if variant.flips and not config.pairs and _pixels_stay(scheme) else None,
        )
        images = reconstructions(network, variant, observation.ciphertexts, context.device)
        return Recovery(images=images, notes=_notes(network, result, len(plain)))

    def _pairs(self, observation: Observation, context: Context) -> tuple[Tensor, Tensor]:
        """Known pairs, or public images and their ciphertexts under the adversary's own keys."""
        from ppattack.training.public_images import as_transformed, sample_rows

        if self.config.pairs:
            known, ciphertexts = observation.known_pairs
            return as_transformed(observation, known, self.card.name), ciphertexts
        public = observation.public_images[sample_rows(observation, context, self.config.images)]
        plain = as_transformed(observation, public, self.card.name)
        stream = context.numpy_stream("own keys")
        ciphertexts = observation.scheme.encrypt_with_fresh_keys(public, stream)
        if observation.jpeg is not None:
            ciphertexts = observation.jpeg.transport(ciphertexts)
        return plain, ciphertexts

    @property
    def _linear(self) -> bool:
        """Whether the position-specific linear network is trained."""
        return bool(self.config.variant == "fixed" and self.config.pairs)

    def _network(self, scheme: PublicScheme, shape: ImageShape) -> nn.Module:
        from ppattack.networks.block_local import BlockLocalNet, PixelNet
        from ppattack.networks.folded_unet import FoldedUNet
        from ppattack.networks.symbol_mixer import Geometry, SymbolMixer
        from ppattack.solvers.trained.inverse_transformation import VARIANTS
        from ppattack.target.unet import UNet

        if self._linear:
            return SymbolMixer(Geometry.of(scheme.structure, shape))
        channels, kind = shape[0], VARIANTS[self.config.variant].network
        if kind == "block-local":
            return PixelNet(channels) if scheme.name == "pe" else BlockLocalNet(channels)
        unet = UNet if kind == "unet" else FoldedUNet
        return unet(channels, self.config.width, self.config.levels)

    def _recipe(self) -> Recipe:
        from ppattack.solvers.trained import inverse_transformation as solver

        config, stops = self.config, self._stops
        if self._linear:
            made = solver.LINEAR
        else:
            made = solver.QUICK if config.recipe == "quick" else solver.PUBLISHED[config.variant]
        return replace(
            made,
            epochs=config.epochs or made.epochs,
            learning_rate=config.learning_rate or made.learning_rate,
            batch_size=config.batch_size,
            validation_share=0.0 if config.pairs else made.validation_share,
            ema=EMA if (stops or config.variant == "fixed") and not config.pairs else None,
            patience=config.patience or solver.PATIENCE if stops else None,
            least_gain=solver.LEAST_GAIN,
        )

    @property
    def _stops(self) -> bool:
        """Whether training stops once the adversary's own validation stops improving."""
        if self.config.patience is not None:
            return bool(self.config.patience > 0)
        return bool(self.config.variant == "paper" and self.config.recipe == "quick")


def _pixels_stay(scheme: PublicScheme) -> bool:
    """Whether what the scheme transforms is the padded image itself."""
    from ppattack.target.representation import Representation

    return type(scheme.representation) is Representation


def _notes(network: nn.Module, result: FitResult, pairs: int) -> dict[str, Any]:
    """Facts for the report."""
    best = result.best_epoch - 1
    return {
        "network": type(network).__name__,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "training_images": pairs,
        "epochs": len(result.train_losses),
        "ended": result.ended,
        "best_epoch": result.best_epoch,
        "train_loss": result.train_losses[best],
        "validation_loss": result.validation_losses[best] if result.validation_losses else None,
    }
