"""How well kinds of ciphers are told apart after JPEG 75, one file of 32 px at a time.

    python benchmarks/identify_after_jpeg.py --images CIFAR10/train --number 300 [--own]
    python benchmarks/identify_after_jpeg.py --images CIFAR10/train --number 2000 --oracle

Printed is how often each kind gets the largest chance, by what ``identify`` learns of the
photographs that come with scikit-image; with ``--own`` it learns of four fifths of the images, and
is asked about the others. Kinds that nobody would name differently count as one: ``pe`` with and
without colours, and everything without blocks. ``--oracle`` asks what can be had: two classifiers
that know of two kinds only, ``ele`` and half-bytes that are shuffled and complemented over the
whole image, or blocks of 4 and 8 px. It needs scikit-learn.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from identify_folders import Images, load

from ppattack.identify.jpeg_kinds import KINDS, scaled, scores
from ppattack.identify.jpeg_lessons import compressed, encrypted, fitted, weights
from ppattack.identify.jpeg_statistics import EDGE, statistics
from ppattack.identify.sample import Floats

QUALITY, LEFT_OUT = 75, 5
"""One in so many images is left out of a fit."""
PAIRS = (("ele-4", "whole-nibbles"), ("ele-8", "whole-nibbles"), ("ele-4", "ele-8"))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=Path, help="folder of images, or an NPY file of them")
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--number", type=int, default=300, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--own", action="store_true", help="learn of these images")
    parser.add_argument("--oracle", action="store_true", help="two kinds at a time instead")
    asked = parser.parse_args()
    images = load(asked.images, EDGE, asked.split)
    rng = np.random.default_rng(asked.seed)
    images = images[rng.permutation(len(images))]
    cut = len(images) // LEFT_OUT
    for halved in (False, True):
        title = "4:2:0" if halved else "4:4:4"
        if asked.oracle:
            oracle(title, images[cut:], images[:cut], asked.number, rng, halved=halved)
            continue
        learned = weights(QUALITY, halved=halved)
        if asked.own:
            learned = fitted(drawn(images[cut:], asked.number, rng), QUALITY, rng, halved=halved)
        print(title, flush=True)
        told(drawn(images[:cut], asked.number, rng), learned, rng, halved=halved)


def drawn(images: Images, number: int, rng: np.random.Generator) -> Images:
    """So many of the images."""
    return images[rng.choice(len(images), number, replace=number > len(images))]


def measured(images: Images, name: str, rng: np.random.Generator, *, halved: bool) -> Floats:
    """Statistics of images after a cipher of a kind and JPEG."""
    files = compressed(encrypted(images, KINDS[name], rng), QUALITY, halved=halved)
    return np.concatenate(
        [statistics(files[i : i + 50], halved=halved) for i in range(0, len(files), 50)]
    )


def told(
    images: Images,
    learned: tuple[Floats, Floats, Floats],
    rng: np.random.Generator,
    *,
    halved: bool,
) -> None:
    """Print what the files of every kind are called."""
    names, shares = list(KINDS), []
    for name in names:
        said = scores(measured(images, name, rng, halved=halved), *learned).argmax(axis=1)
        counted = Counter(_named(names[each]) for each in said)
        shares.append(counted.pop(_named(name), 0) / len(images))
        print(f"  {name:24} {shares[-1]:.3f} {dict(counted.most_common(4))}", flush=True)
    print(f"  mean of all              {np.mean(shares):.3f}", flush=True)


def oracle(
    title: str,
    images: Images,
    others: Images,
    number: int,
    rng: np.random.Generator,
    *,
    halved: bool,
) -> None:
    """Print how often classifiers that know of two kinds only are right, on other images."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    for pair in PAIRS:
        sets = []
        for source, many in ((images, number), (others, number // LEFT_OUT)):
            parts = [measured(drawn(source, many, rng), name, rng, halved=halved) for name in pair]
            sets.append((np.concatenate(parts), np.repeat([0, 1], many)))
        (rows, truth), (tested, true) = sets
        mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        rows, tested = (_with_squares(scaled(each, mean, spread)) for each in (rows, tested))
        for name, model in (
            ("regression", LogisticRegression(C=0.03, max_iter=300)),
            ("boosting", HistGradientBoostingClassifier(max_iter=80, learning_rate=0.06)),
        ):
            right = (model.fit(rows, truth).predict(tested) == true).mean()
            print(f"{title} {' or '.join(pair)}: {name} {right:.3f}", flush=True)


def _with_squares(rows: Floats) -> Floats:
    return np.concatenate([rows, np.minimum(np.square(rows[:, :-1]), 9) - 1], axis=1)


def _named(name: str) -> str:
    kind = KINDS[name]
    return name if kind.block else "no blocks" if kind.content != "values in place" else "pe"


if __name__ == "__main__":
    main()
