"""FR, the feature reconstruction attack: complements and colour shuffles undone pixel by pixel.

It works on schemes that leave every byte near its place: pixel-wise encryption, above all. It
does nothing about blocks that moved. No key, and in its default mode no training and nothing but
the ciphertexts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval, as_dict
from ppattack.errors import DataError
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme

CONTROL_SHARE = 0.2
CONTROL_EPOCHS_AT_LEAST = 3


class FeatureReconstruction(Attack):
    """Feature reconstruction in its three published modes and two more.

    ``basic`` takes the darker of each byte and its complement. ``advanced`` picks, pixel by
    pixel, the complements and the channel order nearest to the neighbour already decoded.
    ``same-key`` reads the key from the ciphertext of one chosen image, and is exact. ``learned``
    trains a U-Net to read what ``basic`` leaves, the distance of each byte from mid-grey, on
    public images alone; what it reads depends on no key. ``mrf`` decides by a random field which
    side each byte was on, from how straightly neighbours continue it.

    Threat model: ``basic``, ``mrf``, and ``advanced`` from an encrypted seed pixel, ciphertexts
    only (``mrf`` uses public images where there are any); ``advanced`` from a mean seed pixel and
    ``learned``, public images too; ``same-key``, one chosen plaintext under the key of the whole
    data set.

    Deviations: the published ``advanced`` mode starts from the victim's true first pixel, which
    no threat model grants, so here it starts from the mean colour of public images or from the
    encrypted pixel; :func:`ppattack.solvers.folding.feature_reconstruction.advanced` takes any.
    ``learned`` and ``mrf`` are not published.

    Reference: A. H. Chang, B. M. Case: Attacks on Image Encryption Schemes for
    Privacy-Preserving Deep Neural Networks. arXiv:2004.13263, 2020.
    """

    card = AttackCard(
        name="fr",
        title="Feature reconstruction: undo complements and colour shuffles pixel by pixel",
        reference=Reference(
            authors="A. H. Chang, B. M. Case",
            title="Attacks on Image Encryption Schemes for Privacy-Preserving Deep Neural Networks",
            venue="arXiv",
            year=2020,
            arxiv="2004.13263",
        ),
        recovers=("images", "key"),
        requires=ThreatModel(),
        seconds=0.01,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        mode: Annotated[
            Literal["basic", "advanced", "same-key", "learned", "mrf"],
            Doc("what is tried, and so what must be known: see the description"),
        ] = "basic"
        bright: Annotated[
            bool, Doc("basic: take the brighter of each byte and its complement, not the darker")
        ] = False
        seed_pixel: Annotated[
            Literal["mean", "encrypted"],
            Doc(
                "advanced: what the first pixel is compared with, the mean colour of the public "
                "images or the encrypted pixel itself"
            ),
        ] = "mean"
        reference: Annotated[
            Literal["up", "4nbr"],
            Doc("advanced: compare with the pixel above, or with the four already decoded"),
        ] = "up"
        tie: Annotated[
            Literal["last", "first"],
            Doc("advanced: which of several nearest channel orders wins; published: last"),
        ] = "last"
        color_shuffle: Annotated[
            Literal["auto", "on", "off"],
            Doc(
                "advanced, learned: whether the channels of a pixel may have changed places; auto: "
                "when the scheme's settings say so"
            ),
        ] = "auto"
        epochs: Annotated[
            int, Interval(ge=1, le=10_000), Doc("learned: passes over the images")
        ] = 10
        learning_rate: Annotated[float, Interval(gt=0, le=10), Doc("learned: rate at its peak")] = (
            1e-2
        )
        batch_size: Annotated[
            int, Interval(ge=2, le=4096), Doc("learned: images a step, at most")
        ] = 32
        images: Annotated[
            int, Interval(ge=4), Doc("learned, mrf: public images to learn from, at most")
        ] = 2000
        width: Annotated[
            int, Interval(ge=1, le=256), Doc("learned: features of the U-Net's first level")
        ] = 8
        levels: Annotated[int, Interval(ge=1, le=7), Doc("learned: scales of the U-Net")] = 4

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"epochs": 4, "batch_size": 16, "images": 512, "levels": 3},
        "standard": {},
        "paper": {
            "epochs": 100,
            "learning_rate": 1e-3,
            "batch_size": 128,
            "images": 50_000,
            "width": 64,
            "levels": 5,
        },
    }

    def requires(self) -> ThreatModel:
        """See :meth:`Attack.requires`."""
        if self.config.mode == "same-key":
            return ThreatModel(chosen=1, key_scope="dataset")
        seeded = self.config.mode == "advanced" and self.config.seed_pixel == "mean"
        if seeded or self.config.mode == "learned":
            return ThreatModel(public="unpaired")
        return ThreatModel()

    def welcomes_public_images(self) -> bool:
        """``mrf`` counts on which side of mid-grey their bytes are."""
        return bool(self.config.mode == "mrf")

    def at_control_budget(self) -> FeatureReconstruction:
        """``learned`` at a fifth of its epochs; the other modes are as they are."""
        if self.config.mode != "learned":
            return self
        epochs = self.config.epochs
        fewer = max(math.ceil(epochs * CONTROL_SHARE), min(epochs, CONTROL_EPOCHS_AT_LEAST))
        return type(self)(**(as_dict(self.config) | {"epochs": fewer}))

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """See :meth:`Attack.positive_control`."""
        del scheme
        shuffle = {"color_shuffle": True} if self.config.mode == "same-key" else {}
        return ControlTarget("pe", shuffle)

    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """See :meth:`Attack.obstacle`."""
        if self.config.mode == "same-key" and hasattr(scheme.config, "block_size"):
            return "mode 'same-key' undoes pixel-wise schemes, and this one works on blocks"
        return super().obstacle(scheme, image_shape)

    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor | None:
        """See :meth:`Attack.choose_plaintexts`."""
        del scheme
        if self.config.mode != "same-key":
            return None
        from ppattack.solvers.folding import feature_reconstruction as solver

        return solver.helper_image(image_shape)

    def run(self, observation: Observation, context: Context) -> Recovery:
        """See :meth:`Attack.run`."""
        from ppattack.solvers.folding import feature_reconstruction as solver

        ciphertexts = observation.ciphertexts.to(context.device)
        if self.config.mode == "basic":
            return Recovery(images=solver.fold(ciphertexts, bright=self.config.bright))
        if self.config.mode == "same-key":
            key = solver.same_key(observation.chosen_pairs[1][0])
            return Recovery(images=key.inverse()(ciphertexts), key=key)
        if self.config.mode == "learned":
            return self._learned(observation, ciphertexts, context)
        if self.config.mode == "mrf":
            return Recovery(images=self._field(observation, ciphertexts, context))
        shuffled = self._tries_orders(observation.scheme)
        images = solver.advanced(
            ciphertexts,
            self._seed_pixels(observation).to(context.device),
            color_shuffle=shuffled,
            reference=self.config.reference,
            tie=self.config.tie,
        )
        return Recovery(images=images, notes={"color_shuffle": shuffled})

    def _learned(self, observation: Observation, ciphertexts: Tensor, context: Context) -> Recovery:
        from ppattack.solvers.folding import learned_fold
        from ppattack.training.recipe import Recipe

        config, sorts = self.config, self._tries_orders(observation.scheme)
        recipe = Recipe(
            epochs=config.epochs,
            batch_size=config.batch_size,
            optimizer="adamw",
            learning_rate=config.learning_rate,
            weight_decay=1e-2,
            schedule="one-cycle",
            ema=learned_fold.EMA,
        )
        public = self._public(observation, context)
        reader, result = learned_fold.learnt(
            public, recipe, context, width=config.width, levels=config.levels, sorts=sorts
        )
        notes = {
            "color_shuffle": sorts,
            "training_images": len(public),
            "epochs": len(result.train_losses),
            "ended": result.ended,
            "train_loss": result.train_losses[result.best_epoch - 1],
            "validation_loss": result.validation_losses[result.best_epoch - 1],
        }
        return Recovery(images=learned_fold.read(reader, ciphertexts), notes=notes)

    def _field(self, observation: Observation, ciphertexts: Tensor, context: Context) -> Tensor:
        from ppattack.solvers.folding import sign_field

        granted = observation.threat.public != "none"
        public = self._public(observation, context) if granted else None
        odds = None if public is None else sign_field.side_odds(public)
        return sign_field.solve(ciphertexts, odds)

    def _public(self, observation: Observation, context: Context) -> Tensor:
        """Public images, as the scheme transforms them, no more than are asked for."""
        import torch

        public = observation.public_images
        if len(public) > self.config.images:
            order = torch.randperm(len(public), generator=context.torch_stream("images"))
            public = public[order[: self.config.images]]
        public = observation.scheme.representation.prepare(public)
        if public.shape[1:] != observation.ciphertexts.shape[1:]:
            raise DataError(
                f"mode '{self.config.mode}' needs public images of the ciphertexts' size "
                f"{tuple(observation.ciphertexts.shape[1:])}, not {tuple(public.shape[1:])}."
            )
        return public

    def _tries_orders(self, scheme: PublicScheme) -> bool:
        if self.config.color_shuffle == "auto":
            return bool(getattr(scheme.config, "color_shuffle", False))
        return bool(self.config.color_shuffle == "on")

    def _seed_pixels(self, observation: Observation) -> Tensor:
        """``(N, C)`` uint8: what the first pixel of each ciphertext is compared with."""
        if self.config.seed_pixel == "encrypted":
            return observation.ciphertexts[:, :, 0, 0]
        import torch

        public = observation.scheme.representation.prepare(observation.public_images)
        mean = public.double().mean((0, 2, 3)).round().to(torch.uint8)
        return mean.expand(len(observation.ciphertexts), -1)
