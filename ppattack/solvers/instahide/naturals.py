"""Natural images as Gaussian vectors: cosines in place, and colours that vary alone for each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST = 1e-5
"""Least variance of a coordinate, of the mean one."""


@dataclass(frozen=True)
class NaturalPrior:
    """A Gaussian of natural images whose covariance is diagonal in cosines and colours.

    Args:
        mean: ``(D,)`` the mean image.
        variance: ``(D,)`` of each value.
        spectrum: ``(D,)`` variances of the coordinates.
        shape: ``(C, H, W)``.
        rows: ``(H, H)`` cosine transform.
        columns: ``(W, W)``.
        colours: ``(C, C, H, W)`` orthogonal by frequency: from colours to coordinates.
    """

    mean: Tensor
    variance: Tensor
    spectrum: Tensor
    shape: tuple[int, int, int]
    rows: Tensor
    columns: Tensor
    colours: Tensor

    @classmethod
    def of(cls, images: Tensor) -> NaturalPrior:
        """The Gaussian of some images ``(M, C, H, W)`` float32."""
        channels, height, width = images.shape[1:]
        rows, columns = cosines(height).to(images), cosines(width).to(images)
        mean = images.mean(dim=0)
        found = torch.einsum("nchw,kh,lw->nckl", images - mean, rows, columns)
        covariance = torch.einsum("nckl,ndkl->klcd", found, found) / len(found)
        spectrum, colours = torch.linalg.eigh(covariance)
        spectrum = spectrum.clamp_min(LEAST * float(spectrum.mean()))
        return cls(
            mean.flatten(),
            images.var(dim=0).flatten(),
            spectrum.permute(2, 0, 1).flatten(),
            (channels, height, width),
            rows,
            columns,
            colours.permute(2, 3, 0, 1).contiguous(),
        )

    @property
    def level(self) -> float:
        """The mean variance of a value."""
        return float(self.variance.mean())

    def coordinates(self, values: Tensor) -> Tensor:
        """``(n, D)`` values to ``(n, D)`` coordinates."""
        images = values.reshape(-1, *self.shape)
        waves = self.rows @ images @ self.columns.T
        return _turned(waves, self.colours).flatten(1)

    def values(self, coordinates: Tensor) -> Tensor:
        """``(n, D)`` coordinates to ``(n, D)`` values."""
        waves = _turned(coordinates.reshape(-1, *self.shape), self.colours.transpose(0, 1))
        return (self.rows.T @ waves @ self.columns).flatten(1)

    def diagonal(self, weights: Tensor) -> Tensor:
        """The diagonal, by value, of the matrix that has these weights ``(D,)`` by coordinate."""
        colours = (self.colours.square() * weights.view(self.shape)).sum(dim=1)
        rows, columns = self.rows.square(), self.columns.square()
        return torch.einsum("ckl,kh,lw->chw", colours, rows, columns).flatten()


def _turned(waves: Tensor, turns: Tensor) -> Tensor:
    """``(n, C, H, W)`` times a matrix for each frequency, ``(C, C, H, W)``; colours are few."""
    made = waves[:, :1] * turns[0]
    for colour in range(1, len(turns)):
        made.addcmul_(waves[:, colour : colour + 1], turns[colour])
    return made


def cosines(size: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II), ``(size, size)``."""
    frequency = torch.arange(size)[:, None]
    place = torch.arange(size)[None] + 0.5
    made = torch.cos(math.pi * place * frequency / size) * math.sqrt(2 / size)
    made[0] /= math.sqrt(2)
    return made.float()
