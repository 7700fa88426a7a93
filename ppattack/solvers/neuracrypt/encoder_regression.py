"""The inverse of an encoder of patches, in closed form, from patches whose codes are known.

Kernel ridge regression with the kernel of an infinitely wide layer of rectified units: it needs
no steps and no learning rate, and its error on images that were left out is known exactly, so
that the ridge is chosen without setting any aside.

Reference: Cho, Saul, "Kernel Methods for Deep Learning", NIPS 2009 (the kernel); Rudi, Camoriano,
Rosasco, "Less is More: Nyström Computational Regularization", NIPS 2015, arXiv:1507.04717.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.images import ImageShape

RIDGES = tuple(10 ** (exponent / 2) for exponent in range(8, -9, -1))
"""Ridges from strong to weak, in units of the kernel, which is one for a code of zero."""
JITTER = 1e-10
"""Share of the kernel's mean diagonal added to it, so that coinciding centres stay apart."""
FLOOR = 1.0
"""Share of the mean variance added to each: directions that hardly vary do not blow up to noise."""
STATISTICS = 2000
"""Images whose codes give means and variances, at most."""
AT_ONCE = 4096
"""Patches predicted at a time."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class Whitening:
    """Codes less the mean code of their place, in directions of about equal variance.

    Args:
        centre: ``(P, D)``.
        directions: ``(D, D)``.
    """

    centre: Tensor
    directions: Tensor

    @classmethod
    def of(cls, codes: Tensor) -> Whitening:
        """The whitening of codes ``(N, P, D)``; only the first 2000 images count."""
        codes = codes[:STATISTICS].double()
        centre = codes.mean(dim=0)
        rows = (codes - centre).flatten(0, 1)
        variances, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        variances = variances.clamp_min(0)
        scale = (variances + FLOOR * variances.mean()).clamp_min(SMALLEST) * codes.shape[2]
        return cls(centre, vectors / scale.sqrt())

    def __call__(self, codes: Tensor) -> Tensor:
        """``(N, P, D)`` float64, of squared length about one at most."""
        return (codes.double() - self.centre) @ self.directions


@dataclass(frozen=True)
class Ridge:
    """A fitted kernel ridge regression.

    Args:
        centres: ``(M, D)`` inputs that span the function.
        weights: ``(M, X)``.
        ridge: the one chosen; infinite if nothing can be predicted.
        residuals: ``(N, X)``: targets less what the fit without them predicts.
    """

    centres: Tensor
    weights: Tensor
    ridge: float
    residuals: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Predictions ``(N, X)`` of inputs ``(N, D)``."""
        parts = [arc_cosine(part, self.centres) @ self.weights for part in inputs.split(AT_ONCE)]
        return torch.cat(parts)


def arc_cosine(rows: Tensor, columns: Tensor) -> Tensor:
    """The kernel of infinitely many rectified units with biases, ``(N, M)``.

    Args:
        rows: ``(N, D)``.
        columns: ``(M, D)``.
    """
    lengths = (1 + rows.square().sum(dim=1)).sqrt()[:, None]
    lengths = lengths * (1 + columns.square().sum(dim=1)).sqrt()
    cosines = rows @ columns.T
    cosines.add_(1).div_(lengths).clamp_(-1, 1)
    angles = cosines.acos()
    sines = (1 - cosines.square()).sqrt_()
    return angles.neg_().add_(math.pi).mul_(cosines).add_(sines).mul_(lengths).div_(math.pi)


def fit(
    inputs: Tensor, targets: Tensor, together: int, most: int, generator: torch.Generator
) -> Ridge:
    """The strongest ridge whose error on left-out examples is not clearly above the least.

    No regression at all is among the choices, so that noise is answered by zero.

    Args:
        inputs: ``(N, D)`` float64.
        targets: ``(N, X)`` float64; zero is predicted if there is no evidence.
        together: successive examples that are left out at a time; N is a multiple of it.
        most: centres at most; with as many as inputs the regression is exact.
        generator: on the CPU; picks the centres among the inputs if there are more.
    """
    centres = inputs
    if len(inputs) > most:
        chosen = torch.randperm(len(inputs), generator=generator)[:most]
        centres = inputs[chosen.to(inputs.device)]
    kernel = arc_cosine(inputs, centres)
    basis, powers = _orthogonal(kernel, arc_cosine(centres, centres))
    scores = kernel @ basis
    seen = scores.T @ targets

    def left_out(ridge: float) -> Tensor:
        fitted = targets - scores @ (seen / (powers + ridge)[:, None])
        return _left_out(scores, powers + ridge, fitted, together)

    found = [(math.inf, errors(targets, together))]
    found += [(ridge, errors(left_out(ridge), together)) for ridge in RIDGES]
    least = min((error for _, error in found), key=lambda error: float(error.mean()))
    ridge = next(ridge for ridge, error in found if not better(least, error))
    residuals = left_out(ridge) if math.isfinite(ridge) else targets
    return Ridge(centres, basis @ (seen / (powers + ridge)[:, None]), ridge, residuals)


