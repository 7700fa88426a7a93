"""Matrices from known vectors and their products, by least squares: orthogonal ones, or any.

Reference: Schönemann, "A generalized solution of the orthogonal Procrustes problem",
Psychometrika 31(1), 1966, doi:10.1007/BF02289451.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

JITTER = 1e-9
"""Share of the mean moment added to each, so that predictions exist."""
SMALLEST = 1e-30


@dataclass(frozen=True)
class Affine:
    """``x = offset + A y``, the same at all places or not.

    Args:
        matrices: ``(1 or n, D, D')`` float64.
        offsets: ``(1 or n, 1, D)`` float64.
        known: share of the directions of plain vectors that the pairs determine.
    """

    matrices: Tensor
    offsets: Tensor
    known: float

    def __call__(self, ciphers: Tensor) -> Tensor:
        """Plain vectors ``(N, n, k, D)`` float64 of ciphertext vectors ``(N, n, k, D')``."""
        found: Tensor = ciphers.double() @ self.matrices.transpose(1, 2) + self.offsets
        return found


class Procrustes:
    """Orthogonal matrices that lead from vectors nearest to their products, at one scale.

    With ``Σ y xᵀ = U S Vᵀ`` the matrix is ``U Vᵀ``.

    Args:
        rows: ``(g, m, D)`` plain vectors.
        products: ``(g, m, D)``.
    """

    def __init__(self, rows: Tensor, products: Tensor) -> None:
        self.left, self.values, right = torch.linalg.svd(products.transpose(1, 2) @ rows)
        self.right = right.transpose(1, 2)
        energy = rows.square().sum(dim=(1, 2)).clamp_min(SMALLEST)
        self.scale = self.values.sum(dim=1) / energy  # (g,)

    @property
    def forth(self) -> Tensor:
        """``(g, D, D)``: what leads from plain vectors to their products."""
        found: Tensor = self.scale[:, None, None] * (self.left @ self.right.transpose(1, 2))
        return found

    def back(self, noise: float) -> Tensor:
        """``(g, D, D)``: the expected plain vector of a product, if products have noise.

        A turn by the angle a in the plane of two singular directions costs ``a² (S + S') scale /
        2 noise``, so a is normal with a known variance, and the expected matrix is the best one
        with a smaller contrast in each direction that the pairs hardly show.

        Args:
            noise: the variance of each number of the products.
        """
        sums = self.values[:, :, None] + self.values[:, None]
        angles = noise / (self.scale[:, None, None] * sums).clamp_min(SMALLEST)
        others = angles.sum(dim=2) - angles.diagonal(dim1=1, dim2=2)
        kept = torch.exp(-others / 2) / self.scale.clamp_min(SMALLEST)[:, None]  # (g, D)
        found: Tensor = (self.right * kept[:, None]) @ self.left.transpose(1, 2)
        return found

    def at(self, strength: float, moments: Tensor) -> Affine:
        """The inverse where pairs determine it; elsewhere what natural vectors suggest.

        A direction of small ``S`` is unknown; the plain vector has there what its known components
        predict under the second moments.

        Args:
            strength: the least share of the largest singular value that makes a direction known.
            moments: ``(D, D)`` second moments of plain vectors.
        """
        known = (self.values > strength * self.values[:, :1]).to(self.right.dtype)  # (g, D)
        seen, unseen = self.right * known[:, None], self.right * (1 - known[:, None])
        jitter = JITTER * moments.diagonal().mean()
        whole = seen.transpose(1, 2) @ moments @ seen + torch.diag_embed(1 - known + jitter)
        across = unseen.transpose(1, 2) @ moments @ seen
        predicted = torch.linalg.solve(whole, across.transpose(1, 2)).transpose(1, 2)
        back = (self.left * known[:, None]).transpose(1, 2)
        matrices = (seen + unseen @ predicted) @ back
        offsets = torch.zeros_like(matrices[:, :1])
        return Affine(matrices, offsets, float(known.mean()))


class Ridge:
    """Ridge regression of plain vectors on ciphertext vectors, both less their means.

    Args:
        rows: ``(g, m, D)`` plain vectors.
        products: ``(g, m, D')``.
        weight: ``(g, m, 1)``, 1 for vectors that count, 0 for others.
    """

    def __init__(self, rows: Tensor, products: Tensor, weight: Tensor) -> None:
        count = weight.sum(dim=1, keepdim=True).clamp_min(1)
        self.plain = (rows * weight).sum(dim=1, keepdim=True) / count
        self.cipher = (products * weight).sum(dim=1, keepdim=True) / count
        inputs = (products - self.cipher) * weight
        gram = inputs.transpose(1, 2) @ inputs / count
        self.powers, self.basis = torch.linalg.eigh(gram)
        self.across = self.basis.transpose(1, 2) @ (inputs.transpose(1, 2) @ rows) / count

    def at(self, strength: float) -> Affine:
        """With a ridge of this share of the mean variance."""
        return self.with_noise(strength * self.powers.mean(dim=1, keepdim=True))

    def with_noise(self, variance: float | Tensor) -> Affine:
        """With a ridge of this variance of each number of the products."""
        ridge = torch.as_tensor(variance).to(self.powers).clamp_min(SMALLEST)
        scaled = self.across / (self.powers.clamp_min(0) + ridge)[..., None]
        matrices = (self.basis @ scaled).transpose(1, 2)
        offsets = self.plain - self.cipher @ matrices.transpose(1, 2)
        return Affine(matrices, offsets, float((self.powers > ridge).double().mean()))
