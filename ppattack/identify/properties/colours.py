"""Do the colours of a pixel, or of a block, change places by the key?

* Values in place: colours of one name are more alike in neighbouring pixels than colours of
  different names. Statistic: squared difference of ``|v - 127.5|`` of unlike over like channels of
  neighbours. Null if they are shuffled: 1.
* Whole blocks that lie on a grid of 8 pixels and came from JPEG files: colour shuffles take part of
  the cells off the lattice of the compression (see ``jpeg``).
* Other whole blocks: which channel lies between the other two, on average over a block, is often
  the same all over a photograph, and a complement does not change it. Statistic: the agreement of
  blocks (0 if shuffled, see ``complements``).

In grey or nearly grey images nothing tells: undecided. Nor does anything if values are in place and
JPEG halved the colours, which leaves the brightness of sums of complemented and other values.
Bars from training images (``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.coherence import agreement, independent
from ppattack.identify.finding import Answer, Finding, Found, answered
from ppattack.identify.properties import altered
from ppattack.identify.properties.complements import block_means
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.sample import Floats, Sample

NAME = "colours"
PLACE_LOW, PLACE_HIGH = 1.02, 1.06
CELL = 8
SHUFFLED_CELLS = 0.62
"""Share of cells on the lattice of an earlier JPEG compression, below which colours moved."""
COARSE_QUALITY = 85
"""JPEG of higher quality has steps so small that cells leave the lattice by rounding."""
GREEN_ALWAYS, GREEN_OFTEN = 0.95, 0.75
GREEN_WEIGHT = 0.6
"""How much the place of green counts where agreement leaves colours undecided."""
LEAST_AGREEMENT = 0.28
"""The agreement that whole blocks of photographs have at least, over 20 files or more."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether channels look exchanged."""
    content, block = found["content"].what, block_of(found)
    if sample.images.shape[1] == 1:
        return Finding(NAME, "no", "there is one channel", "none", None, "")
    if altered.is_denied(found):
        words = "the colours of a block keep their places"
        return Finding(NAME, "no", words, "see altered", None, "")
    if content == "values in place":
        value = unlike_over_like(sample.folded)
        answer: Answer = "yes" if value < PLACE_LOW else "no" if value > PLACE_HIGH else "undecided"
        if halves_colours(found):
            answer = "undecided"
        statistic = "squared difference of unlike over like channels of neighbours"
        return _told(answer, statistic, value, "1 if colours are shuffled", PLACE_LOW, "pixel")
    if content == "whole blocks" and block is not None:
        means = block_means(sample.images, block)
        measured = agreement(middle_channel(means))
        answer = answered(independent(measured, sample.count, LEAST_AGREEMENT))
        if answer == "no" and altered.may_agree(sample, found):
            answer = "undecided"
        statistic = "agreement of blocks in which channel is the middle one"
        null = "0 if colours are shuffled"
        share = share_of_cells(found)
        if not block % CELL and share < SHUFFLED_CELLS:
            words = "share of JPEG cells that colour shuffles left on their lattice"
            return _told(
                "yes", words, share, "0.7 to 1 if colours are kept", SHUFFLED_CELLS, "block"
            )
        green = GREEN_WEIGHT * green_in_the_middle(means)
        return _told(
            answer,
            statistic,
            measured.value,
            null,
            LEAST_AGREEMENT,
            "block",
            float(np.clip(measured.lean + green, -1, 1)),
        )
    answer = "no" if content == "photographs" else "undecided"
    return Finding(NAME, answer, "there is no colour order to tell", "none", None, "")


def _told(
    answer: Answer,
    statistic: str,
    value: float,
    null: str,
    bar: float,
    what: str,
    lean: float = 0.0,
) -> Finding:
    words = {
        "yes": f"the colours of each {what} change places",
        "no": f"the colours of a {what} keep their places",
    }.get(answer, "nothing tells whether colours change places")
    return Finding(NAME, answer, words, statistic, value, null, bar, lean=lean)


def share_of_cells(found: Found) -> float:
    """Share of cells on the lattice of JPEG; 1 without JPEG, or where its steps are too small."""
    jpeg = found["jpeg"]
    if not jpeg.holds or int(str(jpeg.what).partition(":")[0]) > COARSE_QUALITY:
        return 1.0
    return float(jpeg.facts.get("share of cells", 1.0))


def unlike_over_like(folded: Floats) -> float:
    """Squared differences of neighbours, unlike over like channels, ``(N, C, H, W)``."""
    like = unlike = 0.0
    channels = folded.shape[1]
    for one in range(channels):
        for other in range(channels):
            across = np.square(folded[:, one, :, 1:] - folded[:, other, :, :-1]).mean()
            down = np.square(folded[:, one, 1:] - folded[:, other, :-1]).mean()
            if one == other:
                like += float(across + down) / channels
            else:
                unlike += float(across + down) / (channels * (channels - 1))
    return unlike / max(like, 1e-9)


def green_in_the_middle(means: Floats) -> float:
    """Whether green lies between red and blue as often as in photographs (-1) or less often (1).

    In three quarters of all photographs it does in more than half of the blocks, weighted by the
    spread of the three; if colours are shuffled in a third of them.

    Args:
        means: ``(N, M, 3)``.
    """
    spread = means.max(axis=2) - means.min(axis=2) + np.float32(1e-6)
    middle = np.argsort(np.argsort(means, axis=2), axis=2)[:, :, 1] == 1
    shares = (middle * spread).sum(axis=1) / spread.sum(axis=1)
    return float(
        np.where(shares > GREEN_ALWAYS, -1.0, np.where(shares < GREEN_OFTEN, 0.4, -0.2)).mean()
    )


def middle_channel(means: Floats) -> Floats:
    """Which channel is the middle one, as a vector of sum 0 weighted by the spread of the three.

    Args:
        means: ``(N, M, 3)``.
    """
    ranks = np.argsort(np.argsort(means, axis=2), axis=2)
    spread = means.max(axis=2, keepdims=True) - means.min(axis=2, keepdims=True)
    made: Floats = ((ranks == 1) - np.float32(1 / 3)).astype(np.float32) * spread
    return made
