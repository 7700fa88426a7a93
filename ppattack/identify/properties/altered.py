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
COMPRESSED = {4: (8.0, 12.0), 8: (5.0, 1.0), 16: (2.2, 0.3)}
"""The same after JPEG, which smooths the borders of blocks inside its cells whether they touched or
not, by the edge of a block. Single training files of 32 px after JPEG 75, 240 of each row: altered
blocks have at most 7 to 9, 4.5 and 2.1 in 99 % with halved colours, others at least -26, 12 and 2.0
in 98 %."""
FILES = 4
"""Files that are looked at, at most."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether sides fit other sides better if blocks are altered."""
    block = block_of(found)
    if found["content"].what != "whole blocks" or block is None:
        return Finding(NAME, "undecided", "there are no whole blocks", "none", None, "")
    if block < SMALLEST:
        words = "borders of these blocks do not tell"
        return Finding(NAME, "undecided", words, "none", None, "")
    value = sum(unaltered(image, block) for image in sample.signed[:FILES])
    bar, margin = BAR, MARGIN
    if found["jpeg"].holds:
        bar, margin = COMPRESSED[max(edge for edge in COMPRESSED if edge <= block)]
    excess = value - bar
    answer = answered(None if abs(excess) < margin else excess < 0)
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
        bar=bar,
        lean=math.tanh(-excess * MARGIN / margin),
    )


def is_denied(found: Found) -> bool:
    """Whether blocks are moved as they are, so that nothing of them is complemented or turned."""
    return NAME in found and found[NAME].answer == "no"


def may_agree(sample: Sample, found: Found) -> bool:
    """Whether blocks are altered, but so few that one key may complement or turn all alike."""
    block = block_of(found)
    few = block is not None and math.prod(sample.edges) <= FEW_BLOCKS * block**2
    return few and NAME in found and found[NAME].holds
