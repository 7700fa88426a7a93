"""Negatives and reflected colour axes, which covariances cannot tell from images: third moments."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ppattack.solvers.linear.alignment import Components

COMPONENTS = 16
"""Leading components whose third moments are compared, at most."""
ROWS = 100_000
"""Public blocks whose third moments are taken, at most about."""


def reflected(ours: Components, public: Components, rotation: Tensor, channels: int) -> Tensor:
    """The rotation, followed by those reflections of colour axes that bring moments nearest.

    First, second and third moments are compared, those of ciphertexts about the mean of public
    images. The colour axes are the principal ones of public pixels; one of grey images is enough.

    Args:
        ours: of ciphertexts.
        public: of public images.
        rotation: ``(K, K)`` from ``alignment.rotation``.
        channels: of the images.
    """
    variances = public.variances_of_values
    wanted = _moments(_sampled(public.values)[:, :COMPONENTS], variances)
    rows = _sampled(ours.values)
    best: tuple[float, Tensor] | None = None
    for signs in product((1.0, -1.0), repeat=channels):
        turned = rotation @ _reflection(public.basis, variances.sqrt(), signs)
        found = _moments(
            rows @ turned[:, :COMPONENTS] + shift(ours, public, turned)[:COMPONENTS], variances
        )
        distance = float((found - wanted).square().sum())
        if best is None or distance < best[0]:
            best = distance, turned
    assert best is not None  # noqa: S101
    return best[1]


def shift(ours: Components, public: Components, rotation: Tensor) -> Tensor:
    """``(K,)``: the mean of the images behind ciphertexts, less that of public images."""
    found: Tensor = ours.mean[None] @ ours.basis @ rotation - public.mean[None] @ public.basis
    return found[0]


def _reflection(basis: Tensor, deviations: Tensor, signs: tuple[float, ...]) -> Tensor:
    """``(K, K)`` orthogonal: reflections of colour axes of pixels, as they act on components."""
    pixels = basis.unflatten(0, (-1, len(signs)))  # (B², C, K)
    weighted = (pixels * deviations).transpose(0, 1).flatten(1)
    _, axes = torch.linalg.eigh(weighted @ weighted.T)
    factor = axes.flip(1) * torch.tensor(signs).to(axes) @ axes.flip(1).T
    turned = torch.einsum("cd,pdk->pck", factor, pixels).flatten(0, 1)
    left, _, right = torch.linalg.svd(basis.T @ turned)  # what the components hold of it
    return left @ right


def _sampled(values: Tensor) -> Tensor:
    rows = values.flatten(0, 2).double()
    return rows[:: max(1, len(rows) // ROWS)]


def _moments(rows: Tensor, variances: Tensor) -> Tensor:
    """First, second and third moments of rows in units of standard deviations."""
    scaled = rows / variances[: rows.shape[1]].sqrt()
    with_one = torch.cat([torch.ones_like(scaled[:, :1]), scaled], dim=1)
    return torch.einsum("na,nb,nc->abc", with_one, with_one, with_one) / len(rows)
