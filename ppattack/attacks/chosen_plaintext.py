"""Chosen plaintexts: what a scheme does under one key, read from a few answers.

It does not look at how the scheme works. Of a pixel scheme a black image shows the mask, and images
whose symbols hold the digits of their own numbers show where each symbol went. Of a scheme that
says nothing of its structure, one set of images that look like noise serves all models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.solvers.any_cipher import ChosenModelName
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.permxor import Unit
    from ppattack.target.base import PublicScheme


LEVELS = 256
KEYED = "keyed-by-contents"
VICTIMS = 200
"""Ciphertexts of unknown images that break ties and complete tables."""


class ChosenPlaintext(Attack):
    """Key recovery from chosen plaintexts; exact for every fixed-key permutation and mask.

    It needs ``1 + ceil(log_q S)`` plaintexts for images of S symbols, q being 128 for bytes and
    16 for nibbles: for 32×32 colour images 3 and 5.

    A scheme without a declared structure gets as many images as ``images`` allows, and models are
    tried in order of cost until one is proven: permuted bytes, pixels, nibbles and bits under any
    mask, before or behind a chain; secret tables; rounds of permutation and chaining; linear maps
    of blocks; with one image for every eight bytes and one more, any affine map of bit planes. By
    name only, ``keyed-by-contents``: a permutation and mask for each of 256 values of the mean, the
    exclusive-or or the sum modulo 256 of an image's bytes, from six images for each.

    Threat model: chosen plaintexts under the one key of the whole data set. ``images`` limits their
    number; the notes say how many were used.

    Deviations: bytes hold digits of base 128, doubled, so that published code that truncates does
    no harm. If a scheme converts colours first, digits keep to levels that every triple of
    components can have. If images are padded, symbols that repeat the border cannot be told apart
    by any plaintext: they carry the number of the one they repeat, which decrypts exactly (except
    for halved chroma at a padded border, where the last pixels can be off). If published code loses
    symbols, the key is still exact, and each lost symbol is decrypted as a copy of the nearest
    channel of its pixel.

    Reference: the ppattack authors: Chosen-plaintext key recovery by digits. ppattack, 2026.
    """

    card = AttackCard(
        name="chosen-plaintext",
        title="Chosen plaintexts: each symbol spells out its own number",
        reference=Reference(
            "the ppattack authors",
            "Chosen-plaintext key recovery by digits",
            "ppattack",
            2026,
        ),
        recovers=("key", "images"),
        requires=ThreatModel(chosen=6, key_scope="dataset"),
        seconds=0.01,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        unit: Annotated[
            Literal["auto", "byte", "nibble"],
            Doc("what is moved; auto: what the scheme says; nibble works for every pixel scheme"),
        ] = "auto"
        images: Annotated[
            int,
            Interval(ge=1, le=10_000),
            Doc(
                "chosen plaintexts at most; 6 suffice up to 418x418 colour pixels; of undescribed "
                "schemes of 32 pixels 16 show permuted bits, 258 tables of every byte, 385 rounds"
            ),
        ] = 6
        model: Annotated[
            ChosenModelName,
            Doc(
                "for schemes without a declared structure; auto: all, the cheapest first, but for "
                "keyed-by-contents, which needs 1,536 images of its own"
            ),
        ] = "auto"

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    @override
    def requires(self) -> ThreatModel:
        return ThreatModel(chosen=self.config.images, key_scope="dataset")

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        return ControlTarget("etc", {"block_size": 4})

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        from ppattack.solvers.known_pairs import chosen_plaintext as solver

        reason = super().obstacle(scheme, image_shape)
        if reason is not None:
            return reason
        if self.config.model == KEYED:
            return self._too_few_for_keyed()
        if self._undescribed(scheme):
            return None
        unit, levels = self._unit(scheme), scheme.representation.levels
        if unit == "nibble" and levels != solver.ALL_LEVELS:
            return "it converts colours first, so that nibbles cannot be chosen: use unit=byte"
        needed = solver.images_needed(scheme.representation.shape(image_shape), unit, levels)
        if needed > self.config.images:
            return (
                f"images of this size need {needed} chosen plaintexts "
                f"(--set attack.images={needed})"
            )
        return None

    @override
    def choose_plaintexts(self, scheme: PublicScheme, image_shape: ImageShape) -> Tensor:
        from ppattack.solvers.known_pairs import chosen_plaintext as solver

        form = scheme.representation
        if self.config.model == KEYED:
            from ppattack.solvers.any_cipher import keyed

            return form.restore(keyed.plaintexts(form.shape(image_shape)), image_shape)
        if self._undescribed(scheme):
            from ppattack.solvers.any_cipher.plan import plaintexts

            return form.restore(
                plaintexts(form.shape(image_shape), self.config.images), image_shape
            )
        digits = solver.digit_images(form.shape(image_shape), self._unit(scheme), form.levels)
        return form.restore(digits, image_shape)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.known_pairs import chosen_plaintext as solver
        from ppattack.solvers.known_pairs.symbols import explained, misfit, partial_inverse

        plain, answers = observation.chosen_pairs
        if self.config.model == KEYED:
            from ppattack.solvers.any_cipher.recovery import read_by_value

            prepared = observation.scheme.representation.prepare(plain)
            return read_by_value(observation, (prepared, answers), context)
        if self._undescribed(observation.scheme):
            from ppattack.solvers.any_cipher.recovery import recover

            prepared = observation.scheme.representation.prepare(plain)
            return recover(
                observation,
                (prepared, answers),
                context,
                model=self.config.model,
                victims=VICTIMS,
                chosen=True,
            )
        observation.refuse_other_shapes(self.card.name)
        unit, form = self._unit(observation.scheme), observation.scheme.representation
        read = solver.read_key(answers, unit, form.levels)
        channels, height, width = answers.shape[1:]
        undo = partial_inverse(read.key, (channels, height, width))
        given = form.prepare(plain), answers
        limits, refuted = misfit(
            read.key,
            given,
            "the answers",
            f"permutation and mask of {unit}s",
            compressed=observation.jpeg is not None,
        )
        return Recovery(
            images=undo(observation.ciphertexts.to(context.device)),
            key=read.key,
            notes={
                "chosen plaintexts used": len(plain),
                "unit": unit,
                "impossible symbols": read.impossible,
                "answers explained": explained(read.key, *given),
            },
            limits=limits,
            refuted=refuted,
        )

    def _too_few_for_keyed(self) -> str | None:
        from ppattack.solvers.any_cipher.keyed import IMAGES

        if self.config.images >= IMAGES:
            return None
        return f"model={KEYED} needs {IMAGES:,} chosen plaintexts (--set attack.images={IMAGES})"

    def _undescribed(self, scheme: PublicScheme) -> bool:
        """Whether nothing is known of the scheme, neither from its author nor from the settings."""
        if self.config.model != "auto":
            return True
        every_level = len(scheme.representation.levels) == LEVELS
        return scheme.structure.kind == "any" and self.config.unit == "auto" and every_level

    def _unit(self, scheme: PublicScheme) -> Unit:
        asked: Literal["auto", "byte", "nibble"] = self.config.unit
        return scheme.structure.unit if asked == "auto" else asked
