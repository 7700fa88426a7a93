"""The weights of ``ppattack/identify/touching.py``: which squares say that borders touched.

    python benchmarks/identify_borders.py --images CIFAR10/train
    python benchmarks/identify_borders.py --split train

Logistic regression of borders that touch in an image against random ones of the same image, turned,
mirrored, complemented and recoloured at random; fitted on one half of the images. Printed: the
weights, the share of pairs of a touching and a random border of the other half that they rank
right, and the same for the weights that are in use.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from identify_folders import Images, load
from numpy.typing import NDArray

from ppattack.identify.touching import ABOVE, BELOW, LEFT, ORDERS, RIGHT, WEIGHTS

Floats = NDArray[np.float64]
STEPS = 25
"""Newton's steps."""
RIDGE = 1e-3


def main() -> None:
    """Fit and print the weights by block size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=Path, help="folder of images, or an NPY file of them")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--number", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    images = load(asked.images, asked.size, asked.split)
    rng = np.random.default_rng(asked.seed)
    images = images[rng.permutation(len(images))[: asked.number]]
    half = len(images) // 2
    for block, used in WEIGHTS.items():
        fitted = regression(*drawn(images[:half], block, rng))
        features, touch = drawn(images[half:], block, rng)
        shares = [ranked_right(features @ weights, touch) for weights in (fitted, np.array(used))]
        print(
            f"{block:3} px: {np.round(fitted, 3).tolist()}: {shares[0]:.4f}, "
            f"those in use {shares[1]:.4f}",
            flush=True,
        )


def drawn(images: Images, block: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Two touching and two random borders an image: features ``(K, 6)``, and which touch."""
    values = images.astype(np.float64) - 127.5
    count, channels, height, width = values.shape
    rows, columns = height // block, width // block
    cut = values.reshape(count, channels, rows, block, columns, block)
    cut = cut.transpose(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, channels, block, block)
    outer = np.stack([cut[..., 0, :], cut[..., -1, :], cut[..., 0], cut[..., -1]], axis=2)
    inner = np.stack([cut[..., 1, :], cut[..., -2, :], cut[..., 1], cut[..., -2]], axis=2)
    sides = np.stack([outer, inner], axis=3)  # (K, M, 4, 2, C, b)
    every = np.arange(count)
    made = []
    for _ in range(2):
        down = rng.random(count) < 1 / 2
        row = rng.integers(0, np.where(down, rows - 1, rows))
        column = rng.integers(0, np.where(down, columns, columns - 1))
        first = row * columns + column
        second = first + np.where(down, columns, 1)
        touching = (
            sides[every, first, np.where(down, BELOW, RIGHT)],
            sides[every, second, np.where(down, ABOVE, LEFT)],
        )
        made.append(squares(*touching))
    for _ in range(2):
        first = rng.integers(0, rows * columns, count)
        second = (first + rng.integers(1, rows * columns, count)) % (rows * columns)
        one, two = (sides[every, at, rng.integers(0, 4, count)] for at in (first, second))
        made.append(squares(one, altered(two, rng)))
    return np.concatenate(made), np.repeat([True, True, False, False], count)


def altered(sides: Floats, rng: np.random.Generator) -> Floats:
    """Sides reversed, complemented and recoloured at random."""
    count, _, channels, _ = sides.shape
    sides = np.where(rng.random((count, 1, 1, 1)) < 1 / 2, sides[..., ::-1], sides)
    if channels == len(ORDERS[0]):
        order = np.array(ORDERS)[rng.integers(0, len(ORDERS), count)]
        sides = np.take_along_axis(sides, order[:, None, :, None], axis=2)
    return np.asarray(sides * rng.choice([-1.0, 1.0], (count, 1, 1, 1)))


def squares(one: Floats, two: Floats) -> Floats:
    """1 and the logarithms of five squares, as in ``touching``: ``(K, 6)``."""

    def log(values: Floats) -> Floats:
        return np.asarray(np.log(np.square(values).mean(axis=(1, 2)) + 1))

    pairs = [(side[:, 0], side[:, 1]) for side in (one, two)]
    outward = [outer + (outer - inner) / 2 for outer, inner in pairs]
    along = [np.diff(outer, axis=2) for outer, _ in pairs]
    centred = [outer - outer.mean(axis=(1, 2), keepdims=True) for outer, _ in pairs]
    columns = [
        np.ones(len(one)),
        log(outward[0] - outward[1]),
        log(along[0] - along[1]),
        sum(log(outer - inner) for outer, inner in pairs),
        sum(log(each) for each in along),
        sum(log(each) for each in centred),
    ]
    return np.stack([np.asarray(column) for column in columns], axis=1)


def regression(features: Floats, touch: NDArray[np.bool_]) -> Floats:
    """Weights of a logistic regression, by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -50, 50)))
        spread = chance * (1 - chance)
        curvature = (features * spread[:, None]).T @ features + RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, features.T @ (touch - chance))
    return weights


def ranked_right(scores: Floats, touch: NDArray[np.bool_]) -> float:
    """The area under the curve: how often a touching border has more than a random one."""
    ranks = np.argsort(np.argsort(scores)) + 1
    number = int(touch.sum())
    return float((ranks[touch].sum() - number * (number + 1) / 2) / number / (~touch).sum())


if __name__ == "__main__":
    main()
