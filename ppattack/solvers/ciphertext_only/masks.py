"""The mask of each byte, once its place is known: pixels are what their neighbours predict.

A linear prediction from the pixels around, learned from public images, leaves an error whose
distribution public images show as well. So each of the 256 masks of a byte has a likelihood over
all ciphertexts, and neighbours whose masks are known better predict better: rounds go from the
highest bits to all of them, then count errors to the level, where images are flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ppattack.images import ImageShape
from ppattack.maps import Rows
from ppattack.solvers.ciphertext_only.case import Single
from ppattack.solvers.ciphertext_only.statistics import LEVELS

WINDOW = 5
"""Edge of the window that predicts a pixel."""
MOST_PUBLIC_BYTES = 2_000_000
"""Bytes of public images from which predictions are learned."""
MIDDLE = 127.5
RIDGE = 1e-4
"""Added to the features' mean squares, relative to their average."""
PREDICTED = 64
"""Bins of a predicted byte when all masks are compared."""
DEPTHS = (1, 3, 8, 8)
"""Highest bits that are believed in the rounds of an exclusive-or mask."""
FINE_ROUNDS = 5
"""Rounds to the level, at most."""
NEAR = 16
"""Masks compared to the level: those that differ in the four lowest bits."""
ACTIVITIES = 6
"""Classes of how much the neighbours of a pixel differ."""
PRIOR = 0.5
"""Added to counts of public images before they become probabilities."""
PLACES_AT_ONCE = 256
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class Neighbours:
    """Predicts pixels from those around them.

    Args:
        weights: ``(C, C, WINDOW, WINDOW)`` float32, 0 at the pixel itself.
        bias: ``(C,)`` float32.
    """

    weights: Tensor
    bias: Tensor

    def __call__(self, rows: Rows, shape: ImageShape) -> Single:
        """Predicted bytes ``(N, S)`` float32 of ``(N, S)`` uint8."""
        images = torch.from_numpy(np.ascontiguousarray(rows)).reshape(-1, *shape)
        parts = [
            functional.conv2d(_padded(part), self.weights, self.bias)
            for part in images.split(IMAGES_AT_ONCE)
        ]
        found: Single = torch.cat(parts).reshape(len(rows), -1).numpy()
        return found


def learned(seen: Rows, true: Rows, shape: ImageShape) -> Neighbours:
    """The prediction of ``true`` bytes from ``seen`` ones around them, by ridge regression.

    Args:
        seen: ``(M, S)`` uint8 public images, as far as ciphertexts would show them.
        true: the same images.
        shape: ``(C, H, W)``.
    """
    channels = shape[0]
    size = channels * WINDOW**2
    moment = np.zeros((size + 1, size + 1))
    target = np.zeros((size + 1, channels))
    for start in range(0, len(seen), IMAGES_AT_ONCE):
        part = torch.from_numpy(seen[start : start + IMAGES_AT_ONCE].reshape(-1, *shape).copy())
        near = functional.unfold(_padded(part), WINDOW).transpose(1, 2).reshape(-1, size)
        near = torch.cat([near, near.new_ones(len(near), 1)], 1)
        wanted = torch.from_numpy(true[start : start + IMAGES_AT_ONCE].reshape(len(part), *shape))
        values = wanted.permute(0, 2, 3, 1).reshape(-1, channels).float() - MIDDLE
        moment += (near.T @ near).double().numpy()
        target += (near.T @ values).double().numpy()
    moment[np.diag_indices(size)] += RIDGE * np.trace(moment) / size + 1e-9
    moment[-1, -1] += 1e-9
    weights = np.zeros((channels, size), np.float32)
    bias = np.zeros(channels, np.float32)
    own = WINDOW**2 // 2
    for channel in range(channels):
        kept = np.delete(np.arange(size + 1), channel * WINDOW**2 + own)
        found = np.linalg.solve(moment[np.ix_(kept, kept)], target[kept, channel])
        weights[channel, kept[:-1]], bias[channel] = found[:-1], found[-1] + MIDDLE
    shaped = torch.from_numpy(weights).reshape(channels, channels, WINDOW, WINDOW)
    return Neighbours(shaped, torch.from_numpy(bias))


