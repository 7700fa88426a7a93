"""Are whole bytes moved, half-bytes, or pixels?

Of a photograph's bytes the high half is uneven and the low half nearly uniform. If half-bytes
change places, low halves of the ciphertext hold high halves of the photograph. Statistic:
unevenness (sum of squared frequencies over 1/16) of low halves over that of high halves, over all
values but 0 and 255, of which a photograph may have many; the median over files. Of fewer than
three files with one key for all blocks, that of half-bytes that are equal at one place of two
blocks: complements and orders that all blocks share leave these alone.
Null for bytes: 0 to 0.35, to 0.13 from three files on. JPEG destroys low halves: then it is
undecided.

Shuffled over the whole image, or inside blocks under one key: if pixels stay together, the channels
of one pixel differ less than those of neighbouring pixels (of one block). Statistic: the ratio of
these squared differences of ``|v - 127.5|``. Null: 1; but JPEG makes the channels of a pixel alike.

Bars from training images (``benchmarks/identify.py --bars``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.jpeg_kinds import Kind
from ppattack.identify.properties import after_jpeg
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import Bytes, Floats, Sample

NAME = "unit"
NIBBLE, BYTE = "the unit is the half-byte", "the unit is the byte"
BAR, BAR_FEW, BAR_PLACES = 0.25, 0.35, 0.35
"""From three files on bytes have at most 0.13, half-bytes in blocks at least 0.41 (training images,
60 folders of 3, 5 and 20 files of ``le``, ``ele`` and ``vit-blocks``, one key and a key each)."""
FEW, DOUBT, DOUBT_PLACES = 3, (0.15, 0.6), (0.25, 0.42)
"""Fewer files leave it undecided between these. The places of single files have .48 and .54 at
least in 99 % for half-bytes in blocks of 8 and 4 px, .21 and .15 at most in 99 % for bytes (600
training images)."""
BAR_PIXEL, BAR_PIXEL_INSIDE = 1.15, 1.4
"""The second inside blocks, where few places under one key spread it: bytes have 0.83 to 1.17 from
five files on, Arnold's map of pixels, which acts alike in blocks of 16 px, 2.4 to 5 of twenty."""
FIXED = {"whole blocks": "block", "values in place": "byte"}
FEWEST_OF_A_PLACE = 8
"""Blocks that are needed to see how uneven one place of a block is."""


def test(sample: Sample, found: Found) -> Finding:
    """The unit that fits the content."""
    content = found["content"].what
    if content in FIXED:
        words = f"the unit is the {FIXED[content]}, as the content says"
        return Finding(NAME, "yes", words, "none", None, "", what=FIXED[content])
    if content not in ("shared blocks", "own blocks", "whole image"):
        return Finding(NAME, "undecided", "there is no unit to tell", "none", None, "")
    told = after_jpeg.of_detail(found, NAME, _has_nibbles, NIBBLE, BYTE)
    if told is not None:
        unit = {"yes": "nibble", "no": "byte"}.get(told.answer)
        return replace(told, answer="yes" if unit else "undecided", what=unit)
    together = _pixels_together(sample, found)
    if together is not None:
        return together
    statistic = "unevenness of low half-bytes over that of high half-bytes"
    if found["jpeg"].holds:
        words = "compression hides whether half-bytes were moved"
        return Finding(NAME, "undecided", words, statistic, None, "0 to 0.35 for bytes")
    whole = unevenness(sample.images)
    block, few = block_of(found) if content == "shared blocks" else None, sample.count < FEW
    doubt = DOUBT
    if few and block is not None and sample.images[0, 0].size // block**2 >= FEWEST_OF_A_PLACE:
        ratio, bar, doubt = unevenness_of_places(sample.images, block), BAR_PLACES, DOUBT_PLACES
    else:
        ratio, bar = whole, BAR_FEW if few else BAR
    if few and doubt[0] < ratio < doubt[1]:
        words = "too little to tell half-bytes from bytes"
        return Finding(NAME, "undecided", words, statistic, ratio, "0 to 0.35 for bytes", bar)
    return _told("nibble" if ratio > bar else "byte", statistic, ratio, "0 to 0.35 for bytes", bar)


