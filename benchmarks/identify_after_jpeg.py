"""The weights of ``ppattack/identify/jpeg_kinds.py``: which cipher a small file is from after JPEG.

    python benchmarks/identify_after_jpeg.py --images CIFAR10/train --number 1800 --seed 3

``--out ppattack/identify/after_jpeg.npz`` writes them. Every kind under fresh keys, each file after
JPEG 75 or another quality; multinomial logistic regression on the statistics of
``jpeg_statistics`` and their squares. One fifth of the images is left out of the fit: printed is,
of these, how often each kind gets the largest chance, after JPEG 75. Kinds that nobody would name
differently count as one: ``pe`` with and without colours, and everything without blocks.

    python benchmarks/identify_after_jpeg.py --images CIFAR10/train --number 2000 --oracle

``--oracle`` asks what can be had instead: two classifiers that know of two kinds only, ``ele`` and
half-bytes that are shuffled and complemented over the whole image, or blocks of 4 and 8 px, all
after JPEG 75. It needs scikit-learn.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from identify_folders import FAMILIES, Cipher, Images, Scope, compressed, load, registered
from numpy.typing import NDArray
from scipy.optimize import minimize

from ppattack.blocks import merge, split
from ppattack.identify.jpeg_kinds import KINDS, QUALITIES, scaled, scores
from ppattack.identify.jpeg_statistics import EDGE, statistics

Floats = NDArray[np.float32]
RIDGE = 3e-5
STEPS = 500
AT_ONCE = 50
LEFT_OUT = 5
"""One in so many images is left out of the fit."""


def main() -> None:
    """Fit, print and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=Path, help="folder of images, or an NPY file of them")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--number", type=int, default=2000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--oracle", action="store_true", help="two kinds at a time instead")
    asked = parser.parse_args()
    images = load(asked.images, EDGE, asked.split)
    rng = np.random.default_rng(asked.seed)
    images = images[rng.permutation(len(images))]
    cut = len(images) // LEFT_OUT
    if asked.oracle:
        oracle(images[cut:], images[:cut], asked.number, rng)
        return
    made: dict[str, Floats] = {}
    for how in ("444", "420"):
        measured, truth, _ = drawn(images[cut:], asked.number, how, rng)
        mean, spread = measured.mean(axis=0), measured.std(axis=0) + 1e-6
        weights = regression(scaled(measured, mean, spread), truth, len(KINDS))
        tested, true, quality = drawn(images[:cut], asked.number // LEFT_OUT, how, rng)
        usual = quality == 75
        chances = np.exp(scores(tested[usual], mean, spread, weights))
        print(f"4:{how[1]}:{how[2]}, JPEG 75", flush=True)
        told(chances, true[usual])
        made |= {f"mean_{how}": mean, f"spread_{how}": spread, f"weights_{how}": weights}
    if asked.out:
        stored: dict[str, Any] = {name: rows.astype(np.float32) for name, rows in made.items()}
        np.savez(asked.out, **stored)


def drawn(
    images: Images,
    number: int,
    how: Literal["444", "420"],
    rng: np.random.Generator,
    kinds: Sequence[str] = tuple(KINDS),
    other: float = 1 / 2,
) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Statistics of so many files of every kind, the number of the kind, and the quality.

    Args:
        images: from which files are made.
        number: of files of each kind.
        how: colours are kept.
        rng: draws images, keys and qualities.
        kinds: their names.
        other: share of the files whose quality is another than 75.
    """
    rows, qualities = [], []
    for name in kinds:
        chosen = images[rng.choice(len(images), number, replace=number > len(images))]
        files = cipher(name)(chosen, "image", rng)
        quality = np.where(rng.random(number) < 1 - other, 75, rng.choice(QUALITIES, number))
        for i, each in enumerate(quality):
            files[i : i + 1] = compressed(files[i : i + 1], int(each), how)
        parts = [files[start : start + AT_ONCE] for start in range(0, number, AT_ONCE)]
        rows += [statistics(each, halved=how == "420") for each in parts]
        qualities.append(quality)
    return np.concatenate(rows), np.repeat(np.arange(len(kinds)), number), np.concatenate(qualities)


PAIRS = (("ele-4", "whole-nibbles"), ("ele-8", "whole-nibbles"), ("ele-4", "ele-8"))


def oracle(images: Images, others: Images, number: int, rng: np.random.Generator) -> None:
    """Print how often classifiers that know of two kinds only are right, on other images."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    for how in ("444", "420"):
        for pair in PAIRS:
            rows, truth, _ = drawn(images, number, how, rng, pair, 0)
            tested, true, _ = drawn(others, number // LEFT_OUT, how, rng, pair, 0)
            mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
            rows, tested = scaled(rows, mean, spread), scaled(tested, mean, spread)
            for name, model in (
                ("regression", LogisticRegression(C=0.03, max_iter=300)),
                ("boosting", HistGradientBoostingClassifier(max_iter=80, learning_rate=0.06)),
            ):
                right = (model.fit(rows, truth).predict(tested) == true).mean()
                print(f"4:{how[1]}:{how[2]} {' or '.join(pair)}: {name} {right:.3f}", flush=True)


def cipher(name: str) -> Cipher:
    """What makes the files of a kind."""
    family, _, size = name.rpartition("-")
    if name in FAMILIES:
        return FAMILIES[name].make
    if family.startswith("block-defence"):
        kind = family.removeprefix("block-defence-")
        return registered("block-defence", transformation=kind, block_size=int(size))
    if family.startswith("vit-blocks"):
        return registered("vit-blocks", block_size=int(size), flips=False)
    return own_keys(EDGE if family == "whole" else int(size), halves=size == "nibbles")


def own_keys(block: int, *, halves: bool) -> Cipher:
    """Bytes, or half-bytes with complements, shuffled in every block under a key of its own."""

    def make(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
        del scope
        cut = split(images, block)
        rows = cut.reshape(*cut.shape[:2], -1)
        if halves:
            both = rng.permuted(np.concatenate([rows & 15, rows >> 4], axis=2), axis=2)
            both ^= rng.choice(np.array([0, 15], np.uint8), both.shape)
            low, high = np.split(both, 2, axis=2)
            rows = low | (high << 4)
        else:
            rows = rng.permuted(rows, axis=2)
        return merge(rows.reshape(cut.shape), *images.shape[2:])

    return make


def regression(rows: Floats, truth: NDArray[np.intp], kinds: int) -> Floats:
    """Weights of a multinomial logistic regression with a ridge, ``(D, kinds)``."""
    number, depth = rows.shape
    every = np.arange(number)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(depth, kinds)
        wanted = rows @ weights.astype(np.float32)
        wanted -= wanted.max(axis=1, keepdims=True)
        chance = np.exp(wanted)
        total = chance.sum(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - wanted[every, truth]).mean())
        chance /= total
        chance[every, truth] -= 1
        slope = (rows.T @ chance).astype(np.float64) / number
        slope[:-1] += 2 * RIDGE * weights[:-1]
        return value + RIDGE * float(np.square(weights[:-1]).sum()), slope.ravel()

    options = {"maxiter": STEPS}
    start = np.zeros(depth * kinds)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(depth, kinds), np.float32)


def told(chances: Floats, truth: NDArray[np.intp]) -> None:
    """Print what the files of every kind are called."""
    names = list(KINDS)
    said = chances.argmax(axis=1)
    for number, name in enumerate(names):
        counted = Counter(_named(names[each]) for each in said[truth == number])
        right = counted.pop(_named(name), 0)
        total = right + counted.total()
        print(f"  {name:24} {right / max(total, 1):.3f} {dict(counted.most_common(4))}", flush=True)


def _named(name: str) -> str:
    kind = KINDS[name]
    return name if kind.block else "no blocks" if kind.content != "values in place" else "pe"


if __name__ == "__main__":
    main()
