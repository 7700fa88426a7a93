"""Files that are of another kind than the rest of their folder.

Every file by itself is given one of four kinds by statistics that a few hundred pixels settle:
smooth (photographs and whole blocks of them), values in place, noise, or rough. If most files are
of one kind, those that are clearly of another are named. "Clearly" is far beyond the bars of the
properties, so that an odd photograph of the same kind is not named.
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.properties import block_edges, noise, smooth
from ppattack.identify.sample import Sample
from ppattack.identify.seams import strength

FEWEST = 8
"""Files from which on the odd ones can be told."""
MAJORITY = 0.7
"""Share of files that must be of one kind."""
SMOOTH_CORRELATION, SMOOTH_GROWTH = 0.75, 1.75
ROUGH_CORRELATION = 0.35
NOISE_P, SURELY_NOT_P = 1e-3, 1e-12
"""Least p of the histograms of a file: above the first it may be noise, below the second not."""
PLACE_CORRELATION, PLACE_GROWTH = 0.3, 1.3
FLAT_GRID, SEAMS_GRID = 0.3, 1.2
"""Mean logarithm at the seams of a file without a grid, and of most files with one."""
FEWEST_SEGMENTS = 20
WORDS = {
    "smooth": "is smooth as a photograph",
    "place": "has its values in place",
    "noise": "looks like noise",
    "rough": "is rough",
    "photograph": "is a photograph without the seams of the others",
}


def odd_files(sample: Sample) -> list[tuple[int, str]]:
    """Number and description of files of another kind than most.

    Args:
        sample: all files.
    """
    if sample.count < FEWEST:
        return []
    each = [Sample(image[None]) for image in sample.images]
    kinds = [kind(one) for one in each]
    names = [name for name, _ in kinds if name is not None]
    shares = {name: names.count(name) / len(each) for name in set(names)}
    most = max(shares, key=lambda name: shares[name], default=None)
    if most is None or shares[most] < MAJORITY:
        return []
    rough = most != "smooth" and _neighbours_differ(each)
    odd = [
        (i, WORDS[found])
        for i, (found, clear) in enumerate(kinds)
        if found is not None
        and found != most
        and (clear or (found == "smooth" and rough))
        and not _doubtful(found, most, each)
    ]
    if most == "smooth":
        odd += _without_seams(each)
    return sorted(set(odd))


def kind(sample: Sample) -> tuple[str | None, bool]:
    """The kind of one file, None if it is not known, and whether that is clear."""
    near, growth = smooth.neighbour_correlation(sample.signed), smooth.growth(sample.signed)
    inside = smooth.least_growth_inside(sample.signed)
    if near > smooth.CORRELATION and growth > smooth.GROWTH and inside > smooth.GROWTH_INSIDE:
        return "smooth", near > SMOOTH_CORRELATION and growth > SMOOTH_GROWTH
    chances = noise.histogram_chances(sample.images)
    least = min(chances.values())
    if least > NOISE_P:
        return "noise", True
    if least > SURELY_NOT_P:
        return None, False
    if near > ROUGH_CORRELATION:
        return None, False
    sums = sample.folded.sum(axis=1, keepdims=True)
    growth = smooth.least_growth_inside(sums)
    if smooth.neighbour_correlation(sums) > PLACE_CORRELATION and growth > PLACE_GROWTH:
        return "place", True
    return "rough", True


def _neighbours_differ(each: list[Sample]) -> bool:
    """Whether neighbours are so little alike in most files that any smooth one is clear."""
    near = [smooth.neighbour_correlation(one.signed) for one in each]
    return float(np.median(near)) + 3 * _spread_of(near) < ROUGH_CORRELATION


def _spread_of(values: list[float]) -> float:
    """Standard deviation from the quartiles, which a few odd values do not change."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) / 1.349


def _doubtful(found: str, most: str, each: list[Sample]) -> bool:
    """Whether files of the common kind may look like the other one now and then."""
    if {found, most} == {"rough", "place"}:
        return True
    if found != "noise" or most != "rough":
        return False
    chances = [min(noise.histogram_chances(one.images).values()) for one in each]
    return float(np.quantile(chances, 0.9)) > SURELY_NOT_P


def _without_seams(each: list[Sample]) -> list[tuple[int, str]]:
    """Smooth files without the grid that most have."""
    edges = Sample(np.concatenate([one.images for one in each]))
    grid = block_edges.test(edges, {}).what
    if grid is None:
        return []
    values = [strength(one.signed, grid) for one in each]
    if values[0][1] < FEWEST_SEGMENTS:
        return []
    strengths = np.array([value for value, _ in values])
    if float(np.median(strengths)) < SEAMS_GRID:
        return []
    return [(int(i), WORDS["photograph"]) for i in np.flatnonzero(strengths < FLAT_GRID)]
