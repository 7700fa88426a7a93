"""Matrices from known vectors and their products: orthogonal Procrustes, or ridge regression.

Which of them it is, and how strongly it is regularised, is decided by the error on pairs that were
left out.

Reference: Schönemann, "A generalized solution of the orthogonal Procrustes problem",
Psychometrika 31(1), 1966, doi:10.1007/BF02289451.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

Kind = Literal["orthogonal", "ridge"]
SHARES = tuple(10.0**-exponent for exponent in range(2, 15, 2))
"""Singular values below this share of the largest may be noise; one of these is chosen."""
RIDGES = tuple(10.0**exponent for exponent in range(-1, -12, -1))
"""Ridges in units of the mean variance of a number; one of these is chosen."""
LEFT_OUT = 4
"""One of this many examples is left out to choose a model."""
BETTER = 0.98
"""A model must lower the error left out to this share before it replaces a simpler one."""
GOOD = 1e-3
"""Share of variance below which orthogonal matrices are not compared with others."""
CHOSEN_SHARE = 1e-10
CHOSEN_RIDGE = 1e-9
"""Strengths for chosen plaintexts, which show every direction alike."""
JITTER = 1e-9
"""Share of the mean moment added to each, so that predictions exist."""
SMALLEST = 1e-30


@dataclass(frozen=True)
class Model:
    """What is fitted.

    Args:
        kind: ``orthogonal`` matrices, or any (``ridge``).
        strength: the least share of a singular value, or the ridge.
    """

    kind: Kind
    strength: float


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


@dataclass(frozen=True)
class Inverse:
    """The inverse of a scheme, learnt from pairs.

    Args:
        map: from ciphertext vectors to plain ones.
        model: that was chosen.
        unexplained: mean square error on what was left out, over that of the mean vector.
    """

    map: Affine
    model: Model
    unexplained: float


def learn(plain: Tensor, ciphers: Tensor, moments: Tensor, *, shared: bool) -> Inverse:
    """The inverse map that predicts vectors left out best, fitted to all pairs.

    Args:
        plain: ``(N, n, k, D)`` float64: k vectors at each of n places of N images.
        ciphers: ``(N, n, k, D')`` float64, their products.
        moments: ``(D, D)`` second moments of plain vectors, for directions that no pair shows.
        shared: whether all places have one matrix.
    """
    left = _left_out(plain, shared)
    judged = left if bool(left.any()) else ~left
    spread = _spread(plain)
    best, error = Model("ridge", RIDGES[0]), float("inf")
    for kind in _kinds(plain, ciphers):
        if error < GOOD * spread:
            break
        strengths = SHARES if kind == "orthogonal" else RIDGES
        family = _family(kind, plain, ciphers, ~left, moments, shared)
        for strength in strengths:
            found = _error(family.at(strength), plain, ciphers, judged)
            if found < BETTER * error:
                best, error = Model(kind, strength), found
    whole = _family(best.kind, plain, ciphers, torch.ones_like(left), moments, shared)
    return Inverse(whole.at(best.strength), best, error / spread)


def solve(plain: Tensor, ciphers: Tensor, moments: Tensor, *, shared: bool) -> Inverse:
    """The same from chosen plaintexts, which show all directions: nothing need be left out."""
    kind = _kinds(plain, ciphers)[0]
    model = Model(kind, CHOSEN_SHARE if kind == "orthogonal" else CHOSEN_RIDGE)
    every = torch.ones(plain.shape[:3], dtype=torch.bool, device=plain.device)
    found = _family(kind, plain, ciphers, every, moments, shared).at(model.strength)
    return Inverse(found, model, _error(found, plain, ciphers, every) / _spread(plain))


def _kinds(plain: Tensor, ciphers: Tensor) -> tuple[Kind, ...]:
    square = ciphers.shape[3] == plain.shape[3]
    return ("orthogonal", "ridge") if square else ("ridge",)


def _spread(plain: Tensor) -> float:
    """Mean squared distance of vectors from their mean."""
    rows = plain.flatten(0, 2)
    return max(float((rows - rows.mean(dim=0)).square().sum(dim=1).mean()), SMALLEST)


def _error(found: Affine, plain: Tensor, ciphers: Tensor, judged: Tensor) -> float:
    return float((plain - found(ciphers))[judged].square().sum(dim=1).mean())


def _left_out(plain: Tensor, shared: bool) -> Tensor:
    """``(N, n, k)``: the vectors to choose a model by, whole images if there are several."""
    images, places, vectors, _ = plain.shape
    left = torch.zeros((images, places, vectors), dtype=torch.bool, device=plain.device)
    if images > 1:
        left[-max(1, images // LEFT_OUT) :] = True
    elif shared:
        left[:, LEFT_OUT - 1 :: LEFT_OUT] = True
    else:
        left[:, :, LEFT_OUT - 1 :: LEFT_OUT] = True
    return left


class _Family(Protocol):
    def at(self, strength: float) -> Affine:
        """The model of one strength."""


def _family(
    kind: Kind, plain: Tensor, ciphers: Tensor, kept: Tensor, moments: Tensor, shared: bool
) -> _Family:
    weights = kept[..., None].to(plain.dtype)
    rows, products, weight = (
        part.flatten(0, 2)[None] if shared else part.transpose(0, 1).flatten(1, 2)
        for part in (plain, ciphers, weights)
    )  # (g, m, …)
    if kind == "orthogonal":
        return _Procrustes(rows * weight, products * weight, moments)
    return _Ridge(rows, products, weight)


class _Procrustes:
    """The orthogonal matrices where pairs determine them; elsewhere what natural vectors suggest.

    With ``Σ y xᵀ = U S Vᵀ`` the matrix is ``U Vᵀ``. A direction of small ``S`` is unknown; the
    plain vector has there what its known components predict under the second moments.

    Args:
        rows: ``(g, m, D)`` plain vectors.
        products: ``(g, m, D)``.
        moments: ``(D, D)``.
    """

    def __init__(self, rows: Tensor, products: Tensor, moments: Tensor) -> None:
        self.left, self.values, right = torch.linalg.svd(products.transpose(1, 2) @ rows)
        self.right = right.transpose(1, 2)
        self.moments = moments

    def at(self, strength: float) -> Affine:
        """With the directions of at least this share of the largest singular value."""
        known = (self.values > strength * self.values[:, :1]).to(self.right.dtype)  # (g, D)
        seen, unseen = self.right * known[:, None], self.right * (1 - known[:, None])
        jitter = JITTER * self.moments.diagonal().mean()
        whole = seen.transpose(1, 2) @ self.moments @ seen + torch.diag_embed(1 - known + jitter)
        across = unseen.transpose(1, 2) @ self.moments @ seen
        predicted = torch.linalg.solve(whole, across.transpose(1, 2)).transpose(1, 2)
        back = (self.left * known[:, None]).transpose(1, 2)
        matrices = (seen + unseen @ predicted) @ back
        offsets = torch.zeros_like(matrices[:, :1])
        return Affine(matrices, offsets, float(known.mean()))


class _Ridge:
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
        mean = self.powers.mean(dim=1, keepdim=True).clamp_min(SMALLEST)
        scaled = self.across / (self.powers.clamp_min(0) + strength * mean)[..., None]
        matrices = (self.basis @ scaled).transpose(1, 2)
        offsets = self.plain - self.cipher @ matrices.transpose(1, 2)
        known = (self.powers > strength * mean).to(mean.dtype).mean()
        return Affine(matrices, offsets, float(known))
