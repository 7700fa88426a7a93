"""Were the files compressed with JPEG, at which quality, before or after the encryption?

If the files are JPEG files their headers say it. Otherwise: coefficients of the 8x8 cosine
transform of brightness, on the grid of 8 pixels, lie near multiples of the quantisation table.
Statistic: the mean of ``cos(2 pi c / q)`` over coefficients c that are no zero multiple of their
step q of 4 or more, for the best quality. Null: 0, with a standard deviation of 0.7 over the root
of their number.

Compression before encryption leaves the same lattice only where 8x8 cells survive. Moved blocks of
8 pixels or more whose colours change places keep it in a part of their cells only, so that the
share of cells on the lattice tells before from after; in photographs, and in moved blocks that
keep their colours, it does not. Halved colours: the lattice of colour differences is gone from the
grid of 8 pixels.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ppattack.identify.finding import Finding, Found
from ppattack.identify.properties.noise import upper_tail
from ppattack.identify.sample import LUMA, Floats, Sample

NAME = "jpeg"
CELL = 8
CELLS_AT_MOST = 1500
"""Cells that are looked at, spread over all images."""
QUALITIES = range(30, 97)
LEAST_STEP = 4
"""Smaller steps drown in the rounding of pixels."""
FEWEST = 30
"""Coefficients that are needed."""
SCORE = 0.3
COLOUR_SCORE = 0.25
FEWER_CELLS, ALL_CELLS = 0.84, 0.89
"""Share of cells on the lattice below which the compression came first, above which last. Of 20
files of moved blocks it is 0.22 to 0.81 if it came first, 0.90 to 1 if last (training images, 20
files of ``etc``, blocks of 8 and 16 px, 40 folders a number)."""
CELL_SCORE = 0.5
BLUE = np.array([-0.168736, -0.331264, 0.5], np.float32)
RED = np.array([0.5, -0.418688, -0.081312], np.float32)
"""Colour differences of JFIF."""
SPREAD = math.sqrt(0.5)
"""Standard deviation of the cosine of a uniform angle."""


def test(sample: Sample, found: Found) -> Finding:
    """The quality whose lattice fits best, if it fits."""
    del found
    cells = transformed(planes_of(sample, LUMA))
    scores = {quality: lattice(cells, tables(quality)[0]) for quality in QUALITIES}
    quality = max(scores, key=lambda each: scores[each][0])
    score, count = scores[quality]
    p = min(1.0, upper_tail(score / SPREAD * math.sqrt(max(count, 1))) * len(QUALITIES))
    holds = count >= FEWEST and score > SCORE and p < 1e-4
    share = share_on_lattice(cells, tables(quality)[0]) if holds else 0.0
    halved = _halved(sample, quality) if holds else None
    colours = {None: "", True: ":420", False: ":444"}[halved]
    return Finding(
        NAME,
        "yes" if holds else "no",
        f"JPEG of quality {quality}{colours}" if holds else "no trace of JPEG on a grid of 8 px",
        statistic="mean cosine of cosine-transform coefficients on the lattice of JPEG",
        value=score,
        null="0 without compression on this grid",
        bar=SCORE,
        p=p,
        what=f"{quality}{colours}" if holds else None,
        facts={"share of cells": round(share, 3), "coefficients": count},
    )


def halves_colours(found: Found) -> bool:
    """Whether the files were compressed with halved colours, which makes neighbours alike."""
    jpeg = found.get(NAME)
    return jpeg is not None and jpeg.holds and str(jpeg.what).endswith(":420")


def came_last(found: Found, content: str | None, block: int | None) -> bool | None:
    """Whether the compression came after the encryption; None if that cannot be told."""
    jpeg = found[NAME]
    if not jpeg.holds or content == "photographs":
        return None
    if content == "whole blocks" and block is not None and not block % CELL:
        colours = found.get("colours")
        if colours is not None and colours.holds:
            share = float(jpeg.facts.get("share of cells", 1.0))
            return None if FEWER_CELLS <= share <= ALL_CELLS else share > ALL_CELLS
        return None
    return True


def planes_of(sample: Sample, weights: Floats) -> Floats:
    """A weighted sum of the channels, ``(N, H, W)``; the only channel if there is one."""
    if sample.images.shape[1] != len(weights):
        return sample.signed[:, 0]
    made: Floats = np.einsum("nchw,c->nhw", sample.signed, weights)
    return made


def transformed(planes: Floats) -> Floats:
    """Cosine transform of cells of the grid, ``(cells, 64)``, spread over all images."""
    count, height, width = planes.shape
    rows, columns = height // CELL, width // CELL
    cut = planes[:, : rows * CELL, : columns * CELL].reshape(count, rows, CELL, columns, CELL)
    cut = cut.transpose(0, 1, 3, 2, 4).reshape(-1, CELL, CELL)
    if not len(cut):
        return np.zeros((0, CELL * CELL), np.float32)
    step = max(1, math.ceil(len(cut) / CELLS_AT_MOST))
    basis = cosine_basis()
    made: Floats = np.einsum("ui,nij,vj->nuv", basis, cut[::step], basis, optimize=True)
    return made.reshape(-1, CELL * CELL)


def lattice(cells: Floats, steps: Floats) -> tuple[float, int]:
    """Mean cosine over coefficients that are no zero multiple, and their number."""
    kept = steps >= LEAST_STEP
    kept[0] = False
    scaled = cells[:, kept] / steps[kept]
    scaled = scaled[np.abs(scaled) > 0.5]
    if not scaled.size:
        return 0.0, 0
    return float(np.cos(2 * np.pi * scaled).mean()), int(scaled.size)


def share_on_lattice(cells: Floats, steps: Floats) -> float:
    """Share of cells whose own mean cosine is high, of those with some coefficients."""
    kept = steps >= LEAST_STEP
    kept[0] = False
    scaled = cells[:, kept] / steps[kept]
    there = np.abs(scaled) > 0.5
    number = there.sum(axis=1)
    means = (np.cos(2 * np.pi * scaled) * there).sum(axis=1) / np.maximum(number, 1)
    known = number >= 3
    return float((means[known] > CELL_SCORE).mean()) if known.any() else 0.0


@cache
def cosine_basis() -> Floats:
    """The orthonormal 8-point cosine transform."""
    place = np.arange(CELL)
    basis = np.cos(np.pi * (2 * place[None] + 1) * place[:, None] / (2 * CELL)) / 2
    basis[0] /= math.sqrt(2)
    return np.asarray(basis.astype(np.float32))


@cache
def tables(quality: int) -> tuple[Floats, Floats]:
    """Steps of brightness and of colour differences in row order, as the IJG scales them."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    made = [
        np.clip((np.array(base) * scale + 50) // 100, 1, 255).astype(np.float32)
        for base in (BRIGHTNESS, COLOUR)
    ]
    return made[0], made[1]


BRIGHTNESS = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
COLOUR = (
    17,
    18,
    24,
    47,
    99,
    99,
    99,
    99,
    18,
    21,
    26,
    66,
    99,
    99,
    99,
    99,
    24,
    26,
    56,
    99,
    99,
    99,
    99,
    99,
    47,
    66,
    99,
    99,
    99,
    99,
    99,
    99,
    *(99,) * 32,
)
"""ITU-T T.81, annex K, tables K.1 and K.2."""


def _halved(sample: Sample, quality: int) -> bool | None:
    """Whether colour differences are stored at half the size; None if nothing tells."""
    if sample.images.shape[1] != len(LUMA):
        return None
    cells = np.concatenate([transformed(planes_of(sample, each)) for each in (BLUE, RED)])
    score, count = lattice(cells, tables(quality)[1])
    return None if count < FEWEST else score < COLOUR_SCORE
