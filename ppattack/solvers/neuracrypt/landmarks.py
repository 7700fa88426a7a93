"""Inner products of codes: almost the same under every key, and different for every image.

A wide random network keeps the geometry of its inputs: the inner product of two codes of one
position depends on what the two patches show and hardly on the key. Codes of candidates under the
adversary's own keys therefore predict the victims' inner products, and a matching that is partly
right names enough landmarks to correct the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.context import Progress, SilentProgress
from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.alternation import Alternation, Views, add_scores, places_of
from ppattack.solvers.neuracrypt.codes import Codes

SMALLEST = 1e-20
IMAGES_AT_ONCE = 128
"""Images whose features are fitted at a time, in double precision."""


def similarities(vectors: Tensor | Codes, landmarks: Tensor) -> Tensor:
    """Cosines to landmark images, position by position.

    Args:
        vectors: ``(N, P, D)`` codes, in one order.
        landmarks: ``(L,)`` int64, images among them.

    Returns:
        ``(N, P, L)``: cosines of the deviations from the mean code of the position. Those of a
        landmark with itself are 0: they would tie every landmark to its present match.
    """
    codes = Codes.of(vectors)
    centre = codes.mean()
    units = directions(codes[landmarks], centre)
    out = centre.new_empty((len(codes), len(centre), len(landmarks)))
    for rows, part in codes.batches():
        out[rows] = cosines(part, centre, units)
    return without_themselves(out, landmarks)


def directions(vectors: Tensor, centre: Tensor) -> Tensor:
    """Unit vectors ``(P, N, D)`` of vectors ``(N, P, D)`` minus a vector of each position."""
    return functional.normalize((vectors - centre).transpose(0, 1), dim=2)


def cosines(vectors: Tensor, centre: Tensor, units: Tensor) -> Tensor:
    """Inner products of directions, ``(N, P, L)``.

    Args:
        vectors: ``(N, P, D)``.
        centre: ``(P, D)``.
        units: ``(P, L, D)`` directions of the landmarks.
    """
    return torch.bmm(directions(vectors, centre), units.transpose(1, 2)).transpose(0, 1)


def without_themselves(products: Tensor, landmarks: Tensor) -> Tensor:
    """Similarities ``(N, P, L)`` with 0, in place, for a landmark and itself."""
    products[landmarks, :, torch.arange(len(landmarks), device=landmarks.device)] = 0
    return products


def refine(
    energy: Views,
    plain: Tensor,
    vectors: Tensor | Codes,
    landmarks: Tensor,
    start: Alternation,
    known: Tensor | None,
    rounds: int,
    progress: Progress | None = None,
) -> Alternation:
    """Match by energies and by cosines to the landmarks matched before, until nothing changes.

    Args:
        energy: ``(M, P, 1)`` of the candidates and ``(N, P, 1)`` of the codes.
        plain: ``(M, P, L)`` similarities of the candidates, averaged over own keys.
        vectors: ``(N, P, D)`` victims' codes, in one order.
        landmarks: ``(L,)`` candidates.
        start: the matching and places to start from.
        known: ``(P,)`` the places if they are known, else None.
        rounds: at most.
        progress: is told the share of matches that each round changed.
    """
    found = start
    for done in range(1, rounds + 1):
        codes, matched = _similar_codes(vectors, found.matching, landmarks, len(plain))
        if not matched.any():
            break
        views = (energy, Views(plain if matched.all() else plain[:, :, matched], codes))
        # Energies of a matching that is partly right tell the places best.
        places = places_of(energy, found.matching) if known is None else known
        scores = found.scores.new_zeros(found.scores.shape)
        for view in views:
            _add_likelihoods(scores, view, found, places)
        before, found = found, Alternation(greatest_score(scores), places, scores, done)
        changed = (before.matching != found.matching).double().mean().item()
        (progress or SilentProgress()).log(f"round {done} changed {changed:.1%} of the matches")
        if not changed:
            break
    return found


def _similar_codes(
    vectors: Tensor | Codes, matching: Tensor, landmarks: Tensor, candidates: int
) -> tuple[Tensor, Tensor]:
    """Similarities of codes to those matched with landmarks, and which landmarks are matched."""
    partners = torch.full((candidates,), -1, device=landmarks.device)
    partners[matching] = torch.arange(len(matching), device=landmarks.device)
    matched = partners[landmarks] >= 0
    return similarities(vectors, partners[landmarks[matched]]), matched


def joined(views: Sequence[Views]) -> Views:
    """All features of several views."""
    return Views(
        torch.cat([view.plain for view in views], dim=2),
        torch.cat([view.codes for view in views], dim=2),
    )


def _add_likelihoods(scores: Tensor, view: Views, found: Alternation, places: Tensor) -> None:
    """Add twice the logarithms of likelihoods of every pair to ``(N, M)`` scores.

    Codes are taken for a linear function of their candidate and noise, fitted to the pairs found
    before.
    """
    line = _Line.fitted(view, found)
    for codes, plain in view.parts(places):
        add_scores(
            scores,
            (codes - line.codes_mean) / line.noise,
            (plain - line.plain_mean) * (line.slope / line.noise),
        )


@dataclass(frozen=True)
class _Line:
    """Features of codes as a linear function of their candidates': means, slope, noise."""

    plain_mean: float
    codes_mean: float
    slope: float
    noise: float

    @classmethod
    def fitted(cls, view: Views, found: Alternation) -> _Line:
        """The line through matched features, least squares; its slope is not below 0."""
        count, sums = 0, torch.zeros(5, dtype=torch.float64)
        for codes, plain in zip(
            view.codes.split(IMAGES_AT_ONCE), found.matching.split(IMAGES_AT_ONCE), strict=True
        ):
            x, y = view.plain[plain][:, found.places].double(), codes.double()
            count += x.numel()
            products = (x, y, x * x, x * y, y * y)
            sums += torch.stack([part.sum() for part in products]).cpu()
        x_mean, y_mean, xx, xy, yy = (sums / count).tolist()
        xx, xy, yy = xx - x_mean**2, xy - x_mean * y_mean, yy - y_mean**2
        slope = max(xy / max(xx, SMALLEST), 0.0)
        noise = max(yy - 2 * slope * xy + slope**2 * xx, SMALLEST) ** 0.5
        return cls(x_mean, y_mean, slope, noise)
