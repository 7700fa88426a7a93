"""How well the blocks of a ciphertext and of a candidate go together if blocks changed places."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BACKGROUND = 500
"""Blocks of other images against which a block must stand out."""
FLOOR = 0.02
"""What a block without a partner counts, so that one block does not decide."""
THINNEST = 1e-4
"""Directions of the noise below this share of the largest variance are left out."""
LARGEST = 60.0
"""A log-likelihood ratio of two blocks above this is cut."""
FAINTEST = -80.0
"""So is one below this: exponentials of less are no normal numbers of 32 bits, and take ten times
as long."""
AT_ONCE = 1 << 22
"""Pairs of blocks compared at a time."""


@dataclass(frozen=True)
class BlockLikelihood:
    """Blocks are drawn about those of the copy with the noise of known pairs.

    Args:
        shift: ``(D,)`` mean difference of ciphertext and copy.
        whitening: ``(D, K)`` that makes their differences a unit Gaussian.
        background: ``(B, K)`` whitened blocks of other images.
    """

    shift: Tensor
    whitening: Tensor
    background: Tensor

    @classmethod
    def fit(
        cls, ciphertexts: Tensor, copies: Tensor, generator: torch.Generator
    ) -> BlockLikelihood:
        """From ``(M, n, D)`` blocks of both sides, in one order.

        Args:
            ciphertexts: blocks of images as a ciphertext shows them.
            copies: blocks of altered copies.
            generator: on the CPU, for the background.
        """
        difference = (ciphertexts - copies).flatten(0, 1)
        shift = difference.mean(dim=0)
        centred = difference - shift
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        keep = values > THINNEST * values.max().clamp_min(1e-12)
        whitening = vectors[:, keep] / values[keep].sqrt()
        blocks = copies.flatten(0, 1)
        some = torch.randperm(len(blocks), generator=generator)[:BACKGROUND]
        return cls(shift, whitening, blocks[some] @ whitening)

    def background_of(self, ciphertexts: Tensor) -> Tensor:
        """``(N, n)`` log-density of blocks ``(N, n, K)`` of :meth:`ciphertext` in any image."""
        rows = [_mean_density(part, self.background[None]) for part in ciphertexts.split(64)]
        return torch.cat(rows)

    def ciphertext(self, blocks: Tensor) -> Tensor:
        """``(N, n, K)`` blocks ``(N, n, D)`` of ciphertexts in units of the noise."""
        return (blocks - self.shift) @ self.whitening

    def candidate(self, blocks: Tensor) -> Tensor:
        """The same of candidates."""
        return blocks @ self.whitening

    def scores(self, ciphertexts: Tensor, background: Tensor, copies: Tensor) -> Tensor:
        """``(P,)`` log-likelihood ratios of pairs.

        Args:
            ciphertexts: ``(P, n, K)`` from :meth:`ciphertext`.
            background: ``(P, n)`` from :meth:`background_of`.
            copies: ``(P, n, K)`` from :meth:`candidate`.
        """
        step = max(1, AT_ONCE // ciphertexts.shape[1] ** 2)
        parts = zip(*(each.split(step) for each in (ciphertexts, background, copies)), strict=True)
        return torch.cat([self._scores(*part) for part in parts])

    def _scores(self, ciphertexts: Tensor, background: Tensor, copies: Tensor) -> Tensor:
        kernel = _log_kernel(ciphertexts, copies).sub_(background[:, :, None])
        ratio = kernel.clamp_(FAINTEST, LARGEST).exp_()
        parts = ratio.mean(dim=2), ratio.mean(dim=1)
        return sum((FLOOR + part).log().sum(dim=1) for part in parts)  # type: ignore[return-value]


def _log_kernel(a: Tensor, b: Tensor) -> Tensor:
    """``(N, n, m)``: half the squared distances of rows of ``(N, n, K)`` and ``(N, m, K)``, < 0."""
    own = [each.square().sum(dim=2) / 2 for each in (a, b)]
    return torch.bmm(a, b.transpose(1, 2)).sub_(own[0][:, :, None]).sub_(own[1][:, None])


def _mean_density(white: Tensor, centres: Tensor) -> Tensor:
    kernel = _log_kernel(white, centres.expand(len(white), -1, -1))
    return kernel.clamp_min_(FAINTEST).exp_().mean(dim=2).log()
