"""Jigsaw solver: block scrambling undone from ciphertexts alone, one or many under one key.

Inside a block neighbours stay neighbours, so that borders tell which blocks belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from ppattack.images import ImageShape
    from ppattack.permxor import PermXor
    from ppattack.solvers.blocks.puzzle import NaturalStates, Puzzle
    from ppattack.target.base import PublicScheme

BLOCK_SIZE = 8
"""Edge of a block of the positive control if the scheme has no blocks."""


class Jigsaw(Attack):
    """Put blocks back in place by how well their borders continue each other.

    Each block can be anywhere and be turned, mirrored, complemented and recoloured, as far as the
    scheme does that. Under one key the evidence of all ciphertexts adds up; with one key per image
    every ciphertext is a separate puzzle. Public images, if there are any, decide which state of
    the whole image (of 96, or of 16 without colours) is the natural one.

    Threat model: ciphertexts, one key per image or one for all. Public images of the same
    distribution are used if they are granted.

    Deviations: the published solvers look at one image at a time, and judge by hand or by the
    truth which state of the whole image is the right one. ``paper`` keeps their measure and
    assembly; the default replaces both.

    Reference: T. Chuman, K. Kurihara, H. Kiya: Security Evaluation for Block Scrambling-Based
    ETC Systems against Extended Jigsaw Puzzle Solver Attacks. ICASSP 2017, pp. 2157-2161.
    Solver: A. Gallagher: Jigsaw Puzzles with Pieces of Unknown Orientation. CVPR 2012.
    """

    card = AttackCard(
        name="jigsaw",
        title="Jigsaw solver: scrambled blocks put back together by their borders",
        reference=Reference(
            "T. Chuman, K. Kurihara, H. Kiya",
            "Security Evaluation for Block Scrambling-Based ETC Systems against Extended Jigsaw "
            "Puzzle Solver Attacks",
            "IEEE International Conference on Acoustics, Speech and Signal Processing",
            2017,
        ),
        recovers=("images", "key"),
        requires=ThreatModel(),
        seconds=5.0,
        level="jigsaw",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        compatibility: Annotated[
            Literal["regularised-mgc", "mgc", "prediction-l2", "prediction-l1"],
            Doc("how well borders continue each other is measured; mgc: as published"),
        ] = "regularised-mgc"
        assembly: Annotated[
            Literal["rebuilding", "gallagher"],
            Doc("how blocks are put together; gallagher: as published"),
        ] = "rebuilding"
        components: Annotated[
            Literal["apart", "together"],
            Doc("blocks of brightness and of colour differences: told apart first, or one puzzle"),
        ] = "apart"
        prior: Annotated[
            Literal["public", "none"],
            Doc("public: public images choose the global state, if there are any"),
        ] = "public"
        ciphertexts: Annotated[
            int,
            Interval(ge=0),
            Doc("one key for all: compare the borders of only this many ciphertexts; 0: of all"),
        ] = 50
        attempts: Annotated[
            int,
            Interval(ge=0),
            Doc("rebuilding: a puzzle is put together so often, at most; 0: by its size"),
        ] = 0
        upright_images: Annotated[
            str,
            Doc("more public images, of any kind, to tell which way up: folder:DIR, npz:FILE, …"),
        ] = ""

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"ciphertexts": 10},
        "standard": {},
        "paper": {"compatibility": "mgc", "assembly": "gallagher"},
    }

    @override
    def welcomes_public_images(self) -> bool:
        return bool(self.config.prior == "public")

    @override
    def sources(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.config.upright_images,)))

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """The scheme's blocks, under one key."""
        blocks = scheme.structure.kind == "blocks-dihedral"
        size = scheme.structure.block_size if blocks else BLOCK_SIZE
        return ControlTarget("etc", {"block_size": size})

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        reason = super().obstacle(scheme, image_shape)
        if reason:
            return reason
        structure = scheme.structure
        if structure.kind != "blocks-dihedral":
            return "it puts whole blocks back in place, and this scheme does not keep them whole"
        if structure.block_size == 1:
            return "blocks of one pixel have no border that could continue another's"
        from ppattack.solvers.jigsaw.solve import too_many

        puzzle = self._puzzle(scheme, image_shape, 0)
        edge, count = structure.block_size, puzzle.group.count
        largest = max(area.height * area.width // edge**2 for area in puzzle.areas)
        most = too_many(largest, count, self.config.assembly)
        if most:
            return (
                f"{largest} blocks in {count} states are too many to compare (at most {most}): "
                "use smaller images"
            )
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.blocks import puzzle as block_puzzle
        from ppattack.solvers.global_state.others import Others

        observation.refuse_other_shapes(self.card.name)
        scheme = observation.scheme
        puzzle = self._puzzle(scheme, observation.image_shape, context.seed)
        others = Others.named(self.config.upright_images)
        puzzle = replace(puzzle, jpeg=observation.jpeg, others=others)
        public = None
        if observation.threat.public == "unpaired" and self.config.prior == "public":
            public = scheme.representation.prepare(observation.public_images).to(context.device)
        shared = observation.threat.key_scope == "dataset"
        natural = block_puzzle.learn(public, puzzle, one_key=shared)
        if shared:
            ciphertexts = observation.ciphertexts.to(context.device)
            compared = ciphertexts[: self.config.ciphertexts or None]
            key, notes = block_puzzle.key_of_all(ciphertexts, compared, natural)
        else:
            key, notes = self._each_alone(observation, natural, context)
        images = key.inverse()(observation.ciphertexts)
        return Recovery(images=images, key=key, notes=notes, up_to_state=puzzle.group.count > 1)

    def _puzzle(self, scheme: PublicScheme, image_shape: ImageShape, seed: int) -> Puzzle:
        from ppattack.solvers.blocks.puzzle import Puzzle

        shape = scheme.representation.shape(image_shape)
        return Puzzle(
            shape,
            scheme.structure,
            scheme.representation.panels(shape),
            self.config.compatibility,
            self.config.assembly,
            self.config.components == "apart",
            seed,
            attempts=self.config.attempts,
        )

    def _each_alone(
        self, observation: Observation, natural: NaturalStates, context: Context
    ) -> tuple[PermXor, dict[str, Any]]:
        """Solve ciphertexts under one key per image."""
        from ppattack.solvers.blocks import puzzle as block_puzzle
        from ppattack.solvers.global_state.key_estimate import together

        keys, notes = [], []
        count = len(observation.ciphertexts)
        with context.progress.task("jigsaw puzzles", count) as task:
            for i in range(count):
                one = observation.ciphertexts[i : i + 1].to(context.device)
                key, found = block_puzzle.key_of_all(one, one, natural)
                keys.append(key)
                notes.append(found)
                task.update(i + 1)
        return together(keys), {
            "blocks": notes[0]["blocks"],
            "states": notes[0]["states"],
            "confidence": sum(each["confidence"] for each in notes) / count,
            "confidence_of_each": [round(each["confidence"], 4) for each in notes],
            "global_state": notes[0]["global_state"],
        }
