"""Covariance matching: the key of a fixed-key pixel scheme from the ciphertexts alone.

Under one key every place of a ciphertext holds the same symbol of every plain image. So the
correlations of the ciphertexts are those of plain images with rows, columns and signs permuted,
and public images say what those are. It needs no pair, no chosen plaintext and no own key.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.data.stacks import Stack
from ppattack.solvers.shared_blocks import scope
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.data.stacks import Images
    from ppattack.images import ImageShape
    from ppattack.solvers.global_state.key_estimate import KeyEstimate
    from ppattack.solvers.global_state.others import Others
    from ppattack.target.base import PublicScheme
    from ppattack.target.structure import Structure

FEWEST_FREE, ENOUGH_FREE = 500, 1000
"""Ciphertexts below which a free permutation is not found, and which found every one tried."""


class CovarianceMatching(Attack):
    """Key recovery from second-order statistics, with a solver for each public structure.

    ``pixels``: complements are the signs of the correlations of neighbours; colour orders are those
    that make neighbours most probable. ``shared-block``: graph matching on the statistics of all
    blocks together; if blocks move or are large, by aligning eigenvectors, for which the blocks
    of a single ciphertext are enough, and a jigsaw puzzle after it. ``blocks``,
    ``blocks-dihedral``: graph matching, and blocks are put in their places; if a scheme lays colour
    components side by side, it is decided last which is which. ``substitution``: bytes that do not
    fit their neighbours passed the table, whose levels are those that make them fit; what comes
    back is a map. ``any``: nothing is known but the unit.

    Threat model: ciphertexts under one key, and public images of the same distribution. With one
    key per image each image is attacked alone if its blocks share a key of bytes or a table; with
    other structures there is nothing to find, and nothing is gained.

    Deviations: the reference finds the grid of pixels from distances and ignores signs; here
    public images give the correlations to look for, so that positions are absolute.

    Reference: N. Le Roux, Y. Bengio, P. Lamblin, M. Joliveau, B. Kégl: Learning the 2-D Topology
    of Images. Advances in Neural Information Processing Systems 20, 2007, pp. 841-848.
    """

    card = AttackCard(
        name="covariance-matching",
        title="Covariance matching: a fixed key from the correlations of its ciphertexts",
        reference=Reference(
            authors="N. Le Roux, Y. Bengio, P. Lamblin, M. Joliveau, B. Kégl",
            title="Learning the 2-D Topology of Images",
            venue="Advances in Neural Information Processing Systems 20, pp. 841-848",
            year=2007,
        ),
        recovers=("images", "key"),
        requires=ThreatModel(public="unpaired"),
        ciphers=("image", "tokens"),
        seconds=5.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        structure: Annotated[
            Literal["auto", "any-byte", "any-nibble"],
            Doc("auto: what the scheme makes public; any-…: only the unit is known"),
        ] = "auto"
        ciphertexts: Annotated[
            int,
            Interval(ge=0),
            Doc("learn the key from only this many ciphertexts; 0: from all"),
        ] = 0
        restarts: Annotated[
            int, Interval(ge=1, le=1000), Doc("shared-block: starts of graph matching")
        ] = 8
        rounds: Annotated[
            int,
            Interval(ge=0, le=100),
            Doc("shared blocks: searches, at most; 0: 5, or 9 for blocks of 8 pixels and less"),
        ] = 0
        upright_images: Annotated[
            str,
            Doc("more public images, of any kind, to tell which way up: folder:DIR, npz:FILE, …"),
        ] = ""

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"rounds": 1},
        "standard": {},
        "paper": {"restarts": 40},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """A scheme of the same structure; if few ciphertexts do not do, at the same number."""
        structure = self._structure(scheme)
        blocks = {"block_size": structure.block_size}
        if structure.kind == "any":
            if structure.unit == "nibble":
                return ControlTarget("ele", same_count=True)
            return ControlTarget("etc", {"block_size": 4}, same_count=True)
        if structure.kind == "blocks-dihedral":
            return ControlTarget("etc", blocks, same_count=True)
        if structure.kind == "substitution":
            return ControlTarget("block-defence-ffx", blocks, "image", same_count=True)
        if scope.applies(structure, 3):
            moved = {**blocks, "scramble": structure.moves_blocks, "flips": structure.negatives}
            return ControlTarget("vit-blocks", moved, same_count=True)
        if structure.kind == "shared-block" and not structure.moves_blocks:
            return ControlTarget("le", blocks)
        if structure.kind in ("blocks", "shared-block"):
            return ControlTarget("ele", blocks, same_count=True)
        return ControlTarget("pe", {"color_shuffle": structure.colours})

    @override
    def for_control(self, scheme: PublicScheme) -> Attack:
        """The same attack, as blind to the structure as it is here."""
        structure = self._structure(scheme)
        if structure.kind != "any":
            return self.at_control_budget()
        return type(self)(replace(self.config, structure=f"any-{structure.unit}"))

    @override
    def at_control_budget(self) -> Attack:
        """The same attack with the structure, which few ciphertexts need."""
        return type(self)(replace(self.config, structure="auto"))

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        from ppattack.solvers.covariance.limits import obstacle

        reason = super().obstacle(scheme, image_shape)
        if reason:
            return reason
        if scheme.card.cipher == "tokens" and self._structure(scheme).kind != "substitution":
            return "it reads tokens only if the scheme says that a table made them (structure=auto)"
        return obstacle(self._structure(scheme), scheme.representation.shape(image_shape))

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.global_state.others import Others
        from ppattack.solvers.shared_blocks import keys
        from ppattack.solvers.shared_blocks import recovery as shared_blocks

        observation.refuse_other_shapes(self.card.name)
        structure = self._structure(observation.scheme)
        ciphertexts = observation.ciphertexts
        learned = self._learned(observation, context)
        form = observation.scheme.representation
        public = form.prepare(observation.public_images.to(learned.device))
        began = time.monotonic()
        if structure.kind == "substitution":
            return _substituted(observation, learned, public, context)
        aligned = scope.applies(structure, int(public.shape[1]))
        enough = learned[: scope.MOST_LEARNED] if isinstance(learned, Stack) else learned
        used = len(enough if aligned else learned)
        others = Others.named(self.config.upright_images)
        one_key = observation.threat.key_scope == "dataset"
        if aligned and (why := scope.too_few(structure, enough, one_key=one_key)):
            return Recovery(images=ciphertexts.clone(), limits=why)
        if aligned:
            seed, jpeg = context.seed % 2**32, observation.jpeg
            solver = keys.taught(public, structure, seed, self.config.rounds, others, jpeg)
            estimate = shared_blocks.recover(
                ciphertexts, enough, solver, context.progress, one_key=one_key
            )
            limits = shared_blocks.limits(estimate)
        else:
            estimate = self._solve(structure, learned, public, others, observation, context)
            limits = self._limits(observation.scheme, used)
        context.progress.log(f"key estimated from {used} ciphertexts")
        notes = {
            **estimate.notes,
            "structure": f"{structure.kind}, {structure.unit}s",
            "ciphertexts_used": used,
            "public_images_used": len(public),
            "solver_seconds": round(time.monotonic() - began, 2),
        }
        return Recovery(
            images=estimate.decrypt(ciphertexts),
            key=estimate.key,
            notes=notes,
            up_to_state=True,
            limits=limits,
        )

    @override
    def sources(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.config.upright_images,)))

    def _learned(self, observation: Observation, context: Context) -> Images:
        """The ciphertexts from which the key is learned."""
        most, stack = self.config.ciphertexts or None, observation.stack
        if stack is None:
            return observation.ciphertexts[:most].to(context.device)
        return stack.part(0, min(most or len(stack), len(stack)))

    def _limits(self, scheme: PublicScheme, count: int) -> str:
        """Why a failure would say nothing about the scheme; empty if it would."""
        if self._structure(scheme).kind == "any" and count < FEWEST_FREE:
            return (
                f"{count} ciphertexts are too few where only the unit is known, bytes or "
                f"nibbles: about {ENOUGH_FREE:,} are needed (-n {ENOUGH_FREE})"
            )
        if scheme.structure.kind == "any":
            return (
                "this attack knows ciphers that move and complement symbols, and the scheme does "
                "not say that it is one: give it a 'structure', or use attacks that know it"
            )
        return ""

    def _structure(self, scheme: PublicScheme) -> Structure:
        from ppattack.target.structure import Structure

        if self.config.structure == "any-byte":
            return Structure("any", "byte")
        if self.config.structure == "any-nibble":
            return Structure("any", "nibble")
        return scheme.structure

    def _solve(
        self,
        structure: Structure,
        ciphertexts: Images,
        public: Tensor,
        others: Others | None,
        observation: Observation,
        context: Context,
    ) -> KeyEstimate:
        from ppattack.solvers.covariance import by_structure
        from ppattack.solvers.covariance.limits import block_by_block

        form = observation.scheme.representation
        shape = form.shape(observation.image_shape)
        if block_by_block(structure, shape):
            from ppattack.solvers.block_keys.recover import recover

            return recover(
                ciphertexts,
                public,
                structure.unit,
                structure.block_size,
                context.seed,
                context.workers,
                observation.jpeg,
                others,
            )
        means = by_structure.Means(
            context.numpy_stream("graph matching"),
            self.config.restarts,
            context.workers,
            observation.jpeg,
            form.panels(shape),
            others,
        )
        return by_structure.recover(structure, ciphertexts, public, shape, means)


def _substituted(
    observation: Observation, learned: Images, public: Tensor, context: Context
) -> Recovery:
    """Bytes that were looked up in a secret table, from their neighbours that were not."""
    from ppattack.solvers.substitution.recover import recover

    began = time.monotonic()
    estimate = recover(
        observation.ciphertexts,
        learned,
        public,
        observation.scheme.structure.block_size,
        context.numpy_stream("patches"),
        context.progress,
        one_key=observation.threat.key_scope == "dataset",
    )
    notes = {**estimate.notes, "solver_seconds": round(time.monotonic() - began, 2)}
    return Recovery(
        images=estimate.images,
        map=estimate.map,
        notes=notes,
        limits=estimate.limits,
        refuted=estimate.refuted,
    )
