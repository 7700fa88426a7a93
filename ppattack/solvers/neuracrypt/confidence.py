"""How many matches are likely to be right, judged without the truth.

The best one-to-one matching of noise looks good too: it is the best of very many, and landmarks
that were matched by chance confirm each other. So the attack is rehearsed under one more own key:
on codes of candidates, whose matches are known, and on codes of images that are not among the
candidates. Where the real matching lies between the two says what to expect of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score

LEAST_SHARE = 0.2
"""The least expected share of right matches for which anything is claimed: what the NeuraCrypt
challenge calls bad privacy begins here."""
FEWEST = 10
"""Codes below which nothing can be said."""
NOTHING_AT, ALL_AT = 0.05, 0.65
"""Heights, 0 with none right and 1 for the rehearsal, at which no match is expected to be right,
and as many as in the rehearsal. Found by ``benchmarks/matching_confidence.py --half fit``."""
LEAST_GAP = 0.3
"""A rehearsal that stands out less from none right tells nothing. Crops that are near twins stand
out by 0.37 at depth 7 although all are right."""
LEAST_COMMON = 0.3
"""The least mean cosine between a code and the mean of other images' codes of its place under one
key. Measured: 0.88 to 0.96 from depth 3 to 27, and 0.07 to 0.09 if every image has its own key."""
CLEAR_CHOICE = 0.5
"""Mutual choice from which on as many matches are expected to be right, whatever a rehearsal says:
that of other images' codes is below 0.2."""
STANDARDISATIONS = 3
SMALLEST = 1e-12


@dataclass(frozen=True)
class Rehearsal:
    """What the attack reaches on codes of an own key.

    Args:
        right: the share of its matches that are right.
        height: of that matching.
        null: height of a matching with none right.
        common: what the real codes of one place have in common, a mean cosine.
    """

    right: float
    height: float
    null: float
    common: float = 1.0

    def expected_share(self, height: float, choice: float = 0.0) -> float | None:
        """The share of right matches to expect of a matching, 0 to 1; None if nothing tells.

        Args:
            height: of the matching.
            choice: its :func:`mutual` choice, which also counts if the rehearsal went wrong, as it
                may with few codes.
        """
        if self.common < LEAST_COMMON:
            return 0.0
        chosen = choice if choice >= CLEAR_CHOICE else 0.0
        between = self.height - self.null
        if between < LEAST_GAP:
            return chosen or None
        relative = (height - self.null) / between
        level = min(1.0, max(0.0, (relative - NOTHING_AT) / (ALL_AT - NOTHING_AT)))
        return max(chosen, self.right * level)

    def limits(self, height: float, choice: float = 0.0) -> str:
        """Why the matches are not to be relied on, in words that follow "but"; or nothing."""
        share = self.expected_share(height, choice)
        if share is None:
            return (
                "nothing tells how many of the matches are right: under an own key right matches "
                "hardly stand out from matches by chance"
            )
        if share >= LEAST_SHARE:
            return ""
        if self.common < LEAST_COMMON:
            return (
                "codes of different images have nothing in common, as with a key for each image: "
                "what is matched is matched by contrast alone"
            )
        if self.right < LEAST_SHARE:
            why = f"under an own key the attack has {self.right:.0%} right too"
        else:
            why = (
                f"under an own key the attack has {self.right:.0%} right, but these hardly stand "
                "out from matches by chance: the codes may have other settings, other images, or a "
                "key for each image"
            )
        return f"only about {share:.0%} of the matches are expected to be right: {why}"


def height(scores: Tensor, matching: Tensor) -> float:
    """How far matched scores stand out on average, in deviations of their rows and columns.

    Args:
        scores: ``(N, M)``.
        matching: ``(N,)``.
    """
    return _matched_mean(_standardised(scores), matching)


def mutual(scores: Tensor, matching: Tensor) -> float:
    """The share of codes matched with their best candidate, of which they are the best code.

    Args:
        scores: ``(N, M)``.
        matching: ``(N,)``.
    """
    rows = torch.arange(len(scores), device=scores.device)
    found = (scores.argmax(dim=1) == matching) & (scores.argmax(dim=0)[matching] == rows)
    return found.double().mean().item()


def in_common(codes: Tensor) -> float:
    """Mean cosine between a code and the mean of the other images' codes of its place.

    Args:
        codes: ``(N, P, D)``, at least two images.
    """
    others = (codes.sum(dim=0) - codes) / (len(codes) - 1)
    return torch.cosine_similarity(codes, others, dim=2).mean().item()


def null_height(scores: Tensor, generator: torch.Generator) -> float:
    """The height of the best matching of noise with the spectrum of some scores.

    Args:
        scores: ``(N, M)``; their rows are replaced by random orthogonal combinations of them.
        generator: on the CPU.
    """
    noise = torch.randn((len(scores), len(scores)), generator=generator, dtype=torch.float64)
    mixed = torch.linalg.qr(noise).Q.to(scores) @ _standardised(scores)
    table = _standardised(mixed)
    return _matched_mean(table, greatest_score(table))


def _standardised(scores: Tensor) -> Tensor:
    """Scores whose rows and columns have mean 0 and deviation 1."""
    table = scores.clone()
    for _ in range(STANDARDISATIONS):
        for axis in (1, 0):
            table -= table.mean(dim=axis, keepdim=True)
            table /= table.std(dim=axis, correction=0, keepdim=True).clamp_min(SMALLEST)
    return table


def _matched_mean(table: Tensor, matching: Tensor) -> float:
    return table.gather(1, matching[:, None]).double().mean().item()
