"""Find where low nibbles went, once the high nibbles are in their places.

The low nibble of a byte says where within 16 levels it lies, and so do the high nibbles around
it: beside a larger high nibble the low one tends to be large. A linear prediction of bytes from the
high nibbles nearby, learned from public images, correlates at about 0.7 with the true low nibbles,
and hardly with any others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ppattack.context import Alone, Workers
from ppattack.data.stacks import Images
from ppattack.permxor import PermXor
from ppattack.solvers.covariance.moments import EXACT_IN_SINGLE
from ppattack.solvers.covariance.signed_matching import Single, assign
from ppattack.solvers.sums import Sent, gathered

Table = NDArray[np.int64]
WINDOW = 5
"""Edge of the window from which a byte is predicted, pixels."""
MOST_PUBLIC_BYTES = 3_000_000
"""Bytes of public images from which the prediction is learned: more change nothing."""
MIDDLE = 127.5
RIDGE = 1e-5
"""Added to the features' mean squares, relative to their average."""
STEPS = 16
"""Predictions are rounded to whole parts of this many, so that sums of products are exact."""
EXACT_ROWS = 1024
"""Squares of predictions, in such parts, that single precision adds up exactly."""
GROUP_BYTES = 1 << 24
"""Bytes of images whose products are summed at a time."""
CHUNK_BYTES = 1 << 21
TINY = 1e-12
FOUND = 0.3
"""Mean correlation with the prediction above which low nibbles count as found: 0.7 is usual."""
FOUND_DEVIATIONS = 4.0
"""The same in standard errors: by chance the best of many is about 2.5 above 0."""


@dataclass(frozen=True)
class LowPrediction(Sent):
    """Predicts low nibbles from high ones.

    Weights are whole numbers of a unit, and so small that single precision adds up products with
    high nibbles exactly: a prediction depends on its surroundings and on nothing else.

    Args:
        weights: ``(C, C, WINDOW, WINDOW)`` float32, by predicted channel, channel nearby and place.
        bias: ``(C,)`` float32.
        unit: a power of two.
    """

    weights: Tensor
    bias: Tensor
    unit: float

    @classmethod
    def rounded(cls, weights: Tensor, bias: Tensor) -> LowPrediction:
        """From weights of odd numbers from -15 to 15, see :func:`_around`, to the finest unit."""
        largest = 15 * weights.abs().flatten(1).sum(1) + bias.abs()
        room = EXACT_IN_SINGLE / (2 * float(largest.max()) + 512)
        unit = 2.0 ** -np.floor(np.log2(room))
        return cls((weights / unit).round().float(), (bias / unit).round().float(), unit)

    def __call__(self, images: Tensor) -> Tensor:
        """Expected low nibbles, 0..15, to the nearest sixteenth.

        Args:
            images: ``(N, C, H, W)`` uint8, of which only the high nibbles are read.

        Returns:
            ``(N, C, H, W)`` float32.
        """
        weights, bias = self.weights.to(images.device), self.bias.to(images.device)
        found = functional.conv2d(_around(images), weights, bias) * self.unit
        found = (found - (images & 240)).clamp_(0, 15)
        return found.mul_(STEPS).round_().div_(STEPS)


