"""Files that do not fit what was found of their folder, looked at one by one.

Questions that the files of one kind answer alike:

* **Do they have the key of the others?** Under one key a file agrees with the others (see
  ``key_scope``); one of another cipher, or under another key, agrees with none. Statistic: the same
  as that of the whole folder, of one file against the others. Of 400 training files with the key
  (20 to a folder) the least is 7.7 for values in place, 25 for bytes shuffled over the image, 2.6
  for blocks of their own and .1 of the median for shared blocks; 160 foreign files have at most
  3.6, 3.3, 2.6 and .25, most of them half of that or less.
* **Do the same blocks have one key**, if each file has its own (see ``shared_blocks``)?
* **Do their borders fit as those of the others do?** Photographs without seams, moved blocks with
  those of their size and no smaller ones, altered or not (see ``touching``).

A file is named only if its value is far beyond what files of the common kind have.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.finding import Found
from ppattack.identify.one_key import (
    covariances_of_each,
    moments_of_places,
    orders,
    ratios_of_pairs,
    signs,
    within_blocks,
)
from ppattack.identify.properties import shared_blocks
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.jpeg import came_last
from ppattack.identify.properties.smooth import least_growth_inside, neighbour_correlation
from ppattack.identify.sample import Floats, Sample, common_blocks
from ppattack.identify.seams import strength
from ppattack.identify.touching import (
    FEW_BLOCKS,
    SMALLEST,
    as_it_lies,
    odds_as_they_lie,
    unaltered,
)

FEWEST, SHARE = 16, 0.2
"""Files from which on one file is compared with the others, and their share at most."""
KEY_BARS = {"values in place": 4.0, "whole image": 4.0, "own blocks": 2.0}
OTHER_KEY = "does not have the key of the others"
SHARED_BAR = 0.06
"""The agreement below which a file has another key; the last times that of most files."""
LARGEST, EDGE_AT_MOST = 16, 112
"""Pixels along the largest block that is tried, and of each file."""
SEAMS, BESIDE = 0.0, 0.5
"""Log odds of having touched below which a file has seams, and their least strength."""
NO_SEAMS = 1.8
"""Log odds above which a file has none."""
OTHER_ORDER = 14.0
"""Log odds that few blocks lie in another order than they belong."""
NO_KEY, OTHER_BLOCKS, FEWEST_WINDOWS = 1.6, 3.2, 16
"""Excess of ``shared-blocks`` over 1, times the root of the windows at a place, that a file with
the common key has at least, and one without a key in such blocks at most. Single training files
under keys of their own: at least 3.7 and 2.1 of 4,800, at most 1.0 and 1.7 of 2,000 (blocks of 4
and 8 px); twice the second among values in place."""
MOVED_ALIKE, MOVED_GROWTH = 0.3, 1.05
"""Correlation and growth of folded values below which they are not in place: none of 2,800."""
KEPT, QUERIES, LOOKED_AT, MOST_BLOCKS = 8.0, 64, 32, 1024
"""Log likelihood ratio of blocks that are moved only; sides, files and blocks that are looked at
for it, at most."""


def strangers(sample: Sample, found: Found) -> dict[int, str]:
    """Number and description of files that do not fit; none if they are too many.

    Args:
        sample: files of one size.
        found: what was found of all.
    """
    if sample.count < FEWEST:
        return {}
    content = found["content"].what
    if content in ("photographs", "whole blocks"):
        named = _other_borders(sample, found)
    elif found["key-scope"].what == "dataset":
        named = _other_keys(sample, found)
    else:
        # JPEG makes values of a cell alike, whatever the key.
        named = {} if found["jpeg"].holds else _other_blocks(sample, found)
    return named if len(named) <= SHARE * sample.count else {}


def _other_keys(sample: Sample, found: Found) -> dict[int, str]:
    """Files that do not agree with the others under their one key."""
    content, block = str(found["content"].what), block_of(found)
    if found["unit"].what == "pixel":
        return {}
    values, flat = sample.signed, sample.signed.reshape(sample.count, -1)
    if content == "values in place":
        pairs = ratios_of_pairs(flat, signs)
    elif content == "whole image":
        pairs = ratios_of_pairs(flat - flat.mean(axis=1, keepdims=True), orders)
    elif content == "own blocks" and block is not None:
        pairs = ratios_of_pairs(within_blocks(values, block), orders)
    elif content == "shared blocks" and block is not None:
        rng = np.random.default_rng(0)
        pairs = covariances_of_each(moments_of_places(values, block, rng))
    else:
        return {}
    agreement = (pairs.sum(axis=1) - np.diag(pairs)) / (sample.count - 1)
    bar = KEY_BARS.get(content, SHARED_BAR * float(np.median(agreement)))
    return dict.fromkeys(np.flatnonzero(agreement < bar).tolist(), OTHER_KEY)


def _other_blocks(sample: Sample, found: Found) -> dict[int, str]:
    """Files of which other blocks have one key than of the others; each file has its own key."""
    content, common = found["content"].what, block_of(found)
    if content == "shared blocks" and common is not None:
        larger, bar = [2 * common], OTHER_BLOCKS
    elif content == "values in place":
        common, larger, bar = None, [SMALLEST, 2 * SMALLEST], 2 * OTHER_BLOCKS
    else:
        return {}
    named: dict[int, str] = {}
    for number in _looked_at(sample):
        one = Sample(sample.images[number : number + 1, :, :EDGE_AT_MOST, :EDGE_AT_MOST])
        own, root = (0.0, 0.0) if common is None else _one_key(one, common)
        if own * root < NO_KEY and common is not None:
            named[number] = f"has no key common to blocks of {common} px"
        excesses = {b: _one_key(one, b) for b in larger}
        other = next((b for b, (e, r) in excesses.items() if e * r > bar and e > own), None)
        if other is not None:
            named[number] = f"has a key common to blocks of {other} px"
        if common is None and _values_moved(one):
            named[number] = "does not have its values in place"
    return named


def _one_key(one: Sample, block: int) -> tuple[float, float]:
    """Excess of ``shared_blocks`` over 1, and the root of the windows at a place; NaN if few."""
    windows = math.prod(one.edges) // block**2
    if any(edge % block for edge in one.edges) or windows < FEWEST_WINDOWS:
        return math.nan, math.nan
    return shared_blocks.strength(one, block) - 1, math.sqrt(windows)


def _values_moved(one: Sample) -> bool:
    """Whether folded values of one file are surely not those of a photograph in place."""
    sums = one.folded.sum(axis=1, keepdims=True)
    return neighbour_correlation(sums) < MOVED_ALIKE and least_growth_inside(sums) < MOVED_GROWTH


def _looked_at(sample: Sample) -> list[int]:
    """Numbers of the files that are looked at alone where that takes long."""
    return sorted({int(i) for i in np.linspace(0, sample.count - 1, LOOKED_AT)})


def _other_borders(sample: Sample, found: Found) -> dict[int, str]:
    """Files with seams that the others do not have, or without those that they have."""
    common = block_of(found)
    # JPEG smooths the borders of blocks, whether they touched or not.
    if common is not None and (common < SMALLEST or came_last(found, "whole blocks", common)):
        return {}
    cut = Sample(sample.images[:, :, :EDGE_AT_MOST, :EDGE_AT_MOST])
    sizes = [size for size in common_blocks(cut.edges, LARGEST) if size >= SMALLEST]
    smaller = [s for s in sizes if common is None or (s < common and not common % s)]
    few = common is not None and math.prod(cut.edges) <= FEW_BLOCKS * common**2
    named: dict[int, str] = {}
    for number, image in enumerate(cut.signed):
        seams = next((size for size in smaller if has_seams(image, size)), None)
        if seams is not None:
            named[number] = f"has seams every {seams} px, as the others have not"
        elif common in sizes and not few and odds_as_they_lie(image, common) > NO_SEAMS:
            named[number] = f"has no seams every {common} px, as the others have"
    return _unaltered(sample, found, common) | named


def has_seams(image: Floats, block: int) -> bool:
    """Whether blocks of one file do surely not lie where they belong.

    Args:
        image: ``(C, H, W)``, less its middle.
        block: edge of a block.
    """
    if image.shape[1] * image.shape[2] <= FEW_BLOCKS * block**2:
        return as_it_lies(image, block) < -OTHER_ORDER
    return odds_as_they_lie(image, block) < SEAMS and strength(image[None], block)[0] > BESIDE


def _unaltered(sample: Sample, found: Found, common: int | None) -> dict[int, str]:
    """Files whose blocks are moved as they are, among files whose blocks are altered."""
    if common is None or not found["altered"].holds:
        return {}
    if math.prod(sample.edges) > MOST_BLOCKS * common**2:
        return {}
    return {
        number: "has blocks that are moved as they are"
        for number in _looked_at(sample)
        if unaltered(sample.signed[number], common, QUERIES) > KEPT
    }
