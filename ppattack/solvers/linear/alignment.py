"""One secret orthogonal matrix for all blocks, from ciphertexts alone.

Neighbouring blocks of natural images are correlated, and how is public. A block's ciphertext is a
rotated block, so covariances of ciphertext blocks and of their neighbours are rotated too: the
rotation that brings all of them nearest to those of public images is the secret matrix, as far as
its leading principal components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LAGS = (
    *((0, 0), (0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (1, 2), (2, 1), (1, -2), (2, -1)),
    *((2, 2), (2, -2), (0, 3), (3, 0)),
)
"""Rows down and columns to the right from a block to its neighbour."""
WHITENING = 0.2
"""Covariances are divided by this power of each variance: whitened by 0.5, as they are by 0."""
FLOOR = 0.2
"""Share of the mean energy of detail that is added to a block's before it is divided by it."""
ROUNDS = 150
BLOCKS_PER_COMPONENT = 50
"""Blocks of ciphertexts that it takes to place one more component."""
SMALLEST = 1e-12


@dataclass(frozen=True)
class Components:
    """The leading principal components of blocks, and the covariances of neighbours in them.

    Args:
        mean: ``(D,)`` float64, the mean block.
        basis: ``(D, K)`` float64, columns by falling variance.
        covariances: ``(L, K, K)`` float64 of neighbours, one for each lag, local contrast
            divided out.
        variances: ``(K,)``, the diagonal of the first.
        values: ``(N, R, C, K)`` float32: the blocks, less the mean, in the basis.
    """

    mean: Tensor
    basis: Tensor
    covariances: Tensor
    variances: Tensor
    values: Tensor

    @classmethod
    def of(cls, blocks: Tensor, count: int, *, mirrored: Tensor | None = None) -> Components:
        """Those of blocks ``(N, R, C, D)``.

        Args:
            blocks: float32, at their places in N images.
            count: components.
            mirrored: the blocks of the mirrored images, which are as likely, or None.
        """
        both = [blocks] if mirrored is None else [blocks, mirrored]
        mean = torch.stack([part.double().mean(dim=(0, 1, 2)) for part in both]).mean(dim=0)
        total = torch.zeros((len(mean), len(mean)), dtype=torch.float64, device=mean.device)
        for part in both:
            for image in part:
                rows = image.flatten(0, 1) - mean.float()
                total += (rows.T @ rows).double()
        _, vectors = torch.linalg.eigh(total)
        basis = vectors.flip(1)[:, :count].contiguous()
        values = torch.cat([(part - mean.float()) @ basis.float() for part in both])
        covariances = _covariances(_normalised(values))
        return cls(mean, basis, covariances, covariances[0].diagonal().clamp_min(SMALLEST), values)

    def first(self, count: int) -> Components:
        """The leading ones of these."""
        return Components(
            self.mean,
            self.basis[:, :count],
            self.covariances[:, :count, :count],
            self.variances[:count],
            self.values[..., :count],
        )

    @property
    def variances_of_values(self) -> Tensor:
        """``(K,)`` float64: those of the blocks themselves."""
        return self.values.double().var(dim=(0, 1, 2)).clamp_min(SMALLEST)

    def weighted(self) -> Tensor:
        """``(L, K, K)``: covariances divided by a power of the variances."""
        scale = self.variances**-WHITENING
        return self.covariances * scale[:, None] * scale


def components_that(blocks: int) -> int:
    """How many components so many blocks of ciphertexts can place."""
    return max(1, blocks // BLOCKS_PER_COMPONENT)


def rotation(
    ours: Components, public: Components, step: Callable[[int], None] = lambda _: None
) -> Tensor:
    """``(K, K)`` orthogonal: ciphertext components times it are public components.

    It minimises the squared distance between all covariances, by alternating projections from
    the signs on which covariances of neighbours agree. Covariances are the same for negatives, and
    nearly the same with a colour axis reflected: see ``colour_signs``.

    Args:
        ours: of ciphertexts.
        public: of public images, as many components.
        step: told how many of the :data:`ROUNDS` are done.
    """
    first, second = ours.weighted(), public.weighted()
    found = torch.diag(_signs(first[1:], second[1:]))
    for done in range(ROUNDS):
        pull = first @ found @ second.transpose(1, 2) + first.transpose(1, 2) @ found @ second
        left, _, right = torch.linalg.svd(pull.sum(dim=0))
        found = left @ right
        step(done + 1)
    return found


def _signs(ours: Tensor, public: Tensor) -> Tensor:
    """``(K,)``: the signs of components on which the covariances ``(L, K, K)`` agree best."""
    agreement = (ours * public).sum(dim=0)
    agreement = agreement + agreement.T
    agreement.fill_diagonal_(0)
    _, vectors = torch.linalg.eigh(agreement)
    return torch.where(vectors[:, -1] < 0, -1.0, 1.0).to(ours.dtype)


def _normalised(values: Tensor) -> Tensor:
    """Blocks divided by the contrast around them, which no rotation changes; means taken off."""
    energy = values[..., 1:].square().sum(dim=3)
    padded = functional.pad(energy[:, None], (1, 1, 1, 1), mode="replicate")
    around = functional.avg_pool2d(padded, 3, 1)[:, 0]
    scaled = values / (around + FLOOR * energy.mean() + SMALLEST).sqrt()[..., None]
    return scaled - scaled.mean(dim=(0, 1, 2))


def _covariances(values: Tensor) -> Tensor:
    """``(L, K, K)`` float64 of neighbours; zero for lags beyond the grid."""
    _, rows, columns, count = values.shape
    found = torch.zeros((len(LAGS), count, count), dtype=torch.float64, device=values.device)
    for place, (down, right) in enumerate(LAGS):
        if down >= rows or abs(right) >= columns:
            continue
        here = values[:, : rows - down, max(0, -right) : columns - max(0, right)]
        there = values[:, down:, max(0, right) : columns - max(0, -right)]
        first, second = here.flatten(0, 2), there.flatten(0, 2)
        found[place] = (first.T @ second).double() / len(first)
    return found
