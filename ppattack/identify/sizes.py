"""Files of several sizes: the part that all of them have, cut from their upper left.

Ciphers of blocks begin their grid there, so that the part shows the same blocks; what else a cipher
does over a whole image is seen in a part as well. Only keys over whole images cannot be compared
between sizes (see :meth:`~ppattack.identify.reading.Read.of_commonest_size`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ppattack.identify.arrays import in_words

LEAST = 0.5
"""Edges of a file, at least, times the median of all: less is much smaller than the others."""
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
