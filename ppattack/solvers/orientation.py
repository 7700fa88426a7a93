"""Which way round an image is: negative or not, its colours, its sides. Learned from public images.

Correlations alone cannot tell an image from its negative, and hardly from its mirror image or
from the image with other colour orders. What is common can: skies are above, highlights are
small, blue is bright. For one given transformation, a linear discriminant separates public images
from their transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import COLOUR_ORDERS
from ppattack.permxor import PermXor

Transformation = Callable[[Tensor], Tensor]
"""Takes and gives back ``(N, C, H, W)`` uint8."""

POOLED_EDGE = 8
"""Images are averaged down to at most so many pixels on an edge."""
HISTOGRAM_BINS = 16
"""As many as a high nibble has values: low nibbles, which may be unknown, say nothing."""
RIDGE = 1e-3
"""Added to the features' mean square, relative to its average."""
BATCH = 1024
MOST_PUBLIC = 4000
MOST_SCORED = 512
"""More images than these make no difference that matters."""


@dataclass(frozen=True)
class Discriminant:
    """Tells images from their transforms under one transformation.

    Args:
        transformation: what the images may have been through.
        weights: ``(F,)`` float64.
    """

    transformation: Transformation
    weights: NDArray[np.float64]

    def score(self, images: Tensor) -> float:
        """The mean over ``(N, C, H, W)`` uint8 images: about 1 for images as they should be.

        Where transforming twice changes nothing, transformed images score the opposite.
        """
        return float((_contrast(images, self.transformation) @ self.weights).mean())


def learn(public: Tensor, transformation: Transformation) -> Discriminant:
    """Fit to public images, ``(M, C, H, W)`` uint8, by ridge regression towards 1."""
    contrast = _contrast(public, transformation)
    moment = contrast.T @ contrast / len(contrast)
    moment += np.eye(len(moment)) * (RIDGE * np.trace(moment) / len(moment) + 1e-12)
    return Discriminant(transformation, np.linalg.solve(moment, contrast.mean(0)))


def _contrast(images: Tensor, transformation: Transformation) -> NDArray[np.float64]:
    """``(N, F)``: features of the images less those of their transforms."""
    batches = images.split(BATCH)
    rows = [(_features(batch) - _features(transformation(batch))) / 2 for batch in batches]
    return torch.cat(rows).double().numpy()


def _features(images: Tensor) -> Tensor:
    """Pooled brightness and the histograms of the channels."""
    count, channels, height, width = images.shape
    edge = (min(POOLED_EDGE, height), min(POOLED_EDGE, width))
    pooled = torch.nn.functional.adaptive_avg_pool2d(images.cpu().float(), edge)
    bins = (images.cpu() >> 4).long()
    row = torch.arange(count * channels).view(count, channels, 1, 1) * HISTOGRAM_BINS
    counted = torch.bincount((row + bins).reshape(-1), minlength=row.numel() * HISTOGRAM_BINS)
    share = counted.view(count, -1).float() / (height * width)
    return torch.cat([pooled.reshape(count, -1) / 128, share], 1)


def settle(images: Tensor, public: Tensor, states: Sequence[Transformation]) -> tuple[int, float]:
    """Which of several transformations brings images to look like the public ones.

    Args:
        images: ``(N, C, H, W)`` uint8, all transformed alike.
        public: ``(M, C, H, W)`` uint8.
        states: a group of transformations, the identity first.

    Returns:
        the index of the transformation to apply, and by how much it beats the next best: the
        margin in units of the least discriminant score, about 1 where the case is clear.
    """
    rulers = [learn(public[:MOST_PUBLIC], state) for state in states[1:]]
    seen = [state(images[:MOST_SCORED]) for state in states]
    least = [min(ruler.score(candidate) for ruler in rulers) for candidate in seen]
    ranked = sorted(range(len(states)), key=least.__getitem__, reverse=True)
    return ranked[0], least[ranked[0]] - least[ranked[1]]


def states(shape: tuple[int, int, int], *, colours: bool) -> list[PermXor]:
    """The identity and the negative, in each order of the colours if asked for (RGB only)."""
    area = shape[1] * shape[2]
    orders = COLOUR_ORDERS if colours and shape[0] == 3 else np.arange(shape[0])[None]
    pixels = np.arange(area)
    out = []
    for order in orders:
        index = (order[:, None] * area + pixels).reshape(-1)
        out += [PermXor(index, np.full(index.size, mask, np.uint8)) for mask in (0, 255)]
    return out