def errors(residuals: Tensor, together: int) -> Tensor:
    """Mean square of each group of successive examples."""
    return residuals.square().mean(dim=1).view(-1, together).mean(dim=1)


def better(first: Tensor, second: Tensor) -> bool:
    """Whether errors are lower on average by more than the standard error of their difference."""
    gain = second - first
    noise = float(gain.std()) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return float(gain.mean()) > noise


def _left_out(scores: Tensor, powers: Tensor, residuals: Tensor, together: int) -> Tensor:
    """Residuals of examples that the fit does not know, from those of a fit to all.

    With the hat matrix H, a group G has the inverse of ``I - H[G, G]`` times its residuals in the
    fit to all.
    """
    groups = scores.view(-1, together, scores.shape[1])
    known = torch.matmul(groups / powers, groups.transpose(1, 2))
    rest = torch.eye(together).to(known) - known
    left: Tensor = torch.linalg.solve(rest, residuals.view(len(rest), together, -1))
    return left.flatten(0, 1)


def _orthogonal(kernel: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Combinations of centres in which both the fit and the penalty are diagonal."""
    jitter = JITTER * among.diagonal().mean()
    factor = torch.linalg.cholesky(among + jitter * torch.eye(len(among)).to(among))
    half = torch.linalg.solve_triangular(factor, kernel.T @ kernel, upper=False)
    gram = torch.linalg.solve_triangular(factor, half.T, upper=False)
    powers, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    return torch.linalg.solve_triangular(factor.T, vectors, upper=True), powers.clamp_min(0)


@dataclass(frozen=True)
class Inverse:
    """From codes in plain order to patches.

    Args:
        whitening: for codes.
        mean: ``(P, X)`` or ``(1, X)`` patches that are predicted without evidence.
        shared: the regression for all places.
        places: a correction for each place, or none.
    """

    whitening: Whitening
    mean: Tensor
    shared: Ridge
    places: tuple[Ridge, ...]

    @classmethod
    def learnt(
        cls,
        whitening: Whitening,
        codes: Tensor,
        patches: Tensor,
        mean: Tensor,
        most: int,
        generator: torch.Generator,
    ) -> Inverse:
        """Fit it to known pairs.

        What all places have in common is learnt from all patches. What that leaves unexplained
        is then learnt place by place, if that lowers the error. Errors are those on images left out
        as a whole, or, if only one is known, on patches left out.

        Args:
            whitening: of the codes of all images, known or not.
            codes: ``(N, P, D)``, in plain order.
            patches: ``(N, P, X)``.
            mean: ``(P, X)`` or ``(1, X)``.
            most: centres of the regression.
            generator: on the CPU.
        """
        inputs, mean = whitening(codes), mean.double()
        targets = (patches.double() - mean).flatten(0, 1)
        positions = patches.shape[1]
        together = positions if len(codes) > 1 else 1
        shared = fit(inputs.flatten(0, 1), targets, together, most, generator)
        if len(codes) == 1:
            return cls(whitening, mean, shared, ())
        left = shared.residuals.view(patches.shape)
        corrections = tuple(
            fit(inputs[:, place], left[:, place], 1, most, generator) for place in range(positions)
        )
        after = torch.stack([found.residuals for found in corrections], dim=1)
        helpful = better(
            errors(after.flatten(0, 1), positions), errors(left.flatten(0, 1), positions)
        )
        return cls(whitening, mean, shared, corrections if helpful else ())

    @property
    def residuals(self) -> Tensor:
        """``(N, P, X)``: known patches minus what is predicted without them."""
        if self.places:
            return torch.stack([found.residuals for found in self.places], dim=1)
        return self.shared.residuals.view(-1, len(self.whitening.centre), self.mean.shape[1])

    def __call__(self, codes: Tensor) -> Tensor:
        """Patches ``(N, P, X)`` float64 predicted from codes ``(N, P, D)``."""
        inputs = self.whitening(codes)
        count, positions, _ = inputs.shape
        found = self.shared(inputs.flatten(0, 1)).view(count, positions, -1)
        for place, correction in enumerate(self.places):
            found[:, place] += correction(inputs[:, place])
        return found + self.mean


def from_patches(pixels: Tensor, shape: ImageShape) -> Tensor:
    """Images ``(N, C, H, W)`` of square patches ``(N, P, C · edge²)``, row by row.

    Args:
        pixels: those of the patches, any type.
        shape: ``(C, H, W)`` of the images.
    """
    channels, height, width = shape
    edge = math.isqrt(pixels.shape[2] // channels)
    grid = (len(pixels), height // edge, width // edge, channels, edge, edge)
    return pixels.reshape(grid).permute(0, 3, 1, 4, 2, 5).reshape(-1, *shape)
