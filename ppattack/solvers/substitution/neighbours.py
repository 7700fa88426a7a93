"""What the bytes around a byte say of it: linear prediction from those that are known.

The weights are those of kriging: the covariance of small patches of public images, of which the
level of a patch is free, gives the best prediction from whatever neighbours are known.

Reference: N. Cressie: Statistics for Spatial Data. Wiley, 1993, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]
REACH = 2
"""Rows and columns on each side of a pixel that are looked at."""
EDGE = 2 * REACH + 1
MOST_PATCHES = 100_000
"""Patches of public images that the covariance is taken of."""
SOFTENING = 1.0
"""Levels added to the contrast by which a patch is divided, so that noise does not count."""
FREE_LEVEL = 1e3
"""Variance of the level of a patch, in which the others are below one."""
RIDGE = 1e-3
MEDIAN_OF_T3 = 0.765
"""Median of the absolute value of Student's t with three degrees of freedom."""
ROUNDING = 0.3
"""Standard deviation of a level that was rounded."""
AT_ONCE = 1 << 22
"""Numbers that are gathered at a time."""


def log_t3(standard: Floats | NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the density of Student's t with three degrees of freedom."""
    return np.asarray(np.log(2 / (np.pi * np.sqrt(3))) - 2 * np.log1p(standard**2 / 3))


@dataclass(frozen=True)
class Prediction:
    """What is predicted of every byte of ``(N, S)``.

    Args:
        values: the levels predicted.
        scales: how far off they usually are, levels.
        own: the weight of those neighbours that carry the byte's own label.
    """

    values: Floats
    scales: Floats
    own: Floats


@dataclass(frozen=True)
class Neighbours:
    """The covariance of patches.

    Args:
        covariance: ``(K, K)`` of the K = C · 25 bytes of a patch, channels first.
        channels: C.
    """

    covariance: NDArray[np.float64]
    channels: int

    @classmethod
    def of(cls, public: Tensor, rng: np.random.Generator) -> Neighbours:
        """Learned from public images ``(M, C, H, W)`` uint8, at least 5 pixels wide and high."""
        images = public.cpu().numpy()
        count, channels, height, width = images.shape
        rows, columns = height - 2 * REACH, width - 2 * REACH
        most = count * rows * columns
        taken = rng.integers(0, most, min(most, MOST_PATCHES))
        image, place = np.divmod(taken, rows * columns)
        row, column = np.divmod(place, columns)
        windows = np.lib.stride_tricks.sliding_window_view(images, (EDGE, EDGE), (2, 3))
        patches = windows[image, :, row, column].reshape(len(taken), -1).astype(np.float64)
        patches -= patches.mean(1, keepdims=True)
        patches /= patches.std(1, keepdims=True) + SOFTENING
        return cls(patches.T @ patches / len(patches), channels)

    def weights(self, channel: int, there: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """Weights of the neighbours that are known ``(K,)``, and the deviation that is left."""
        centre = channel * EDGE**2 + EDGE**2 // 2
        among = self.covariance[np.ix_(there, there)] + FREE_LEVEL + RIDGE * np.eye(there.sum())
        towards = self.covariance[there, centre] + FREE_LEVEL
        found = np.linalg.solve(among, towards)
        left = self.covariance[centre, centre] + FREE_LEVEL - found @ towards
        return found, float(np.sqrt(max(left, RIDGE)))

    def predict(
        self,
        values: Floats,
        known: NDArray[np.bool_],
        shape: ImageShape,
        labels: NDArray[np.int16] | None = None,
    ) -> Prediction:
        """Predict every byte from its neighbours that are known, never from itself.

        Args:
            values: ``(N, S)`` levels; those not known do not matter.
            known: ``(S,)``.
            shape: ``(C, H, W)``, of S bytes.
            labels: ``(N, S)``, for :attr:`Prediction.own`; -1 is nobody's.
        """
        around = _around(shape)
        made = np.full(values.shape, values[:, known].mean(), np.float32)
        scales = np.full(values.shape, 255.0, np.float32)
        own = np.zeros(values.shape, np.float32)
        for channel, rows, there in _patterns(around, known, shape):
            weights, left = self.weights(channel, there)
            light = weights.astype(np.float32)
            step = max(1, AT_ONCE // max(1, len(values) * len(light)))
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                at = around[part % around.shape[0]][:, there]
                given = values[:, at]  # (N, rows, known)
                made[:, part] = given @ light
                scales[:, part] = left * (_texture(given, there) + 1)
                if labels is not None:
                    same = (labels[:, at] == labels[:, part, None]) & (labels[:, part, None] >= 0)
                    own[:, part] = same @ light
        off = np.abs(values[:, known] - made[:, known]) / scales[:, known]
        usual = float(np.median(off)) / MEDIAN_OF_T3
        return Prediction(made, np.hypot(scales * np.float32(usual), np.float32(ROUNDING)), own)


def _around(shape: ImageShape) -> NDArray[np.int32]:
    """``(H · W, K)``: the numbers of the bytes of the patch around each pixel, -1 outside."""
    channels, height, width = shape
    numbers = np.arange(channels * height * width, dtype=np.int32).reshape(shape)
    edges = ((0, 0), (REACH, REACH), (REACH, REACH))
    framed = np.pad(numbers, edges, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(framed, (EDGE, EDGE), (1, 2))
    return np.ascontiguousarray(windows.transpose(1, 2, 0, 3, 4).reshape(height * width, -1))


def _patterns(
    around: NDArray[np.int32], known: NDArray[np.bool_], shape: ImageShape
) -> list[tuple[int, NDArray[np.intp], NDArray[np.bool_]]]:
    """Bytes with the same neighbours known: channel, their numbers, which ``(K,)``."""
    pixels = shape[1] * shape[2]
    there = (around >= 0) & known[around]
    found = []
    for channel in range(shape[0]):
        seen = there.copy()
        seen[:, channel * EDGE**2 + EDGE**2 // 2] = False
        packed = np.packbits(seen, axis=1)
        as_one = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}")[:, 0]
        _, first, group = np.unique(as_one, return_index=True, return_inverse=True)
        order = np.argsort(group, kind="stable")
        bounds = np.cumsum(np.bincount(group))[:-1]
        for one, rows in zip(first, np.split(order, bounds), strict=True):
            if seen[one].any():
                found.append((channel, rows + channel * pixels, seen[one]))
    return found


def _texture(given: Floats, there: NDArray[np.bool_]) -> Floats:
    """How much the known neighbours differ within their channels, ``(N, rows)`` levels."""
    channel = np.flatnonzero(there) // EDGE**2
    total = np.zeros(given.shape[:2], np.float32)
    for one in np.unique(channel):
        part = given[..., channel == one]
        total += part.var(axis=2) * part.shape[2]
    return np.sqrt(total / len(channel))
