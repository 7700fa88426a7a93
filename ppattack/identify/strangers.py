"""Files that do not fit what was found of their folder, looked at one by one.

Two questions that the files of one kind answer alike:

* **Do they have the key of the others?** Under one key a file agrees with the others (see
  ``key_scope``); one of another cipher, or under another key, agrees with none. Statistic: the same
  as that of the whole folder, of one file against the others. Of 400 training files with the key
  (20 to a folder) the least is 7.7 for values in place, 25 for bytes shuffled over the image, 2.6
  for blocks of their own and .1 of the median for shared blocks; 160 foreign files have at most
  3.6, 3.3, 2.6 and .1 to .25.
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
from ppattack.identify.properties.content import block_of
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
KEY_BARS = {"values in place": 4.0, "whole image": 4.0, "own blocks": 1.6}
OTHER_KEY = "does not have the key of the others"
SHARED_BAR = 0.1
"""The agreement below which a file has another key; the last times that of most files."""
CELL = 8
"""JPEG smooths the borders of blocks inside its cells."""
LARGEST, EDGE_AT_MOST = 16, 112
"""Pixels along the largest block that is tried, and of each file."""
SEAMS, BESIDE = 0.0, 0.5
"""Log odds of having touched below which a file has seams, and their least strength."""
NO_SEAMS = 1.8
"""Log odds above which a file has none."""
OTHER_ORDER = 14.0
"""Log odds that few blocks lie in another order than they belong."""
KEPT, QUERIES, LOOKED_AT = 8.0, 64, 32
"""Log likelihood ratio of blocks that are moved only; sides and files that are looked at for it."""


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
    else:
        named = _other_keys(sample, found)
    return named if len(named) <= SHARE * sample.count else {}


def _other_keys(sample: Sample, found: Found) -> dict[int, str]:
    """Files that do not agree with the others under their one key."""
    content, scope, block = str(found["content"].what), found["key-scope"].what, block_of(found)
    if scope != "dataset" or found["unit"].what == "pixel":
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


def _other_borders(sample: Sample, found: Found) -> dict[int, str]:
    """Files with seams that the others do not have, or without those that they have."""
    common = block_of(found)
    if common is not None and (common < SMALLEST or (found["jpeg"].holds and common % CELL)):
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
    return named | _unaltered(sample, found, common)


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
    numbers = np.unique(np.linspace(0, sample.count - 1, LOOKED_AT).astype(int)).tolist()
    return {
        number: "has blocks that are moved as they are"
        for number in numbers
        if unaltered(sample.signed[number], common, QUERIES) > KEPT
    }