def _padded(images: Tensor) -> Tensor:
    return functional.pad(images.float() - MIDDLE, [WINDOW // 2] * 4, mode="replicate")


def solved(
    moved: Rows,
    start: NDArray[np.uint8],
    public: Rows,
    shape: ImageShape,
) -> NDArray[np.uint8]:
    """The likeliest mask of each place, by exclusive-or.

    Args:
        moved: ``(N, S)`` uint8, the byte of each place, masked.
        start: ``(S,)`` uint8, of which the highest bits are right.
        public: ``(M, S)`` uint8.
        shape: ``(C, H, W)``.
    """
    public = public[: max(1, MOST_PUBLIC_BYTES // public.shape[1])]
    masks = start
    for depth in DEPTHS:
        model = learned(believed(public, depth), public, shape)
        table = _table(model(believed(public, depth), shape), public)
        predicted = model(believed(moved ^ masks, depth), shape)
        scores = all_masks(moved, predicted, table)
        if depth == 1:  # the highest bit is known, and all that is
            scores[(np.arange(LEVELS) >> 7)[None] != (masks >> 7)[:, None]] = -np.inf
        masks = scores.argmax(1).astype(np.uint8)
    return to_the_level(moved, masks, public, shape)


def believed(rows: Rows, depth: int) -> Rows:
    """The highest bits of bytes, with the middle in place of the others."""
    if depth == 8:
        return rows
    kept = np.uint8(256 - (1 << (8 - depth)))
    return (rows & kept) | np.uint8(1 << (7 - depth))


def _table(predicted: Single, true: Rows) -> Single:
    """``(PREDICTED, 256)`` log-probabilities of bytes, by what was predicted."""
    bins = _bins(predicted)
    counts = np.bincount((bins * LEVELS + true).reshape(-1), minlength=PREDICTED * LEVELS)
    table = counts.reshape(PREDICTED, LEVELS) + PRIOR
    found: Single = np.log(table / table.sum(1, keepdims=True)).astype(np.float32)
    return found


def _bins(predicted: Single) -> NDArray[np.int64]:
    return (predicted.clip(0, 255) * (PREDICTED / LEVELS)).astype(np.int64)


def all_masks(moved: Rows, predicted: Single, table: Single) -> Single:
    """Log-likelihood of every mask, ``(S, 256)``.

    Args:
        moved: ``(N, S)`` uint8.
        predicted: ``(N, S)`` what neighbours predict.
        table: ``(P, 256)`` log-probabilities of bytes, by bin of the prediction.
    """
    levels = np.arange(LEVELS, dtype=np.uint8)
    by_value = table[:, levels[:, None] ^ levels].reshape(PREDICTED * LEVELS, LEVELS)
    codes = _bins(predicted) * LEVELS + moved
    found = np.empty((moved.shape[1], LEVELS), np.float32)
    for start in range(0, len(found), PLACES_AT_ONCE):
        part = codes[:, start : start + PLACES_AT_ONCE].T
        rows = np.arange(len(part))[:, None] * (PREDICTED * LEVELS)
        counts = np.bincount((part + rows).reshape(-1), minlength=len(part) * PREDICTED * LEVELS)
        found[start : start + PLACES_AT_ONCE] = (
            counts.reshape(len(part), -1).astype(np.float32) @ by_value
        )
    return found


def to_the_level(
    moved: Rows, masks: NDArray[np.uint8], public: Rows, shape: ImageShape
) -> NDArray[np.uint8]:
    """Masks corrected in the four lowest bits."""
    model = learned(public, public, shape)
    edges, errors = _error_table(model(public, shape), public, shape)
    change = np.arange(NEAR, dtype=np.uint8)
    for _ in range(FINE_ROUNDS):
        rows = moved ^ masks
        predicted = model(rows, shape)
        row = np.searchsorted(edges, _activity(rows, predicted, shape)) * (2 * LEVELS)
        offset = row + (LEVELS - predicted.clip(0, 255).round().astype(np.int32))
        scores = [errors[offset + (rows ^ by)].sum(0) for by in change]
        best = change[np.argmax(scores, axis=0)]
        if not best.any():
            break
        masks = masks ^ best
    return masks


def _activity(rows: Rows, predicted: Single, shape: ImageShape) -> Single:
    """How much the four neighbours of a pixel differ from its prediction, ``(N, S)``."""
    images = torch.from_numpy(np.ascontiguousarray(rows)).reshape(-1, *shape).float()
    near = functional.pad(images, [1] * 4, mode="replicate")
    centre = torch.from_numpy(predicted).reshape(-1, *shape)
    sides = (
        near[:, :, :-2, 1:-1],
        near[:, :, 2:, 1:-1],
        near[:, :, 1:-1, :-2],
        near[:, :, 1:-1, 2:],
    )
    apart = torch.stack([(side - centre).abs() for side in sides]).sum(0)
    found: Single = apart.reshape(len(rows), -1).numpy()
    return found


def _error_table(predicted: Single, true: Rows, shape: ImageShape) -> tuple[Single, Single]:
    """Borders of the classes of activity, and log-probabilities of errors, one class after another.

    Errors are byte less rounded prediction, -256 to 255.
    """
    activity = _activity(true, predicted, shape)
    edges = np.quantile(
        activity[:: max(1, len(activity) // 50)], np.arange(1, ACTIVITIES) / ACTIVITIES
    )
    rows = np.searchsorted(edges, activity)
    error = true.astype(np.int32) - predicted.clip(0, 255).round().astype(np.int32) + LEVELS
    counts = np.bincount((rows * 2 * LEVELS + error).reshape(-1), minlength=ACTIVITIES * 2 * LEVELS)
    table = counts.reshape(ACTIVITIES, -1) + PRIOR
    logs = np.log(table / table.sum(1, keepdims=True)).astype(np.float32)
    return edges.astype(np.float32), logs.reshape(-1)
