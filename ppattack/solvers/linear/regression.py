"""Matrices from known vectors and their products: orthogonal Procrustes, or ridge regression.

Which of them it is, and how strongly it is regularised, is decided by the error on pairs that were
left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from ppattack.solvers.linear.least_squares import SMALLEST, Affine, Procrustes, Ridge

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
            found = _error(family(strength), plain, ciphers, judged)
            if found < BETTER * error:
                best, error = Model(kind, strength), found
    whole = _family(best.kind, plain, ciphers, torch.ones_like(left), moments, shared)
    return Inverse(whole(best.strength), best, error / spread)


def solve(plain: Tensor, ciphers: Tensor, moments: Tensor, *, shared: bool) -> Inverse:
    """The same from chosen plaintexts, which show all directions: nothing need be left out."""
    kind = _kinds(plain, ciphers)[0]
    model = Model(kind, CHOSEN_SHARE if kind == "orthogonal" else CHOSEN_RIDGE)
    every = torch.ones(plain.shape[:3], dtype=torch.bool, device=plain.device)
    found = _family(kind, plain, ciphers, every, moments, shared)(model.strength)
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


def _family(
    kind: Kind, plain: Tensor, ciphers: Tensor, kept: Tensor, moments: Tensor, shared: bool
) -> Callable[[float], Affine]:
    """The model of each strength."""
    weights = kept[..., None].to(plain.dtype)
    rows, products, weight = (
        part.flatten(0, 2)[None] if shared else part.transpose(0, 1).flatten(1, 2)
        for part in (plain, ciphers, weights)
    )  # (g, m, …)
    if kind == "orthogonal":
        return partial(Procrustes(rows * weight, products * weight).at, moments=moments)
    return Ridge(rows, products, weight).at
