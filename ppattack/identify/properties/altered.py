"""Are whole blocks altered besides being moved: turned, mirrored, complemented or recoloured?

Every side of a block is laid against every side of every other block, in every colour order and
direction, and complemented. Statistic: the log likelihood that it touched the opposite side of
another block as both lie, less the log likelihood that it touched any side in any state; half of
the sum over sides, and the sum over the first few files (see ``touching``). Null: blocks that were
altered at random have negative values. Bars from training images
(``benchmarks/identify.py --bars``), one file of 32 px, 400 of each row, least and largest of 99 %:
altered blocks of 4, 8 and 16 px have at most -27, -3.5 and .5, others at least 5, 7.5 and 2.7.
"""

from __future__ import annotations

import math

from ppattack.identify.finding import Finding, Found, answered
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import Sample
from ppattack.identify.touching import FEW_BLOCKS, SMALLEST, unaltered

NAME = "altered"
BAR, MARGIN = 1.0, 0.5
"""Log likelihood ratio of blocks that are only moved, and how far from it the answer is sure."""
FILES = 4
"""Files that are looked at, at most."""
CELL = 8
"""JPEG smooths the borders of blocks inside its cells, whether they touched or not."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether sides fit other sides better if blocks are altered."""
    block = block_of(found)
    if found["content"].what != "whole blocks" or block is None:
        return Finding(NAME, "undecided", "there are no whole blocks", "none", None, "")
    if block < SMALLEST or (found["jpeg"].holds and block % CELL):
        words = "borders of these blocks do not tell"
        return Finding(NAME, "undecided", words, "none", None, "")
    value = sum(unaltered(image, block) for image in sample.signed[:FILES])
    excess = value - BAR
    answer = answered(None if abs(excess) < MARGIN else excess < 0)
    words = {
        "yes": "blocks are turned, mirrored, complemented or recoloured",
        "no": "blocks are moved as they are",
    }.get(answer, "borders of blocks do not tell whether they are altered")
    return Finding(
        NAME,
        answer,
        words,
        statistic="log likelihood ratio of borders that touched as they lie",
        value=value,
        null="below 0 if blocks are altered at random",
        bar=BAR,
        lean=math.tanh(-excess),
    )


def is_denied(found: Found) -> bool:
    """Whether blocks are moved as they are, so that nothing of them is complemented or turned."""
    return NAME in found and found[NAME].answer == "no"


def may_agree(sample: Sample, found: Found) -> bool:
    """Whether blocks are altered, but so few that one key may complement or turn all alike."""
    block = block_of(found)
    few = block is not None and math.prod(sample.edges) <= FEW_BLOCKS * block**2
    return few and NAME in found and found[NAME].holds
