"""Do blocks change places?

Neighbouring blocks of a photograph are alike, and so are their means of ``|v - 127.5|`` and of its
square, which complements, turns and shuffles inside blocks leave alone. Statistic: the mean
product of these of neighbouring blocks, each less the mean of its image, over the mean square,
plus ``1 / (M - 1)`` for M blocks. Null if blocks are moved: 0, with a standard deviation that
follows from the number of pairs; p is for this null. One key for all files moves all alike, which
spreads the value by up to 0.1. Bars from training images (``benchmarks/identify.py --bars``):
blocks that stay have 0.2 to 0.5.

Of few files whose blocks have one key, the blocks themselves are compared: it leaves their inner
products and distances alone. Statistic: how much more alike neighbours are, and how much more alike
those are whose neighbours are, and, which counts most, how near places of a block are to places of
the next one (``counterparts``); in standard deviations of blocks in random order.
"""

from __future__ import annotations

import math

import numpy as np

from ppattack.identify.counterparts import counterparts_z
from ppattack.identify.finding import Answer, Finding, Found, answered
from ppattack.identify.properties import after_jpeg
from ppattack.identify.properties.content import block_of
from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import Floats, Sample, block_sums

NAME = "moved"
LEVEL = 1e-4
"""p below which neighbours are alike, so that blocks stay."""
FEW_BLOCKS, FEW_LEAN = 4, 0.25
"""If blocks are so few, every third order leaves neighbours side by side, and one key does so in
all files."""
EVEN, LEAN_ERRORS = 0.2, 2.5
"""Where an image with few blocks says as little for one answer as for the other."""
STAYS, MOVED = 0.13, 0.17
"""One and a half standard errors above the first they stay, below the second they moved."""
GREY_STAYS = 0.2
"""The first for whole grey blocks: those of colour that one key puts together reach 0.22."""

FEW_FILES, DRAWS = 4, 99
"""Files up to which blocks under one key are compared themselves, and random orders of each."""
MOST_BLOCKS = 256
"""Beyond so many blocks the first statistic tells, and all pairs would take long."""
NEAREST = 0.8
"""What near places count, the rest being neighbours that are alike."""
MOVED_Z, EVEN_Z, STAYS_Z, BLOCKS = 1.2, 2.2, 2.8, 16
"""Below the first they moved, above the last they stay; between, what says as much for either; of
so many blocks, and in proportion to the root of a larger number, as the statistic grows. Single
training files: of 2,500 of 16 blocks those that stay have 1.2 in 1 %, 2.5 in 5 % and 4.9 in half,
moved ones 2.0 in 2 %, 2.4 in 1 % and 2.8 in .5 %; of 800 of 64 blocks 7.3 at least and 3.5 at
most."""
WORDS = {"yes": "blocks change places", "no": "blocks stay where they are"}
UNTOLD = "too few blocks to tell whether they change places"


