"""What a small file of colours still shows of a cipher after JPEG.

JPEG keeps brightness best, colour differences less, and half-bytes not at all. Ciphers that shuffle
or complement values leave their traces in second moments of these planes:

* **power**: the mean square of values shows through complements and shuffles. Does it differ
  between blocks (analysis of variance: between blocks over inside them, for grids in place and
  shifted by half), and are neighbouring blocks alike in it?
* **neighbours**: correlation of pixels up to four apart, and of their absolute values.
* **blocks as vectors**: under one key two blocks have large inner products, or opposite ones; their
  products, first principal component, how that and they change from block to block, and how
  unequal the places of a block are.
* **places**: under one key in all blocks of 4 or 8 px a few principal components explain most of
  what a place of a block holds; but hardly anything of a place whose high half-byte was a low one.

Everything else is computed for blocks of 4, 8 and 16 px.
"""

from __future__ import annotations

import numpy as np

from ppattack.blocks import split
from ppattack.identify.properties.jpeg import BLUE, RED
from ppattack.identify.sample import LUMA, MIDDLE, Bytes, Floats

EDGE = 32
"""Pixels along a file, or along the parts of one that are looked at."""
BLOCKS = (4, 8, 16)
SHIFTED = (4, 8)
"""Blocks of which a grid shifted by half is looked at as well."""
LAGS = (1, 2, 3, 4)
COMPONENTS = 3
"""Principal components that explain places of a block, at most."""
TINY = 1e-6


