"""GAN: a generator learns to make photographs from ciphertexts, and never sees a pair.

A discriminator tells the adversary's photographs from what the generator makes of the victims'
ciphertexts; the generator learns to fool it. The attack needs no key, no plain image of a victim
and no algorithm, only ciphertexts under one key and images of the same kind.
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
from ppattack.threat import Observation, ThreatModel
from ppattack.training.settings import Patience, PictureEvery, PublicImages

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ppattack.images import ImageShape
    from ppattack.solvers.trained.adversarial import Variant
    from ppattack.target.base import PublicScheme

LEAST_EDGE = 16
"""The discriminator judges patches of this size, pixels."""
CONTROL_SHARE = 0.5
QUICK_EPOCHS = 12


class Gan(Attack):
    """Generative adversarial network from ciphertexts to images, unpaired.

    Variants:
        ``paper``: as published, with its weaknesses. The generator sees one 4 × 4 block at a
        time, or one pixel for ``pe``, with the same weights everywhere: it cannot undo what
        moves between blocks or differs from block to block. The discriminator looks only at the
        best patch of the top left part. Reconstructions are made in training mode, 128 at a
        time, and truncated to 8 bits.
        ``fixed``: the same generator; all patches count, hinge loss with a penalty on the
        discriminator's gradient, a faster discriminator, averaged weights, evaluation mode,
        rounding. The moments of public images are part of the generator's loss, which keeps it
        from making negatives, and the epoch whose reconstructions have the nearest moments is kept.
        ``global``: likewise, with a generator made of the scheme's own operations: a doubly
        stochastic assignment of blocks, and a map for each.

    Threat model: ciphertexts under one key; images of the victims' distribution, unpaired.

    Deviations: the published evaluation trains on the ciphertexts of 50,000 images whose plain
    images are the discriminator's, too, and attacks 10,000 others under the same key. Here no
    image is on both sides, and the attack trains on the ciphertexts it attacks. If one side has
    fewer images, it is repeated. The published evaluation does not say which epoch it shows;
    ``paper`` shows the last.

    Reference: W. Sirichotedumrong, H. Kiya: A GAN-Based Image Transformation Scheme for
    Privacy-Preserving Deep Neural Networks. arXiv:2006.01342, 2020. The evaluation:
    A. MaungMaung, H. Kiya: Privacy-Preserving Image Classification Using Isotropic Network. IEEE
    MultiMedia 29(2), 2022, arXiv:2204.07707.
    """

    card = AttackCard(
        name="gan",
        title="GAN: make photographs from ciphertexts, without any pair",
        reference=Reference(
            authors="A. MaungMaung, H. Kiya",
            title="Privacy-Preserving Image Classification Using Isotropic Network",
            venue="IEEE MultiMedia 29(2)",
            year=2022,
            arxiv="2204.07707",
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired"),
        seconds=60.0,
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        variant: Annotated[
            Literal["paper", "fixed", "global"],
            Doc("generator, losses and how the output is shown; see the class"),
        ] = "fixed"
        epochs: Annotated[
            int | None,
            Interval(ge=1, le=10_000),
            Doc("passes over the images; none: the variant's, 25 or 100"),
        ] = None
        batch_size: Annotated[int, Interval(ge=2, le=4096), Doc("images per step, at most")] = 64
        images: PublicImages = 2000
        patience: Patience = None
        picture_every: PictureEvery = None

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"epochs": 2, "images": 256},
        "standard": {"epochs": QUICK_EPOCHS, "picture_every": 100},
        "paper": {"variant": "paper", "images": 50_000, "picture_every": 1000},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """A fixed transformation without any key, which photographs alone must suffice to undo."""
        return ControlTarget("keyless")

    @override
    def at_control_budget(self) -> Gan:
        """The same training, at half of its epochs."""
        return type(self)(
            **(as_dict(self.config) | {"epochs": math.ceil(self._epochs() * CONTROL_SHARE)})
        )

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        if min(image_shape[1:]) < LEAST_EDGE:
            return f"its discriminator judges patches of {LEAST_EDGE} pixels: use larger images"
        if scheme.structure.kind == "any" and self._variant.rearranges:
            return "variant 'global' needs a scheme that makes public where symbols can have gone"
        return super().obstacle(scheme, image_shape)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Train on the ciphertexts and public images, then show what the generator makes."""
        from ppattack.networks.discriminators import PatchDiscriminator
        from ppattack.solvers.trained.adversarial import game, published_weights, recovered
        from ppattack.solvers.trained.naturalness import Naturalness
        from ppattack.training.fit import Player, seeded
        from ppattack.training.public_images import as_transformed, sample_rows

        variant = self._variant
        chosen = sample_rows(observation, context, self.config.images)
        plain = as_transformed(observation, observation.public_images[chosen], self.card.name)
        channels = int(plain.shape[1])
        generator = seeded(lambda: self._generator(observation.scheme, plain), context, "gan")
        discriminator = seeded(
            lambda: published_weights(PatchDiscriminator(channels, variant.pool)), context, "judge"
        )
        recipes = variant.recipes(self._epochs(), self.config.batch_size, self.config.patience)
        natural = Naturalness(plain)
        recovery = recovered(
            generator,
            {
                "generator": Player(generator, recipes[0]),
                "discriminator": Player(discriminator, recipes[1]),
            },
            game(generator, discriminator, variant, natural.moments.to(context.device)),
            observation.ciphertexts,
            plain,
            context,
            f"gan-{self.config.variant}",
            display=variant.display,
            natural=natural if variant.keeps_best else None,
            picture_every=self.config.picture_every,
        )
        return replace(recovery, notes={"network": type(generator).__name__, **recovery.notes})

    @property
    def _variant(self) -> Variant:
        from ppattack.solvers.trained.adversarial import VARIANTS

        return VARIANTS[self.config.variant]

    def _epochs(self) -> int:
        return int(self.config.epochs or self._variant.epochs)

    def _generator(self, scheme: PublicScheme, plain: Tensor) -> nn.Module:
        from ppattack.networks.block_assignment import BlockAssignmentNet
        from ppattack.networks.block_local import BlockLocalNet, PixelNet
        from ppattack.solvers.trained.adversarial import published_weights

        channels, height, width = plain.shape[1:]
        if self._variant.rearranges:
            return BlockAssignmentNet((channels, height, width), scheme.structure)
        made = PixelNet(channels) if scheme.name == "pe" else BlockLocalNet(channels)
        return published_weights(made)