def learn(public: Tensor) -> LowPrediction:
    """Fit the prediction to ``(M, C, H, W)`` uint8 public images by ridge regression."""
    channels = public.shape[1]
    size = channels * WINDOW**2 + 1
    moment = torch.zeros(size, size, dtype=torch.float64, device=public.device)
    target = torch.zeros(size, channels, dtype=torch.float64, device=public.device)
    for chunk in _chunks(public[: max(1, MOST_PUBLIC_BYTES // public[0].numel())]):
        near = functional.unfold(_around(chunk), WINDOW).transpose(1, 2).reshape(-1, size - 1)
        near = torch.cat([near, near.new_ones(len(near), 1)], 1)
        bytes_ = chunk.permute(0, 2, 3, 1).reshape(-1, channels).float() - MIDDLE
        moment += near.T @ near
        target += near.T @ bytes_
    ridge = RIDGE * moment.diagonal().mean() + TINY
    found = torch.linalg.solve(moment + torch.eye(size).to(ridge) * ridge, target)
    weights = found[:-1].T.reshape(channels, channels, WINDOW, WINDOW)
    return LowPrediction.rounded(weights, found[-1] + MIDDLE)


def _around(images: Tensor) -> Tensor:
    """High nibbles as odd numbers from -15 to 15, continued beyond the edge."""
    high = (images >> 4).float() * 2 - 15
    return functional.pad(high, [WINDOW // 2] * 4, mode="replicate")


def _chunks(images: Tensor) -> tuple[Tensor, ...]:
    parts: tuple[Tensor, ...] = images.split(_at_once(images))
    return parts


def _at_once(images: Tensor) -> int:
    """Images at a time."""
    return max(1, CHUNK_BYTES // (images.shape[1:].numel() * WINDOW**2))


def complete(
    key: PermXor,
    ciphertexts: Images,
    public: Tensor,
    numbers: NDArray[np.int32],
    *,
    shared: bool,
    workers: Workers | None = None,
) -> tuple[PermXor, bool]:
    """Find the places and complements of low nibbles.

    Args:
        key: over nibbles, correct for those ciphertext nibbles that carry high ones.
        ciphertexts: ``(N, C, H, W)`` uint8 under the key sought.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        numbers: ``(n, S)``: the numbers of the nibbles of each block of a ciphertext. The low
            nibbles of a block belong to the same bytes as its high ones do.
        shared: whether the same permutation acts in every block, so that all blocks count together.
        workers: gather statistics; None for this process.

    Returns:
        the completed key, and whether the low nibbles fit what was expected of them. If not,
        their part of the key means nothing.
    """
    cipher, plain = _low_symbols(key, numbers)
    prediction = learn(public)
    gather = partial(_gathered, key.index, key.mask, cipher, plain, prediction, shared)
    moments = gathered(gather, ciphertexts, workers or Alone())
    index, mask = key.index.copy(), key.mask.copy()
    fits = []
    for group, found in enumerate(moments.correlations()):
        places = assign(np.abs(found))
        matched = found[np.arange(len(found)), places]
        rows = slice(None) if shared else slice(group, group + 1)
        index[cipher[rows]] = plain[rows][:, places]
        mask[cipher[rows]] = np.where(matched < 0, 15, 0).astype(np.uint8)
        fits.append(float(np.abs(matched).mean()))
    least = max(FOUND, FOUND_DEVIATIONS / np.sqrt(moments.count))
    return PermXor(index, mask, key.unit), float(np.mean(fits)) > least


def _gathered(
    index: NDArray[np.integer],
    mask: NDArray[np.uint8],
    cipher: Table,
    plain: Table,
    prediction: LowPrediction,
    shared: bool,
    images: Tensor,
) -> _Moments:
    """Moments of the low nibbles of ciphertexts with what their high ones predict."""
    undo = PermXor(index, mask, "nibble").inverse()
    moments = _Moments(1 if shared else len(cipher), cipher.shape[1], images.device)
    places = torch.from_numpy(plain.reshape(-1)).to(images.device)
    for group in images.split(max(1, GROUP_BYTES // images[0].numel())):
        seen = _nibbles(group, cipher.reshape(-1))
        expected = torch.cat([prediction(undo(chunk)) for chunk in _chunks(group)])
        expected = expected.flatten(1).gather(1, places.expand(len(group), -1))
        moments.add(seen, expected.sub_(7.5))
    return moments


def _low_symbols(key: PermXor, numbers: NDArray[np.int32]) -> tuple[Table, Table]:
    """``(n, S / 2)`` each: the remaining nibbles of each block, and the places for them."""
    area = key.symbols // 2
    plain = key.index[numbers]
    low = plain < area
    shape = (len(numbers), numbers.shape[1] // 2)
    cipher: Table = numbers[low].reshape(shape).astype(np.int64)
    return cipher, (plain[~low] - area).reshape(shape).astype(np.int64)


def _nibbles(images: Tensor, numbers: Table) -> Tensor:
    """``(N, len(numbers))`` float32, relative to the middle."""
    flat = images.reshape(len(images), -1)
    area = flat.shape[1]
    index = torch.from_numpy(numbers % area).to(images.device)
    high = torch.from_numpy(numbers >= area).to(images.device)
    bytes_ = flat.gather(1, index.expand(len(flat), -1))
    return ((bytes_ >> high.byte() * 4) & 15).float() - 7.5


class _Moments(Sent):
    """Sums that give the correlations between two sides, for each of several groups."""

    def __init__(self, groups: int, size: int, device: torch.device) -> None:
        self.groups, self.size, self.count = groups, size, 0
        zeros = partial(torch.zeros, dtype=torch.float64, device=device)
        self.sums, self.squares = zeros(2, 2, groups, size)
        self.cross = zeros(groups, size, size)

    def add(self, *sides: Tensor) -> None:
        """Add two ``(N, n · S)`` float32; if there is one group, all n count as samples of it."""
        first, second = (side.reshape(-1, self.groups, self.size).transpose(0, 1) for side in sides)
        self.count += first.shape[1]
        for parts in zip(first.split(EXACT_ROWS, 1), second.split(EXACT_ROWS, 1), strict=True):
            self.cross += parts[0].transpose(1, 2) @ parts[1]
            for k, values in enumerate(parts):
                self.sums[k] += values.sum(1)
                self.squares[k] += values.square().sum(1)

    def merge(self, other: _Moments) -> _Moments:
        """Add what another has gathered; returns itself."""
        self.count += other.count
        self.sums += other.sums
        self.squares += other.squares
        self.cross += other.cross
        return self

    def correlations(self) -> Single:
        """``(groups, S, S)``, first side by second."""
        mean = self.sums / self.count
        spread = (self.squares / self.count - mean.square()).clamp_min(TINY).sqrt()
        found = self.cross / self.count - mean[0][:, :, None] * mean[1][:, None]
        found /= spread[0][:, :, None] * spread[1][:, None]
        out: Single = found.float().cpu().numpy()
        return out
