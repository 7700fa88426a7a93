"""Negatives and reflected colour axes, which covariances cannot tell from images: third moments."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ppattack.solvers.linear.alignment import Components

COMPONENTS = 16
"""Leading components whose third moments are compared, at most."""
NOISE = 0.001
"""Share of the mean variance of a moment that is added to each one's."""


def reflected(ours: Components, public: Components, rotation: Tensor, channels: int) -> Tensor:
    """The rotation, followed by those reflections of colour axes that bring moments nearest.

    First, second and third moments are compared, those of ciphertexts about the mean of public
    images, each by how much it varies from image to image. The colour axes are the principal ones
    of public pixels; grey images have one.

    Args:
        ours: of ciphertexts.
        public: of public images.
        rotation: ``(K, K)`` from ``alignment.rotation``.
        channels: of the images.
    """
    scale = public.variances_of_values.sqrt()
    wanted = _moments(public.values[..., :COMPONENTS].double(), scale)
    mean, spread = wanted.mean(dim=0), wanted.var(dim=0, unbiased=False)
    count = len(ours.values)
    noise = spread / count + spread / len(wanted) + NOISE * spread.mean() / count
    best: tuple[float, Tensor] | None = None
    for signs in product((1.0, -1.0), repeat=channels):
        turned = rotation @ _reflection(public.basis, scale, signs)
        moved = shift(ours, public, turned)[:COMPONENTS]
        rows = ours.values.flatten(0, 2).double() @ turned[:, :COMPONENTS] + moved
        found = _moments(rows.view(*ours.values.shape[:3], -1), scale).mean(dim=0)
        distance = float(((found - mean).square() / noise).sum())
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
    reflection: Tensor = left @ right
    return reflection


def _moments(values: Tensor, scale: Tensor) -> Tensor:
    """``(N, F)``: each image's first, second and third moments of components.

    Args:
        values: ``(N, R, C, K)``.
        scale: their deviations, those that are left out at the end.
    """
    rows = values.flatten(1, 2) / scale[: values.shape[3]]
    rows = torch.cat([torch.ones_like(rows[..., :1]), rows], dim=2)  # (N, RC, K + 1)
    pairs = (rows[..., :, None] * rows[..., None, :]).flatten(2)
    found: Tensor = pairs.transpose(1, 2) @ rows / rows.shape[1]
    return found.flatten(1)
