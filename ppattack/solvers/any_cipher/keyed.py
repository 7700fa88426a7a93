"""A map for every value of a number that the levels of an image decide, such as their mean.

The number takes 256 values, so images are chosen for all of them: a few for each value, which tell
its map as any map is told. An unknown image is decrypted under all maps; under all but
its own it is noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ppattack.context import Progress
from ppattack.images import ImageShape
from ppattack.maps import Rows
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher import permutation
from ppattack.solvers.any_cipher.fit import Numbers, Pairs, undone
from ppattack.solvers.any_cipher.gf2 import SMOOTH
from ppattack.solvers.any_cipher.neighbours import roughness

VALUES = 256
EACH = 6
"""Chosen images for each value: four or five differences tell 3,072 bytes apart."""
APART = 43
"""Levels between the means of images that serve one sum modulo 256, or one exclusive-or: not all of
them are dark or bright, since levels that are all alike tell nothing apart."""
IMAGES = EACH * VALUES
TRIED = 4
"""Values, from the middle, of which one at least must have a map, or no more are tried."""
FEWEST = 4
"""Images of one value, below which its map is not sought."""
SPREAD = 100
"""Levels up and down from the mean that the bytes of a chosen image have, at most."""
WIDE = 16
"""One byte of so many has any level, if the mean allows it: these can set the exclusive-or."""
TRIES = 8
"""Images that are drawn until one has the exclusive-or that it shall have."""
DRAWN = 1 << 12
"""Pairs of bytes that are tried until one makes the exclusive-or what it shall be."""
NUMBERS: dict[str, Callable[[Rows], Numbers]] = {
    "mean": lambda rows: rows.mean(1).astype(int),
    "exclusive-or": lambda rows: np.bitwise_xor.reduce(rows, axis=1).astype(int),
    "sum modulo 256": lambda rows: rows.sum(1, dtype=int) % VALUES,
}
"""What may decide the key, for images in rows."""


@dataclass(frozen=True)
class Read:
    """What came back.

    Args:
        number: what decides the key, of :data:`NUMBERS`; empty if none does.
        images: ``(V, S)`` uint8, each decrypted under the map that makes it smoothest.
        maps: values whose map the chosen images prove.
        roughness: of the images, the median; that of noise is 1.
    """

    number: str
    images: Rows
    maps: int
    roughness: float

    @property
    def fits(self) -> bool:
        """Whether most images come back as photographs."""
        return self.roughness < SMOOTH


def plaintexts(shape: ImageShape) -> Tensor:
    """The images to choose, ``(1536, C, H, W)`` uint8."""
    return torch.from_numpy(chosen_images(shape).reshape(-1, *shape))


def chosen_images(shape: ImageShape) -> Rows:
    """The same as rows: a few images for every value of every number.

    There are six of every mean, by less than a level; their exclusive-or and their sum modulo 256
    are those of other means, so that each value has dark and bright images. Very dark and very
    bright ones have any exclusive-or.

    Args:
        shape: ``(C, H, W)`` of what the scheme transforms.

    Returns:
        ``(1536, S)`` uint8, the same for the same shape.
    """
    rng, size = numpy_stream(0, "images by value", *shape), int(np.prod(shape))
    means = np.repeat(np.arange(VALUES), EACH)
    apart = APART * np.tile(np.arange(EACH), VALUES)
    # Both ways are even, or both odd: the lowest bit of an exclusive-or is that of the sum.
    sums, parities = (means + apart) % VALUES, (means - apart) % VALUES
    values = zip(means.tolist(), sums.tolist(), parities.tolist(), strict=True)
    return np.stack([_image(*three, size, rng) for three in values])


def solved(pairs: Pairs, progress: Progress) -> Read:
    """Decrypt the victims.

    Args:
        pairs: the plaintexts of :func:`chosen_images`, their ciphertexts, and all ciphertexts that
            shall be decrypted.
        progress: shows how many values are done.
    """
    best = Read("", pairs.victims, 0, np.inf)
    for number, value_of in NUMBERS.items():
        found = _by_number(number, value_of(pairs.plain), pairs, progress)
        if found.fits:
            return found
        best = min(best, found, key=lambda each: each.roughness)
    return best


def _by_number(number: str, values: Numbers, pairs: Pairs, progress: Progress) -> Read:
    images, maps = pairs.victims.copy(), 0
    rough = np.full(len(images), np.inf)
    with progress.task(f"maps by {number}", VALUES) as task:
        for done, value in enumerate(sorted(range(VALUES), key=_from_middle)):
            of_value = np.flatnonzero(values == value)
            if done == TRIED and not maps:
                break
            task.update(done + 1)
            if len(of_value) < FEWEST:
                continue
            plain, cipher = pairs.plain[of_value], pairs.cipher[of_value]
            some = replace(pairs, plain=plain, cipher=cipher, victims=pairs.victims[:0])
            fit = permutation.permutation(some, permutation.BYTES)
            if fit is None:
                continue
            maps += 1
            made = undone(pairs.victims, fit.steps)
            theirs = np.array([roughness(row[None], pairs.plain_shape) for row in made])
            better = theirs < rough
            images[better], rough[better] = made[better], theirs[better]
    return Read(number, images, maps, float(np.median(rough)) if len(rough) else np.inf)


def _from_middle(value: int) -> int:
    return abs(value - VALUES // 2)


def _image(mean: int, sum_: int, parity: int, size: int, rng: np.random.Generator) -> Rows:
    for _ in range(TRIES):
        row, wide = _of_mean(mean, sum_, size, rng)
        row = _with_parity(row, parity, wide, rng)
        if np.bitwise_xor.reduce(row) == parity or not len(wide):
            break
    return row.astype(np.uint8)


def _of_mean(mean: int, sum_: int, size: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """``(S,)`` levels of a sum that is ``sum_`` modulo 256; and places whose levels are any."""
    spread = min(SPREAD, mean, VALUES - 1 - mean)
    row = rng.integers(mean - spread, mean + spread, size, endpoint=True)
    wide = rng.permutation(size)[: size // WIDE]
    if min(mean, VALUES - 1 - mean) > VALUES / 2 / WIDE:
        row[wide] = rng.integers(0, VALUES, len(wide))  # the rest makes up for the sum
    else:
        wide = wide[:0]
    total = mean * size + (sum_ - mean * size) % VALUES
    while (left := total - int(row.sum())) != 0:
        step = 1 if left > 0 else -1
        room = np.flatnonzero(row < VALUES - 1 if step > 0 else row > 0)
        if not len(room):
            break
        row[rng.permutation(room)[: abs(left)]] += step
    return row, wide


def _with_parity(row: Numbers, parity: int, wide: Numbers, rng: np.random.Generator) -> Numbers:
    """The same sum, by two bytes that change, but an exclusive-or of ``parity``, if that can be."""
    wrong = int(np.bitwise_xor.reduce(row)) ^ parity
    if wrong == 0 or not len(wide):
        return row
    first, second = rng.choice(wide, (2, DRAWN))
    step = rng.integers(1, VALUES, DRAWN)
    one, other = row[first] + step, row[second] - step
    change = row[first] ^ one ^ row[second] ^ other
    good = (first != second) & (one < VALUES) & (other >= 0) & (change == wrong)
    if good.any():
        at = int(good.argmax())
        row[first[at]], row[second[at]] = one[at], other[at]
    return row
