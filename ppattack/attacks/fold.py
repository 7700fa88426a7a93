"""Fold: images from how far each byte is from mid-grey, which no complement changes.

Complements fold the range of a byte about mid-grey: what is left is the distance, what is lost is
the side. As with ``fr``, it works on schemes that leave every byte near its place and does nothing
about blocks that moved. Not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval, as_dict
from ppattack.threat import Observation, ThreatModel
from ppattack.training.settings import control_epochs

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.target.base import PublicScheme


class Fold(Attack):
    """Read images from their bytes folded about mid-grey.

    ``learned`` trains a U-Net on public images alone to read an image from its fold; what it
    reads depends on no key, and one network serves every key. ``mrf`` decides by a random field
    which side each byte was on, from how straightly neighbours continue it.

    Threat model: ``learned``, ciphertexts and public images; ``mrf``, ciphertexts only, and
    public images if there are any.

    Deviations: none; it is not published.

    Reference: the ppattack authors: Images from bytes folded about mid-grey. ppattack, 2026.
    """

    card = AttackCard(
        name="fold",
        title="Fold: read images from the distances of their bytes from mid-grey",
        reference=Reference(
            "the ppattack authors", "Images from bytes folded about mid-grey", "ppattack", 2026
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired"),
        seconds=60.0,
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        mode: Annotated[
            Literal["learned", "mrf"],
            Doc("learned: a U-Net; mrf: a random field, for which only 'images' matters"),
        ] = "learned"
        color_shuffle: Annotated[
            Literal["auto", "on", "off"],
            Doc(
                "whether the channels of a pixel may have changed places; auto: if the scheme's "
                "settings say so"
            ),
        ] = "auto"
        epochs: Annotated[int, Interval(ge=1, le=10_000), Doc("passes over the images")] = 10
        learning_rate: Annotated[float, Interval(gt=0, le=10), Doc("rate at its peak")] = 1e-2
        batch_size: Annotated[int, Interval(ge=2, le=4096), Doc("images per step, at most")] = 32
        images: Annotated[int, Interval(ge=4), Doc("public images to learn from, at most")] = 2000
        width: Annotated[
            int, Interval(ge=1, le=256), Doc("features of the U-Net's first level")
        ] = 8
        levels: Annotated[int, Interval(ge=1, le=7), Doc("scales of the U-Net")] = 4

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
        return self.card.requires if self.config.mode == "learned" else ThreatModel()

    def welcomes_public_images(self) -> bool:
        """``mrf`` counts on which side of mid-grey their bytes are."""
        return bool(self.config.mode == "mrf")

    def at_control_budget(self) -> Fold:
        """``learned`` at a fifth of its epochs; ``mrf`` as it is."""
        if self.config.mode != "learned":
            return self
        fewer = control_epochs(self.config.epochs)
        return type(self)(**(as_dict(self.config) | {"epochs": fewer}))

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """Pixel-wise encryption, with a colour shuffle if that is what has to be undone."""
        shuffled = self.config.color_shuffle == "on" or _shuffles_colours(scheme)
        return ControlTarget("pe", {"color_shuffle": shuffled})

    def run(self, observation: Observation, context: Context) -> Recovery:
        """See :meth:`Attack.run`."""
        ciphertexts = observation.ciphertexts.to(context.device)
        if self.config.mode == "learned":
            return self._learned(observation, ciphertexts, context)
        return Recovery(images=self._field(observation, ciphertexts, context))

    def _learned(self, observation: Observation, ciphertexts: Tensor, context: Context) -> Recovery:
        from ppattack.solvers.folding import learned_fold
        from ppattack.training.recipe import Recipe

        config = self.config
        sorts = config.color_shuffle == "on" or (
            config.color_shuffle == "auto" and _shuffles_colours(observation.scheme)
        )
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
        from ppattack.training.public_images import as_transformed, sample_rows

        rows = sample_rows(observation, context, self.config.images)
        return as_transformed(observation, observation.public_images[rows], self.card.name)


def _shuffles_colours(scheme: PublicScheme) -> bool:
    """Whether the scheme's settings say that the channels of a pixel change places."""
    return bool(getattr(scheme.config, "color_shuffle", False))
