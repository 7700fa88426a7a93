"""Any cipher from its ciphertexts alone: what a cryptographer would try on a scheme unknown to him.

Home-made ciphers are permutations under a keystream that is used again, chains, S-boxes, secret
matrices. Each leaves something of images that public images explain: this attack tests for it in a
second, then fits the model that can be meant, and believes it only if ciphertexts that it was not
fitted to come back as images.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.ciphertext_only.case import Case
    from ppattack.solvers.ciphertext_only.key_search import Search
    from ppattack.target.base import PublicScheme

MOST_BITS = 24.0
"""Largest key space that counts as small."""
ENOUGH_MET = 0.95
"""Probability with which the key must have been among those tried."""
FEWEST_SHOWN = 30
"""Ciphertexts below which statistics that show nothing say nothing."""
WRONG_PROOF = "what came back passed the attack's own proof, which was then wrong"
"""Why a failure says nothing even if a model was believed."""
NOTHING_SHOWN = (
    "no generic attack applies: the ciphertexts show nothing of their images in any statistic "
    "that was tried"
)


class CiphertextOnly(Attack):
    """Small key spaces, masks, chains, byte tables, block matrices and signs of transforms.

    ``key-search``: every key that the scheme draws, if there are few; one ciphertext is enough.
    ``masks``: bytes that move and are combined with a keystream by exclusive-or or addition, after
    any chain ``c_i = p_i ^ c_(i-1)`` was undone. ``table``: one secret table of bytes, and a
    permutation. ``block-matrix``: one secret orthogonal matrix for every block.
    ``transform-signs``: secret signs of DCT coefficients. ``auto``: all, in the order of their
    cost, each only if statistics allow it.

    Threat model: ciphertexts under one key (``key-search``: or a key each) and public images of the
    same distribution; ``key-search`` runs the scheme under keys of its own, if any can be drawn.

    Deviations: none published as a whole. The correlations of moved symbols are those of
    Le Roux et al., see ``covariance-matching``.

    Reference: the ppattack authors: Ciphertext-only attacks on unknown image ciphers.
    ppattack, 2026.
    """

    card = AttackCard(
        name="ciphertext-only",
        title="Any cipher from ciphertexts alone: masks, chains, tables, matrices, few keys",
        reference=Reference(
            "the ppattack authors",
            "Ciphertext-only attacks on unknown image ciphers",
            "ppattack",
            2026,
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired"),
        seconds=20.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        model: Annotated[
            Literal["auto", "key-search", "masks", "table", "block-matrix", "transform-signs"],
            Doc("the kind of cipher to try; auto: all whose statistics fit"),
        ] = "auto"
        draws: Annotated[
            int,
            Interval(ge=1, le=2**30),
            Doc("key-search: keys drawn at most; 2^b keys need about 2^b (0.7 b + 3)"),
        ] = 50_000

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"draws": 20_000},
        "standard": {},
        "paper": {"draws": 1_000_000},
    }

    @override
    def requires(self) -> ThreatModel:
        """Own keys if nothing but keys is tried."""
        return ThreatModel(public="unpaired", own_keys=self.config.model == "key-search")

    @override
    def welcomes_own_keys(self) -> bool:
        return bool(self.config.model == "auto")

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """A permutation and mask of bytes of which nothing is known, at the same number."""
        return ControlTarget("etc", {"block_size": 4}, same_count=True)

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        reason = super().obstacle(scheme, image_shape)
        if reason or self.config.model != "key-search":
            return reason
        return _too_many_keys(scheme, image_shape) or None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        began = time.monotonic()
        notes: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        if self.config.model in ("auto", "key-search"):
            why = "no other key can be drawn"
            if observation.threat.own_keys:
                why = _too_many_keys(observation.scheme, observation.image_shape)
            if why:
                reasons["key-search"] = why
            else:
                found = self._searched(observation, context, reasons, notes)
                if found is not None:
                    notes |= {"model": "small key space", "seconds": _since(began)}
                    return Recovery(images=found, notes=notes, limits=WRONG_PROOF)
        if self.config.model == "key-search":
            return _nothing(observation, reasons, notes, began, reasons["key-search"])
        return self._modelled(observation, context, reasons, notes, began)

    def _searched(
        self,
        observation: Observation,
        context: Context,
        reasons: dict[str, str],
        notes: dict[str, Any],
    ) -> Tensor | None:
        """The images under the best key of a small key space; None if none makes images."""
        from ppattack.errors import NotInvertible
        from ppattack.solvers.ciphertext_only import key_search

        target, shape = observation.scheme.target, observation.image_shape
        needed = key_search.draws_needed(target.key_space_bits(shape) or 0.0)
        try:
            found: Search = key_search.search(
                observation.ciphertexts.cpu(),
                target,
                shape,
                observation.public_images.cpu(),
                min(needed, self.config.draws),
                context.numpy_stream("key search"),
                context.progress,
                shared=observation.threat.key_scope == "dataset",
            )
        except NotInvertible:
            reasons["key-search"] = "the scheme says that it does not decrypt"
            return None
        notes["key-search"] = {
            "keys": found.keys,
            "draws": found.draws,
            "probability that the key was tried": found.met,
        }
        if found.natural:
            return found.images
        reasons["key-search"] = f"none of {found.keys:,} keys makes images of the ciphertexts"
        if found.met < ENOUGH_MET:
            reasons["key-search"] = (
                f"{found.draws:,} of the about {needed:,} draws that meet every key were made "
                f"(attack.draws={needed})"
            )
        return None

    def _modelled(
        self,
        observation: Observation,
        context: Context,
        reasons: dict[str, str],
        notes: dict[str, Any],
        began: float,
    ) -> Recovery:
        """Models of what a cipher does to all images alike."""
        from ppattack.solvers.ciphertext_only import solve

        case, why = _case(observation, context)
        if case is None:
            return _nothing(observation, reasons, notes, began, why)
        every: list[solve.Model] = ["masks", "table", "block-matrix", "transform-signs"]
        wanted = every if self.config.model == "auto" else [self.config.model]
        statistics = solve.measured(case.rows, case)
        notes["statistics"] = statistics.facts
        context.progress.log(
            f"statistics: correlation energy {statistics.dependence.energy:.2f}, chi-square "
            f"{statistics.table_chi_square:.1f}"
        )
        outcome = solve.solve(case, statistics, wanted, context.progress)
        reasons |= outcome.reasons
        if outcome.found is not None and outcome.proof is not None:
            found = outcome.found
            images = solve.decrypted(found, case.rows, case).to(context.device)
            notes |= {
                "model": found.model,
                "held-out neighbours alike": outcome.proof.alike,
                **found.notes,
                "not": reasons,
                "seconds": _since(began),
            }
            return Recovery(
                images=images, map=found.map, notes=notes, up_to_state=True, limits=WRONG_PROOF
            )
        if not outcome.reasons and len(case.rows) < FEWEST_SHOWN:
            why = f"too few ciphertexts: {len(case.rows)} of at least {FEWEST_SHOWN}"
            return _nothing(observation, reasons, notes, began, why)
        if not outcome.reasons:
            return _nothing(observation, reasons, notes, began, NOTHING_SHOWN)
        if outcome.too_few:
            why = f"too few ciphertexts: {len(case.rows)} of about {outcome.too_few}"
        else:
            why = "no model fits: " + "; ".join(f"{k}: {v}" for k, v in outcome.reasons.items())
        return _nothing(observation, reasons, notes, began, why)


def _case(observation: Observation, context: Context) -> tuple[Case | None, str]:
    """What solvers are given, or why there is nothing for them."""
    from ppattack.solvers.ciphertext_only.case import Case

    ciphertexts = observation.ciphertexts.cpu()
    public = observation.scheme.representation.prepare(observation.public_images.cpu())
    if observation.threat.key_scope == "image":
        return None, "with one key per image, ciphertexts say nothing about each other"
    if ciphertexts[0].numel() != public[0].numel():
        return None, "ciphertexts have more or fewer bytes than images: no model fits"
    channels, height, width = ciphertexts.shape[1:]
    rows = ciphertexts.contiguous().numpy().reshape(len(ciphertexts), -1)
    return Case(rows, public, (channels, height, width), context.numpy_stream("solver")), ""


def _too_many_keys(scheme: PublicScheme, shape: ImageShape) -> str:
    """Why keys are not tried one by one; empty if there are few."""
    bits = scheme.target.key_space_bits(shape)
    if bits is None:
        return "the scheme does not say how many keys it has (key_space_bits)"
    if bits == 0:
        return "the scheme says that it has no keys"
    if bits > MOST_BITS or not math.isfinite(bits):
        return f"2^{bits:.0f} keys are too many to try (at most 2^{MOST_BITS:.0f})"
    return ""


def _nothing(
    observation: Observation,
    reasons: Mapping[str, str],
    notes: Mapping[str, Any],
    began: float,
    why: str,
) -> Recovery:
    """The ciphertexts as they are, and why no image was recovered."""
    observation.refuse_other_shapes(CiphertextOnly.card.name, larger=True)
    return Recovery(
        images=observation.ciphertexts,
        notes={**notes, "model": "none", "not": dict(reasons), "seconds": _since(began)},
        limits=why,
        refuted=True,
    )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)
