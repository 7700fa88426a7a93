"""Small files of every kind of cipher after JPEG, and what tells the kinds apart.

Crops of photographs that come with scikit-image, with other contrasts and colours, are encrypted
under fresh keys and compressed as the files in question were; a multinomial logistic regression on
the statistics of ``jpeg_statistics`` is fitted to them. That takes about 20 s of the processor,
once for a quality: the result is kept in the user's cache. CIFAR-10 images (training half), fitted
to 300 of a kind, are told from each other in .93 of cases after 4:2:0; so they are by these crops,
and in .91 without other contrasts and colours.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ppattack.blocks import merge, split
from ppattack.caches.user import cache_folder, keep, kept
from ppattack.data.photos import all_crops
from ppattack.identify import jpeg_statistics
from ppattack.identify.jpeg_kinds import KINDS, Kind, scaled
from ppattack.identify.jpeg_statistics import EDGE, statistics
from ppattack.identify.sample import Bytes, Floats

NUMBER = 400
"""Files of each kind."""
CONTRAST, SATURATION, BRIGHTNESS = (-0.5, 0.3), (0.3, 1.3), 50.0
"""Logarithm of the contrast of a crop, what its colours are multiplied by, and levels by which it
gets brighter or darker, at most."""
AT_ONCE, SEED = 50, 0
RIDGE, STEPS = 2e-4, 400
COMPLEMENT = np.array([0, 255], np.uint8)
HALF = np.array([0, 15], np.uint8)
Weights = tuple[Floats, Floats, Floats]
"""Means and standard deviations of the statistics ``(K,)``, weights ``(K + 1, kinds)``."""


def _say_nothing(words: str) -> None:
    del words


announce: Callable[[str], None] = _say_nothing
"""Takes a line before something is learned, which takes a while; programs put theirs here."""


@cache
def weights(quality: int, *, halved: bool, number: int | None = None) -> Weights:
    """What was learned of files of one quality, or is learned now.

    Args:
        quality: of JPEG.
        halved: whether colours are halved (4:2:0).
        number: files of each kind; None for the usual number.
    """
    number = NUMBER if number is None else number
    folder = cache_folder("identify-jpeg")
    place = None if folder is None else folder / f"{_name(quality, number, halved=halved)}.npy"
    data = None if place is None else kept(place)
    if data is not None:
        stored = _read(data)
        if stored is not None:
            return stored
    announce(f"learning what JPEG of quality {quality} leaves of ciphers, once: some 20 s ...")
    made = learned(quality, number, halved=halved)
    if place is not None:
        keep(place, _written(made))
    return made


def learned(quality: int, number: int, *, halved: bool) -> Weights:
    """The fit, without a cache."""
    rng = np.random.default_rng(SEED)
    crops = varied(all_crops(EDGE, number, SEED).transpose(0, 3, 1, 2), rng)
    return fitted(crops, quality, rng, halved=halved)


def fitted(crops: Bytes, quality: int, rng: np.random.Generator, *, halved: bool) -> Weights:
    """The same from some images ``(N, 3, 32, 32)``, each in every kind."""
    number, rows = len(crops), []
    for kind in KINDS.values():
        files = compressed(encrypted(crops, kind, rng), quality, halved=halved)
        parts = [files[start : start + AT_ONCE] for start in range(0, number, AT_ONCE)]
        rows += [statistics(each, halved=halved) for each in parts]
    measured = np.concatenate(rows)
    mean, spread = measured.mean(axis=0), measured.std(axis=0) + np.float32(1e-6)
    truth = np.repeat(np.arange(len(KINDS)), number)
    return mean, spread, _regression(scaled(measured, mean, spread), truth, len(KINDS))


def varied(images: Bytes, rng: np.random.Generator) -> Bytes:
    """Images ``(N, 3, H, W)`` with other contrasts, saturations and brightness."""
    shape = (len(images), 1, 1, 1)
    values = images.astype(np.float32)
    grey = values.mean(axis=1, keepdims=True)
    values = grey + (values - grey) * rng.uniform(*SATURATION, shape)
    middle = values.mean(axis=(1, 2, 3), keepdims=True)
    values = middle + (values - middle) * np.exp(rng.uniform(*CONTRAST, shape))
    values += rng.uniform(-BRIGHTNESS, BRIGHTNESS, shape)
    return np.asarray(np.clip(values, 0, 255).round(), np.uint8)


def compressed(images: Bytes, quality: int, *, halved: bool) -> Bytes:
    """Images of colours after JPEG, ``(N, 3, H, W)``."""
    out = np.empty_like(images)
    for number, image in enumerate(images):
        data = io.BytesIO()
        rows = np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(rows).save(data, "JPEG", quality=quality, subsampling=2 if halved else 0)
        with Image.open(data) as opened:
            out[number] = np.asarray(opened.convert("RGB")).transpose(2, 0, 1)
    return out


def encrypted(images: Bytes, kind: Kind, rng: np.random.Generator) -> Bytes:
    """Images ``(N, C, H, W)`` by a cipher of one kind, each under a key of its own."""
    if kind.content == "noise":
        return rng.integers(0, 256, images.shape, dtype=np.uint8)
    if kind.content == "values in place":
        order = rng.random(images.shape).argsort(axis=1) if kind.colours else None
        chosen = images if order is None else np.take_along_axis(images, order, axis=1)
        return np.asarray(chosen ^ rng.choice(COMPLEMENT, images.shape))
    if kind.unit == "pixel":
        pixels = images.reshape(*images.shape[:2], -1)
        places = rng.random((len(images), 1, pixels.shape[2])).argsort(axis=2)
        return np.take_along_axis(pixels, places, axis=2).reshape(images.shape)
    size = kind.block or images.shape[2]
    blocks = split(images, size)
    rows = blocks.reshape(*blocks.shape[:2], -1)
    if kind.unit == "nibble":
        halves = np.concatenate([rows & 15, rows >> 4], axis=2)
        low, high = np.split(_changed(halves, kind, HALF, rng), 2, axis=2)
        made: Bytes = np.asarray(low | (high << 4), np.uint8)
    else:
        made = _changed(rows, kind, COMPLEMENT, rng)
    if kind.moved == "yes":
        places = rng.random((*made.shape[:2], 1)).argsort(axis=1)
        made = np.take_along_axis(made, places, axis=1)
    return np.asarray(merge(made.reshape(blocks.shape), *images.shape[2:]))


def _changed(rows: Bytes, kind: Kind, signs: Bytes, rng: np.random.Generator) -> Bytes:
    """Values of blocks ``(N, M, D)`` in another order and complemented, as the kind does."""
    own = kind.content != "shared blocks"
    shape = rows.shape if own else (len(rows), 1, rows.shape[2])
    if kind.shuffled == "yes":
        rows = np.take_along_axis(rows, rng.random(shape).argsort(axis=2), axis=2)
    return rows ^ rng.choice(signs, shape) if kind.complements == "yes" else rows


def _regression(rows: Floats, truth: NDArray[np.intp], kinds: int) -> Floats:
    """Weights ``(K + 1, kinds)`` of a multinomial logistic regression with a ridge."""
    from scipy.optimize import minimize

    number, depth = rows.shape
    every = np.arange(number)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        made = flat.reshape(depth, kinds)
        wanted = rows @ made.astype(np.float32)
        wanted -= wanted.max(axis=1, keepdims=True)
        chance = np.exp(wanted)
        total = chance.sum(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - wanted[every, truth]).mean())
        chance /= total
        chance[every, truth] -= 1
        slope = (rows.T @ chance).astype(np.float64) / number
        slope[:-1] += 2 * RIDGE * made[:-1]
        return value + RIDGE * float(np.square(made[:-1]).sum()), slope.ravel()

    found = minimize(
        loss, np.zeros(depth * kinds), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    return np.asarray(found.x.reshape(depth, kinds), np.float32)


def _name(quality: int, number: int, *, halved: bool) -> str:
    """A name that holds all that decides the result."""
    source = b"".join(Path(str(file)).read_bytes() for file in (__file__, jpeg_statistics.__file__))
    asked = f"{quality} {halved} {number} {list(KINDS.items())} {np.__version__}"
    return hashlib.sha256(source + asked.encode()).hexdigest()[:32]


def _written(made: Weights) -> bytes:
    mean, spread, rows = made
    data = io.BytesIO()
    np.save(data, np.concatenate([mean[:, None], spread[:, None], rows[:-1]], axis=1))
    np.save(data, rows[-1])
    return data.getvalue()


def _read(data: bytes) -> Weights | None:
    """The same from a file of the cache; None if it is damaged."""
    stream = io.BytesIO(data)
    try:
        table, last = (np.load(stream, allow_pickle=False) for _ in range(2))
        if table.shape[1] != len(KINDS) + 2 or last.shape != (len(KINDS),):
            return None
    except (ValueError, OSError, EOFError, IndexError):
        return None
    rows = np.concatenate([table[:, 2:], last[None]])
    return np.asarray(table[:, 0]), np.asarray(table[:, 1]), np.asarray(rows)
