"""Under one key for all blocks: are values of a block combined, rather than moved or complemented?

Over many blocks every place of a photograph holds values of one distribution, and still does if
values only changed places and signs. Sums of several values do not: a sum with weights of one sign
varies more than one whose weights cancel. Statistic: the standard deviation over the places of a
block of the mean square of their values less 127.5, over its mean. Null, if values only moved: 0.03
to 0.45 of five files and 0.03 to 0.26 of twenty (``le``, ``block-defence``, ``vit-blocks`` and
Arnold's map). Blocks times a secret orthogonal matrix have 0.57 to 1.4 and 0.7 to 1.6 (training
images, 20 folders each). JPEG, which smooths complemented values by what is beside them, leaves it
undecided.
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.finding import Answer, Finding, Found
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import Floats, Sample

NAME = "combined"
FEWEST = 5
"""Files that are needed: places of one small file differ by chance."""
MOVED, COMBINED = 0.48, 0.55
"""Below the first values only moved, above the second they were combined."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether places of a block differ in how much their values vary."""
    content, block = found["content"].what, block_of(found)
    if content != "shared blocks" or block is None:
        return Finding(NAME, "undecided", "no key is common to all blocks", "none", None, "")
    value = unequal_places(sample.signed, block)
    enough = sample.count >= FEWEST and not found["jpeg"].holds
    answer: Answer = "undecided"
    if enough and not MOVED <= value <= COMBINED:
        answer = "yes" if value > COMBINED else "no"
    words = {
        "yes": "values of a block are combined with each other",
        "no": "values of a block are moved or complemented, but not combined",
    }
    return Finding(
        NAME,
        answer,
        words.get(answer, "nothing tells whether values of a block are combined"),
        statistic="spread over the places of a block of the mean square of their values",
        value=value,
        null="0 if values only move",
        bar=COMBINED,
    )


def unequal_places(values: Floats, block: int) -> float:
    """Standard deviation over mean, over places, of the mean square at a place of all blocks.

    Args:
        values: ``(N, C, H, W)``, less their middle.
        block: edge of a block.
    """
    count, channels, height, width = values.shape
    cut = np.square(values).reshape(count, channels, height // block, block, width // block, block)
    power = cut.mean(axis=(0, 2, 4))
    return float(power.std() / max(float(power.mean()), 1e-9))
