"""Are blocks turned by quarters?

In a photograph horizontal steps are larger than vertical ones, or smaller, in most blocks alike; a
quarter turn exchanges them. Statistic: the agreement of blocks in ``(across - down) / (across +
down)`` of the squared steps inside them (0 if they are turned at random, see ``complements``).
Mirroring alone, and turns by 180 degrees, cannot be seen. Bars from training images
(``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.coherence import agreement, independent
from ppattack.identify.finding import Answer, Finding, Found, answered
from ppattack.identify.properties import altered
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import Floats, Sample

NAME = "turned"
FEWEST = 5
"""Files that are needed: one shows too little direction."""
LEAST_AGREEMENT = 0.06
"""The agreement that whole blocks of photographs have at least, over 20 files or more."""

DOUBT = 0.04
"""Agreement above which blocks are not said to be turned: of 20 training files of 32 px turned
blocks have 0.033 at most, others 0.049 at least."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether directions look exchanged."""
    block = block_of(found)
    if found["content"].what != "whole blocks" or block is None:
        # A few large blocks of one small image may have moved though it looks like a photograph.
        whole = found["content"].what == "photographs" and sample.count >= FEWEST
        empty: Answer = "no" if whole else "undecided"
        return Finding(NAME, empty, "there are no whole blocks", "none", None, "")
    if altered.is_denied(found):
        why = "blocks are not turned by quarters"
        return Finding(NAME, "no", why, "see altered", None, "")
    measured = agreement(directions(sample.signed, block))
    turned = independent(measured, sample.count, LEAST_AGREEMENT)
    doubtful = sample.count < FEWEST or (turned and measured.value > DOUBT)
    doubtful = doubtful or (turned is False and altered.may_agree(sample, found))
    answer = answered(None if doubtful else turned)
    words = {"yes": "blocks are turned by quarters", "no": "blocks are not turned by quarters"}
    return Finding(
        NAME,
        answer,
        words.get(answer, "too little direction to tell whether blocks are turned"),
        statistic="agreement of blocks in the direction of their steps",
        value=measured.value,
        null="0 if blocks are turned at random",
        bar=LEAST_AGREEMENT,
        lean=measured.lean,
        facts={"standard error": round(measured.error, 3), "opposed": round(measured.opposed, 2)},
    )


def directions(values: Floats, block: int) -> Floats:
    """``(across - down) / (across + down)`` of the squared steps inside blocks, ``(N, M, 1)``."""
    count, channels, height, width = values.shape
    cut = values.reshape(count, channels, height // block, block, width // block, block)
    across = np.square(cut[..., 1:] - cut[..., :-1]).mean(axis=(1, 3, 5))
    down = np.square(cut[:, :, :, 1:] - cut[:, :, :, :-1]).mean(axis=(1, 3, 5))
    # A step of one level is noise: without it flat blocks would vote like others.
    made: Floats = ((across - down) / (across + down + 1)).reshape(count, -1, 1)
    return made
