"""Known plaintexts: what a scheme does under one key, from a few images and their ciphertexts.

The values that a symbol takes in the known images are its signature; a pixel scheme carries it,
complemented or not, to where the symbol goes. Of a scheme that says nothing of its structure,
models are tried in order of cost until one is proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.solvers.any_cipher import ModelName
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from ppattack.target.base import PublicScheme
    from ppattack.target.structure import Structure


class KnownPlaintext(Attack):
    """Key recovery from known plaintexts, for schemes that move and complement symbols.

    Signatures are folded by the complement and matched by hashing. With ``structure`` the match
    respects what the scheme makes public: pixels stay in place (channel order and complements
    are found pixel by pixel), blocks share one permutation (every block is one more pair),
    blocks move whole (they are matched first), or are turned and mirrored whole (each is matched
    in all its states). Symbols that no known pair tells apart are told apart by the victims'
    ciphertexts, in which neighbouring pixels must come out alike; the rest is matched in order.

    A scheme without a declared structure that is no permutation and complement is tried as
    permuted bytes, pixels, nibbles or bits under any mask, before or behind a chain; as one secret
    table or a table for every byte; as rounds of permutation and chaining; as any affine map of
    bit planes; as linear maps of blocks and signs of transforms. What fits is a map that decrypts.

    Threat model: ``pairs`` known plaintext-ciphertext pairs under the one key of the data set.

    Deviations: it assumes that ciphertexts have no noise (no JPEG between encryption and
    attack), except for pixel-wise schemes, which are matched by the least difference. With a
    declared structure masks other than complements are not found; ``chosen-plaintext`` finds any.

    Reference: the ppattack authors: Known-plaintext key recovery by signatures. ppattack, 2026.
    """

    card = AttackCard(
        name="known-plaintext",
        title="Known plaintexts: symbols matched by the values that they take",
        reference=Reference(
            "the ppattack authors",
            "Known-plaintext key recovery by signatures",
            "ppattack",
            2026,
        ),
        recovers=("key", "images"),
        requires=ThreatModel(pairs=8, key_scope="dataset"),
        seconds=0.1,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        pairs: Annotated[int, Interval(ge=1, le=10_000), Doc("known pairs")] = 8
        structure: Annotated[
            bool,
            Doc("use what the scheme says about where symbols can have gone; false: only its unit"),
        ] = True
        unit: Annotated[
            Literal["auto", "byte", "nibble"],
            Doc("what is moved, without structure; auto: what the scheme says"),
        ] = "auto"
        ciphertexts: Annotated[
            int,
            Interval(ge=0),
            Doc("victims' ciphertexts that break ties between symbols, at most; 0: ties stay"),
        ] = 1000
        model: Annotated[
            ModelName,
            Doc("for schemes without a declared structure; auto: all, the cheapest first"),
        ] = "auto"

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    @override
    def requires(self) -> ThreatModel:
        return ThreatModel(pairs=self.config.pairs, key_scope="dataset")

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        return ControlTarget("etc", {"block_size": 4})

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.any_cipher.recovery import recover, with_map

        described = observation.scheme.structure.kind != "any" or observation.jpeg is not None
        if described:
            observation.refuse_other_shapes(self.card.name, larger=True)
        matched = self._matched(observation, context) if observation.holds_images else None
        if matched is not None and self.config.model == "auto":
            if described:
                return matched
            if not matched.limits:
                return with_map(matched, observation)
        plain, ciphertexts = observation.known_pairs
        return recover(
            observation,
            (observation.scheme.representation.prepare(plain), ciphertexts),
            context,
            model=self.config.model,
            victims=self.config.ciphertexts,
            chosen=False,
            otherwise=matched,
        )

    def _matched(self, observation: Observation, context: Context) -> Recovery:
        """The key, if the scheme is a permutation and complement of symbols."""
        from ppattack.solvers.known_pairs import symbols
        from ppattack.solvers.known_pairs.known_plaintext import match_key
        from ppattack.solvers.known_pairs.tie_breaking import break_ties

        plain, ciphertexts = observation.known_pairs
        plain = observation.scheme.representation.prepare(plain)
        structure = self._structure(observation.scheme)
        match = match_key(plain, ciphertexts, structure)
        channels, height, width = ciphertexts.shape[1:]
        key = break_ties(
            match.key,
            match.ties,
            (plain[:1], ciphertexts[:1]),
            observation.ciphertexts[: self.config.ciphertexts],
        )
        undo = symbols.partial_inverse(key, (channels, height, width))
        limits, refuted = symbols.misfit(
            key,
            (plain, ciphertexts),
            f"{len(plain)} known pairs",
            f"permutation and complement of {structure.unit}s",
            compressed=observation.jpeg is not None,
            partly=symbols.follows(key, plain, ciphertexts) >= symbols.FOLLOWS,
        )
        tied = sum(map(len, match.ties))
        if observation.jpeg is None and (not limits or tied > key.symbols / 2):
            few = symbols.too_few_pairs(match.certain, len(plain), key.symbols)
            limits = few  # of a scheme that does not fit a gain would still be luck
        return Recovery(
            images=undo(observation.ciphertexts.to(context.device)),
            key=key,
            notes={
                "structure": structure.kind,
                "unit": structure.unit,
                "certain symbols": match.certain,
                "tied symbols": tied,
                "pairs explained": symbols.explained(key, plain, ciphertexts),
            },
            limits=limits,
            refuted=refuted,
        )

    def _structure(self, scheme: PublicScheme) -> Structure:
        from ppattack.target.structure import Structure

        if self.config.structure:
            return scheme.structure
        unit = scheme.structure.unit if self.config.unit == "auto" else self.config.unit
        return replace(Structure(), unit=unit)
