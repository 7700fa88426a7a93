"""Whether bytes are chained, and in which order: a change runs on to the end of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.probes.finding import Finding
from ppattack.probes.footprints import SCANS, Footprints

CHAINED_BIT = 6
"""The bit that is flipped: with the highest one, sums and exclusive-or are the same."""
RUN_ON = 0.98
"""Share of the bytes behind the first change that change too. A chain has all of them, or 255 of
256 if bytes go through tables on the way; what does not run on has far less."""
EARLY = 0.02
"""Share of the bytes behind which the first change is in half of the places, if bytes are chained:
it follows the place that was flipped."""
CONSTANT = 0.99
"""Share of them that change by the same number, as in ``c[i] = p[i] ^ c[i-1] ^ k[i]``."""


def chaining(found: Footprints) -> Finding:
    """The order of bytes in which nothing before the first change changes, and all behind it.

    Statistic: the share of bytes behind the first change that change too, mean over places, in the
    best of six orders. Measured 1.0 for one round of chaining, and no order for two rounds.
    """
    answers = found.flipped[:, CHAINED_BIT]
    xor, difference = answers ^ found.base, answers - found.base
    for name, order in scans(found.cipher_shape).items():
        share = _share_behind(xor[:, order] != 0)
        if share < RUN_ON:
            continue
        kind = "mixed"
        for each, values in (("xor", xor[:, order]), ("add", difference[:, order])):
            if _constant_behind(values) >= CONSTANT:
                kind = each
                break
        scan, direction = name.split()
        kinds = {
            "xor": "by exclusive-or",
            "add": "by addition modulo 256",
            "mixed": "through something that is not linear",
        }
        words = f"bytes are chained {direction} in the order {scan}, {kinds[kind]}"
        facts = {"scan": scan, "direction": direction, "combine": kind}
        return Finding("chained", True, words, round(share, 4), RUN_ON, facts)
    return Finding("chained", False, "no order in which a change runs on to the end", bar=RUN_ON)


def scans(shape: ImageShape) -> dict[str, NDArray[np.intp]]:
    """Six orders of the bytes of an image, by name."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    found = {}
    for name, axes in SCANS.items():
        order = numbers.transpose(axes).ravel()
        found[f"{name} forth"], found[f"{name} back"] = order, order[::-1]
    return found


def _share_behind(changed: NDArray[np.bool_]) -> float:
    """The mean share of bytes that change from the first change on; 0 if nothing can be said.

    One change near the end says nothing, so places are taken only if a tenth of the bytes follow;
    and if nearly all begin at the first byte, every byte changes and nothing is chained.
    """
    size = changed.shape[1]
    first = np.where(changed.any(axis=1), changed.argmax(axis=1), size)
    far = first < 0.9 * size
    if far.sum() < 2 or np.median(first) < EARLY * size:
        return 0.0
    shares = [row[at:].mean() for row, at in zip(changed[far], first[far], strict=True)]
    return float(np.mean(shares))


def _constant_behind(values: NDArray[np.uint8]) -> float:
    changed = values != 0
    first = changed.argmax(axis=1)
    shares = [
        (row[at:] == row[at]).mean()
        for row, at, any_ in zip(values, first, changed.any(axis=1), strict=True)
        if any_
    ]
    return float(np.mean(shares))