def _pixels_together(sample: Sample, found: Found) -> Finding | None:
    """The finding, if the channels of a pixel stay together."""
    content, block = found["content"].what, block_of(found)
    inside = content == "shared blocks" and block is not None
    if inside and (sample.count < FEW or not found["shuffled-inside"].holds or found["jpeg"].holds):
        return None
    if sample.images.shape[1] == 1 or content == "own blocks":
        return None
    bar = BAR_PIXEL_INSIDE if inside else BAR_PIXEL
    ratio = channels_apart(sample.folded, block if inside else None)
    statistic = "channel differences of neighbours over those inside pixels"
    return _told("pixel", statistic, ratio, "1 for bytes", bar) if ratio > bar else None


def _has_nibbles(kind: Kind) -> bool:
    return kind.unit == "nibble"


def _told(what: str, statistic: str, value: float, null: str, bar: float) -> Finding:
    words = f"the unit is the {'half-byte' if what == 'nibble' else what}"
    return Finding(NAME, "yes", words, statistic, value, null, bar, what=what)


def unevenness(images: Bytes) -> float:
    """Low over high half-bytes, the median over files."""
    return float(np.median([_low_over_high(image) for image in images]))


def _low_over_high(image: Bytes) -> float:
    counts = np.bincount(image.ravel(), minlength=256).astype(float)
    counts[[0, 255]] = 0
    counts = counts.reshape(16, 16)
    low, high = counts.sum(axis=0), counts.sum(axis=1)
    return max(0.0, float(_uneven(low))) / max(float(_uneven(high)), 1e-9)


def unevenness_of_places(images: Bytes, block: int) -> float:
    """Low over high half-bytes that are equal at one place of two blocks of a file, beyond chance.

    All pairs of blocks count, over all places; but not bytes of 0 and 255, as before.
    """
    count, channels, height, width = images.shape
    rows = images.reshape(count, channels, height // block, block, width // block, block)
    rows = rows.transpose(0, 1, 3, 5, 2, 4).reshape(count * channels * block * block, -1)
    places = np.arange(len(rows))[:, None] * 256
    counts = np.bincount((places + rows).ravel(), minlength=256 * len(rows)).reshape(-1, 256)
    counts[:, [0, 255]] = 0
    halves = counts.reshape(-1, 16, 16)
    low, high = (_equal_beyond_chance(halves.sum(axis=axis)) for axis in (1, 2))
    return low / max(high, 1e-9)


def _equal_beyond_chance(counts: np.ndarray) -> float:
    """Pairs of equal half-bytes in rows of counts, less those of uniform ones."""
    total = counts.sum(axis=1)
    equal, pairs = (counts * (counts - 1)).sum(), (total * (total - 1)).sum()
    return float(equal - pairs / counts.shape[1])


def channels_apart(folded: Floats, block: int | None = None) -> float:
    """Squared channel differences between neighbouring pixels over those inside pixels.

    Args:
        folded: ``(N, C, H, W)``.
        block: edge of the blocks inside which neighbours lie; None for the whole image.
    """
    inside = between = 0.0
    kept = (np.arange(1, folded.shape[3]) % (block or folded.shape[3])) != 0
    for first in range(folded.shape[1]):
        for second in range(folded.shape[1]):
            if first != second:
                one, other = folded[:, first], folded[:, second]
                inside += float(np.square(one - other).mean())
                between += float(np.square(one[..., 1:] - other[..., :-1])[..., kept].mean())
    return between / max(inside, 1e-9)


def _uneven(counts: np.ndarray) -> np.ndarray:
    """Unbiased sum of squared frequencies, less that of a uniform distribution, ``(..., K)``."""
    total = counts.sum(axis=-1)
    pairs = np.maximum(total * (total - 1), 1)
    return np.asarray((counts * (counts - 1)).sum(axis=-1) / pairs - 1 / counts.shape[-1])
