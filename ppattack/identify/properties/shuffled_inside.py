"""Under one key for all blocks: is what is inside a block shuffled, or only complemented?

Places of a block that are near each other hold values that are alike, over all blocks. Statistic:
the correlation, over pairs of places, between the squared difference of ``|v - 127.5|`` and their
distance, where other channels count as one pixel farther. Null: 0 if places are shuffled; p by
shuffling them.
"""

from __future__ import annotations

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties import after_jpeg
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.sample import Floats, Sample

NAME = "shuffled-inside"
YES, NO = "values are shuffled in blocks", "values keep their places inside blocks"
PLACES = 96
"""Places of a block that are compared, at most."""
FEW = 3
"""Files of which JPEG with halved colours leaves too little."""
STATISTIC = "correlation of difference and distance over pairs of places of a block"
NULL = "0 if places are shuffled"
DRAWS = 199
LEVEL = 0.01
LEAST = 0.2
"""The correlation that values that are not shuffled have at least."""


def test(sample: Sample, found: Found) -> Finding:
    """Whether near places hold like values."""
    content, block = found["content"].what, block_of(found)
    if content != "shared blocks" or block is None:
        inside = {
            "own blocks": "yes",
            "whole blocks": "no",
            "photographs": "no",
            "values in place": "no",
            "whole image": "yes",
        }.get(content or "", "undecided")
        return Finding(NAME, inside, "follows from the content", "none", None, "")  # type: ignore[arg-type]
    told = after_jpeg.of_detail(found, NAME, lambda kind: kind.shuffled == "yes", YES, NO)
    if told is not None:
        return told
    folded = np.abs(sample.brightness) if halves_colours(found) else sample.folded
    value, p = order(folded, block)
    in_order = p <= LEVEL and value > LEAST
    if not in_order and halves_colours(found) and sample.count < FEW:
        words = "compression hides whether values are shuffled inside blocks"
        return Finding(NAME, "undecided", words, STATISTIC, value, NULL, LEAST, p)
    return Finding(
        NAME,
        "no" if in_order else "yes",
        NO if in_order else YES,
        statistic=STATISTIC,
        value=value,
        null=NULL,
        bar=LEAST,
        p=p,
    )


def order(folded: Floats, block: int) -> tuple[float, float]:
    """The correlation, and its p by shuffled places."""
    count, channels, height, width = folded.shape
    cut = folded.reshape(count, channels, height // block, block, width // block, block)
    rows = cut.transpose(1, 3, 5, 0, 2, 4).reshape(channels * block * block, -1)
    rng = np.random.default_rng(0)
    kept = np.sort(rng.permutation(len(rows))[:PLACES])
    rows = rows[kept][:, :4096]
    squares = np.square(rows).mean(axis=1)
    differences = squares[:, None] + squares[None] - 2 * (rows @ rows.T) / rows.shape[1]
    at = np.stack(np.unravel_index(kept, (channels, block, block)), axis=1).astype(float)
    far = np.sqrt(np.square(at[:, None] - at[None]).sum(axis=2))
    upper = np.triu_indices(len(kept), 1)

    def correlation(order: np.ndarray) -> float:
        return float(np.corrcoef(differences[np.ix_(order, order)][upper], far[upper])[0, 1])

    value = correlation(np.arange(len(kept)))
    above = sum(correlation(rng.permutation(len(kept))) >= value for _ in range(DRAWS))
    return value, (1 + above) / (1 + DRAWS)