def test(sample: Sample, found: Found) -> Finding:
    """Whether neighbouring blocks are alike."""
    content, block = found["content"].what, block_of(found)
    if block is None:
        empty: Answer = "no" if content in ("photographs", "values in place") else "undecided"
        return Finding(NAME, empty, "there are no blocks", "none", None, "")
    told = after_jpeg.of_detail(
        found, NAME, lambda kind: kind.moved == "yes", WORDS["yes"], WORDS["no"]
    )
    if told is not None:
        return told
    number = (sample.edges[0] // block) * (sample.edges[1] // block)
    # Half of all half-bytes are nearly noise.
    few_files = content == "shared blocks" and sample.count <= FEW_FILES
    comparable = few_files and FEW_BLOCKS < number <= MOST_BLOCKS
    if comparable and found["unit"].what != "nibble":
        return _of_few_files(sample, block)
    features = contrasts(sample, block)
    value, error = neighbours_alike(features)
    value += 1 / max(features.shape[1] * features.shape[2] - 1, 1)
    p = upper_tail(value / error)
    few = features.shape[1] * features.shape[2] <= FEW_BLOCKS
    grey = content == "whole blocks" and sample.images.shape[1] == 1
    least = GREY_STAYS if grey else STAYS
    stays = not few and p < LEVEL and value > least + 1.5 * error
    moved = not stays and value + 1.5 * error < MOVED
    answer: Answer = "yes" if moved else "no" if stays else "undecided"
    return Finding(
        NAME,
        answer,
        WORDS.get(answer, UNTOLD),
        statistic="mean product of neighbouring blocks over the mean square",
        value=value,
        null="0 if blocks change places",
        bar=STAYS,
        p=p,
        lean=float(np.clip((EVEN - value) / (LEAN_ERRORS * error), -FEW_LEAN if few else -1, 1)),
        facts={"standard error": round(error, 3)},
    )


def contrasts(sample: Sample, block: int) -> Floats:
    """What is compared, ``(N, rows, columns, 2)``, each of mean 0 and variance 1 in an image."""
    folded = sample.folded.mean(axis=1, keepdims=True)
    planes = block_sums(np.concatenate([folded, np.square(folded)], axis=1), block)
    planes = planes - planes.mean(axis=(2, 3), keepdims=True)
    spread = np.sqrt(np.square(planes).mean(axis=(2, 3), keepdims=True)) + 1e-9
    return np.asarray((planes / spread).transpose(0, 2, 3, 1), np.float32)


def neighbours_alike(features: Floats) -> tuple[float, float]:
    """Mean product of neighbours over the mean square, and its standard deviation by chance.

    Args:
        features: ``(N, rows, columns, d)``, centred image by image.
    """
    power = float(np.square(features).sum(axis=3).mean())
    parts = []
    for axis in (2, 1):
        moved = np.moveaxis(features, axis, 2)
        if moved.shape[2] > 1:
            parts.append((moved[:, :, 1:] * moved[:, :, :-1]).sum(axis=3))
    if not parts or power <= 0:
        return 0.0, math.inf
    products = np.concatenate([part.reshape(len(features), -1) for part in parts], axis=1) / power
    value = float(products.mean())
    spread = float(products.std()) or 1.0
    return value, max(spread, 0.5) / math.sqrt(products.size)


def _of_few_files(sample: Sample, block: int) -> Finding:
    """The finding for blocks under one key."""
    number = math.prod(edge // block for edge in sample.edges)
    value = float(np.mean([_alike_z(image, block) for image in sample.signed]))
    root = max(1.0, math.sqrt(number / BLOCKS))
    stays, moved = value > STAYS_Z * root, value < MOVED_Z * root
    answer = answered(moved if stays or moved else None)
    return Finding(
        NAME,
        answer,
        WORDS.get(answer, UNTOLD),
        statistic="standard deviations by which neighbouring blocks are more alike",
        value=value,
        null="0 if blocks change places",
        bar=STAYS_Z * root,
        lean=float(np.clip((EVEN_Z - value / root) / (STAYS_Z - MOVED_Z), -1, 1)),
    )


def _alike_z(image: Floats, block: int) -> float:
    """How much more alike blocks are that lie side by side, standard deviations."""
    near, alike = counterparts_z(image, block), neighbours_z(image, block)
    return NEAREST * near + (1 - NEAREST) * alike


def neighbours_z(image: Floats, block: int) -> float:
    """How much more alike neighbours are than blocks in random order, standard deviations.

    The mean of four: with inner products of blocks less their mean, and with distances (their
    logarithms), the sum over neighbours, and over two pairs of neighbours the product of how alike
    their first and how alike their second blocks are.

    Args:
        image: ``(C, H, W)``.
        block: edge of a block; more than ``FEW_BLOCKS`` make the image.
    """
    channels, height, width = image.shape
    rows, columns = height // block, width // block
    cut = image.reshape(channels, rows, block, columns, block).transpose(1, 3, 0, 2, 4)
    flat = cut.reshape(rows * columns, -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    products = flat @ flat.T
    power = np.diag(products)
    apart = np.maximum(power[:, None] + power - 2 * products, 0) / flat.shape[1]
    nearness = -np.log(apart + 1)
    nearness -= nearness[np.triu_indices(len(flat), 1)].mean()
    np.fill_diagonal(nearness, 0)
    lies = np.arange(len(flat)).reshape(rows, columns)
    pairs = ((lies[:, :-1], lies[:, 1:]), (lies[:-1], lies[1:]))

    def measured(order: np.ndarray) -> list[float]:
        made = []
        for alike in (products, nearness):
            sides = [(order[one.ravel()], order[two.ravel()]) for one, two in pairs]
            made.append(sum(float(alike[one, two].sum()) for one, two in sides))
            made.append(
                sum(
                    float((alike[np.ix_(one, one)] * alike[np.ix_(two, two)]).sum())
                    for one, two in sides
                )
            )
        return made

    rng = np.random.default_rng(0)
    drawn = np.array([measured(rng.permutation(len(flat))) for _ in range(DRAWS)])
    value = np.array(measured(np.arange(len(flat))))
    return float(((value - drawn.mean(axis=0)) / (drawn.std(axis=0) + 1e-9)).mean())
