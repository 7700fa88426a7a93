"""Parts of images: what files of several sizes all have, and what a grid of blocks fits into.

Both are cut from the upper left. Ciphers of blocks begin their grid there, so that the part shows
the same blocks; what else a cipher does over a whole image is seen in a part as well. Only keys
over whole images cannot be compared between sizes (see
:meth:`~ppattack.identify.reading.Read.of_commonest_size`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ppattack.identify.arrays import in_words
from ppattack.identify.mixture import EDGE_AT_MOST, MOST, kind
from ppattack.identify.sample import Sample

LEAST = 0.5
"""Edges of a file, at least, times the median of all: less is much smaller than the others."""
BLOCKS, ASKED_AT_MOST = (7, 8, 14, 16), 8
"""Blocks that fit into the part that is looked at, and files that are asked for theirs."""
Images = Mapping[str, NDArray[np.generic]]


def alike_but_for_size(arrays: Images) -> tuple[Images, dict[str, str]]:
    """Images with the channels of most that are not much smaller than the others.

    Args:
        arrays: by name; images are ``(C, H, W)`` uint8, H and W of any size.

    Returns:
        these images, and the reason for each of the others.
    """
    channels = Counter(each.shape[0] for each in arrays.values() if each.dtype == np.uint8)
    if not channels:
        return {}, {}
    most = channels.most_common(1)[0][0]
    same = {n: a for n, a in arrays.items() if a.dtype == np.uint8 and a.shape[0] == most}
    odd = {name: f"is {in_words(array)}" for name, array in arrays.items() if name not in same}
    least = LEAST * np.median([array.shape[1:] for array in same.values()], axis=0)
    small = [name for name, array in same.items() if (np.array(array.shape[1:]) < least).any()]
    odd |= {name: f"is {in_words(same.pop(name))}, much smaller than the others" for name in small}
    return same, odd


def common_part(arrays: Images) -> dict[str, NDArray[np.generic]]:
    """The upper left of each image, ``(C, h, w)``: the least height and the least width of all."""
    height, width = np.min([array.shape[1:] for array in arrays.values()], axis=0)
    return {name: array[:, :height, :width] for name, array in arrays.items()}


def grid_that_does_not_fit(sample: Sample) -> int | None:
    """Edge of blocks that leave a remainder at the right or below; None if most files have none.

    Other questions are asked of blocks that fit only. Files may have been cut, or a cipher may
    have left the remainder as it was.
    """
    height, width = sample.edges
    cut = sample.images[:ASKED_AT_MOST, :, :EDGE_AT_MOST, :EDGE_AT_MOST]
    if max(height, width) <= EDGE_AT_MOST:  # all of it is looked at, in blocks that fit
        return None
    if not any(height % block or width % block for block in BLOCKS):
        return None
    found = Counter(known for known in map(kind, cut) if known is not None)
    (_, block), many = found.most_common(1)[0] if found else (("", None), 0)
    fits = block is None or not (height % block or width % block)
    return None if fits or many < MOST * len(cut) else block