def statistics(images: Bytes, *, halved: bool) -> Floats:
    """All statistics, one row per image, ``(N, K)``.

    Args:
        images: ``(N, 3, 32, 32)``.
        halved: whether colours were halved, so that they are looked at in half the size.
    """
    values = images.astype(np.float32) - np.float32(MIDDLE)
    bright, blue, red = (np.einsum("nchw,c->nhw", values, each)[:, None] for each in YCC)
    colours = np.concatenate([blue, red], axis=1)
    scale = 2 if halved else 1
    if halved:
        count, depth, height, width = colours.shape
        colours = colours.reshape(count, depth, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
    folded = np.abs(values)
    columns = [
        *_of_power(np.square(bright), 1),
        *_of_power(np.square(colours), scale),
        *_of_power(folded.mean(axis=1, keepdims=True), 1),
        *_of_power(np.square(values).mean(axis=1, keepdims=True), 1),
    ]
    for plane in (bright, colours[:, :1], colours[:, 1:]):
        columns += _moments(plane[:, 0])
    for plane in (bright, np.abs(bright), folded.sum(axis=1, keepdims=True)):
        columns += _neighbours(plane[:, 0])
    folded = folded - folded.mean(axis=(2, 3), keepdims=True)
    for block in BLOCKS:
        columns += _of_vectors([(bright, 1)], block)
        columns += _of_vectors([(bright, 1), (colours, scale)], block)
        columns += _of_vectors([(folded, 1)], block, centred=True)
        columns += _order(bright, block)
        if block in SHIFTED:
            columns += _of_places(values, block)
    made = np.stack(columns, axis=1).astype(np.float32)
    return np.nan_to_num(made, posinf=10, neginf=-10)


YCC = (LUMA, BLUE, RED)


def _of_power(squares: Floats, scale: int) -> list[Floats]:
    """Whether blocks differ in the mean of planes ``(N, P, H, W)``, and neighbouring ones less."""
    relative = squares / np.maximum(squares.mean(axis=(2, 3), keepdims=True), TINY)
    made = []
    for block in BLOCKS:
        size, half = block // scale, block // scale // 2
        ratio, means = _between_over_inside(relative, size)
        made += [ratio, _alike(means[..., None])]
        if block in SHIFTED:
            moved = [
                relative[:, :, down:, right:]
                for down, right in ((half, half), (0, half), (half, 0))
            ]
            made.append(np.mean([_between_over_inside(each, size)[0] for each in moved], axis=0))
    return made


def _between_over_inside(planes: Floats, size: int) -> tuple[Floats, Floats]:
    """Logarithm of the F of an analysis of variance of blocks, ``(N,)``; and block means."""
    height, width = (edge // size * size for edge in planes.shape[2:])
    cut = split(np.ascontiguousarray(planes[:, :, :height, :width]), size)
    flat = cut.reshape(*cut.shape[:3], -1)
    means = flat.mean(axis=(2, 3))
    inside = flat.var(axis=3).mean(axis=(1, 2))
    ratio = means.var(axis=1) * flat.shape[2] * flat.shape[3] / np.maximum(inside, TINY)
    return np.asarray(np.log(np.maximum(ratio, 1e-3))), np.asarray(means)


def _alike(blocks: Floats) -> Floats:
    """Mean product of neighbouring blocks ``(N, M, d)`` over the mean square."""
    grid = _square(blocks - blocks.mean(axis=1, keepdims=True))
    across = (grid[:, :, 1:] * grid[:, :, :-1]).sum(axis=3).mean(axis=(1, 2))
    down = (grid[:, 1:] * grid[:, :-1]).sum(axis=3).mean(axis=(1, 2))
    power = np.square(grid).sum(axis=3).mean(axis=(1, 2))
    return np.asarray((across + down) / 2 / np.maximum(power, TINY))


def _square(blocks: Floats) -> Floats:
    side = round(blocks.shape[1] ** 0.5)
    return blocks.reshape(len(blocks), side, side, -1)


def _moments(plane: Floats) -> list[Floats]:
    """Power, kurtosis and share of the mean of a plane ``(N, H, W)``."""
    square = np.square(plane)
    power = np.maximum(square.mean(axis=(1, 2)), TINY)
    mean = np.square(plane.mean(axis=(1, 2)))
    kurtosis = np.square(square).mean(axis=(1, 2)) / np.square(power)
    return [np.log(power), kurtosis, np.log(mean / power + 1e-4)]


def _neighbours(plane: Floats) -> list[Floats]:
    """Correlations of pixels of a plane ``(N, H, W)``, by how far they are apart."""
    plane = plane - plane.mean(axis=(1, 2), keepdims=True)
    power = np.square(plane).mean(axis=(1, 2)) + TINY
    made = []
    for lag in LAGS:
        across = (plane[:, :, lag:] * plane[:, :, :-lag]).mean(axis=(1, 2))
        down = (plane[:, lag:] * plane[:, :-lag]).mean(axis=(1, 2))
        made.append((across + down) / 2 / power)
    return made


def _of_vectors(
    parts: list[tuple[Floats, int]], block: int, *, centred: bool = False
) -> list[Floats]:
    """What blocks have in common, each a vector of the values of some planes.

    Args:
        parts: planes ``(N, P, H, W)``, and how much their edges are halved.
        block: edge of a block.
        centred: whether the mean of each vector is taken off.
    """
    rows = _vectors(parts, block, 0, centred)
    _, number, depth = rows.shape
    products = rows @ rows.transpose(0, 2, 1)
    power = np.einsum("nii->ni", products)
    values, vectors = np.linalg.eigh(products)
    first = np.maximum(values[:, -1] / values.sum(axis=1), TINY) * min(depth, number)
    cosine = products / np.sqrt(power[:, :, None] * power[:, None] + TINY)
    side = round(number**0.5)
    lies = np.arange(number).reshape(side, side)
    one = np.concatenate([lies[:, :-1].ravel(), lies[:-1].ravel()])
    two = np.concatenate([lies[:, 1:].ravel(), lies[1:].ravel()])
    near = cosine[:, one, two]
    places = np.square(rows).mean(axis=1)
    made = [
        _products(products, depth),
        np.log(first),
        _alike(vectors[:, :, -1:]),
        near.mean(axis=1),
        np.square(near).mean(axis=1) * depth,
        products.sum(axis=(1, 2)) / np.maximum(power.sum(axis=1), TINY),
        places.std(axis=1) / np.maximum(places.mean(axis=1), TINY),
    ]
    if block in SHIFTED:
        rows = _vectors(parts, block, block // 2, centred)
        made.append(_products(rows @ rows.transpose(0, 2, 1), depth))
    return made


def _of_places(values: Floats, block: int) -> list[Floats]:
    """How unequally a few principal components explain places of a block.

    For each number of components: mean and standard deviation over places of the share that they
    explain, and the standard deviation over the mean of what they leave.
    """
    rows = _vectors([(values, 1)], block, 0, False)
    power = np.square(rows).sum(axis=1) + TINY
    vectors = np.linalg.eigh(rows @ rows.transpose(0, 2, 1))[1]
    found = np.square(vectors[:, :, -COMPONENTS:].transpose(0, 2, 1) @ rows)[:, ::-1]
    made = []
    for explained in found.cumsum(axis=1).transpose(1, 0, 2):
        share = explained / power
        left = np.sqrt(np.maximum(power - explained, TINY))
        made += [share.mean(axis=1), share.std(axis=1), left.std(axis=1) / left.mean(axis=1)]
    return made


def _vectors(parts: list[tuple[Floats, int]], block: int, shift: int, centred: bool) -> Floats:
    """``(N, M, D)``, one vector per block."""
    made = []
    for planes, scale in parts:
        size, at = block // scale, shift // scale
        scaled = planes / np.sqrt(np.square(planes).mean(axis=(2, 3), keepdims=True) + TINY)
        height, width = ((edge - at) // size * size for edge in planes.shape[2:])
        cut = split(np.ascontiguousarray(scaled[:, :, at : at + height, at : at + width]), size)
        made.append(cut.reshape(*cut.shape[:2], -1))
    rows = np.concatenate(made, axis=2)
    return rows - rows.mean(axis=2, keepdims=True) if centred else rows


def _products(products: Floats, depth: int) -> Floats:
    """Logarithm of the mean square of inner products over that of unrelated vectors, ``(N,)``."""
    power = np.einsum("nii->ni", products)
    alone = np.square(power).sum(axis=1)
    found = np.square(products).sum(axis=(1, 2)) - alone
    unrelated = np.maximum((np.square(power.sum(axis=1)) - alone) / depth, TINY)
    return np.asarray(np.log(np.maximum(found / unrelated, 1e-2)))


def _order(bright: Floats, block: int) -> list[Floats]:
    """How much more places of a block that are beside each other have in common than others."""
    rows = _vectors([(bright, 1)], block, 0, False)
    common = np.abs(rows.transpose(0, 2, 1) @ rows) / rows.shape[1]
    at = np.stack(np.unravel_index(np.arange(block * block), (block, block)), axis=1)
    far = np.abs(at[:, None] - at[None]).sum(axis=2)
    beside, apart = common[:, far == 1], common[:, far >= APART]
    squares = np.square(beside).mean(axis=1) / np.maximum(np.square(apart).mean(axis=1), TINY)
    return [np.log(squares), beside.mean(axis=1) - apart.mean(axis=1)]


APART = 3
"""Steps between places of a block that are not beside each other."""
