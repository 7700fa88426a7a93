"""The order of the symbols inside each block, for thousands of blocks at once.

The covariance of a block's symbols is that of a plain block with rows and columns permuted. Symbols
are points whose inner products it holds; a rotation brings them onto the plain ones, up to
their order. Random rotations in few dimensions are refined to more, by soft assignments, and
read off by exact ones; blocks that have not ended in the same order twice start again.

Reference for the refinement: S. Melzi, J. Ren, E. Rodolà, A. Sharma, P. Wonka, M. Ovsjanikov:
ZoomOut: Spectral Upsampling for Efficient Shape Correspondence. ACM Transactions on Graphics
38(6), 2019, doi:10.1145/3355089.3356524.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack.block_states import Indices

START_RANK = 4
"""Dimensions of a random start: the two gradients and two differences of colours."""
RANKS = (4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 24)
"""Dimensions of each step of the refinement."""
SOFTNESS = 0.3
"""Temperature of soft assignments, in standard deviations of the scores."""
RIDGE = 0.03
"""Added to the plain covariance before it is inverted."""
MOST_STARTS = 24
SAME = 1e-5
"""Misfits that differ by less, relative to them, are those of one order."""
GAIN = 1e-3
"""Exchanges that gain less are not made."""
MOST_EXCHANGES = 30
BATCH = 1024
"""Blocks worked on at a time."""
TINY = 1e-6


@dataclass(frozen=True)
class Orders:
    """Orders of the symbols of blocks.

    Args:
        at: ``(n, S)`` int64, the symbol at each place of a plain block.
        misfit: ``(n,)``: twice the negative log-likelihood per sample, up to a constant.
        agreed: ``(n,)`` bool: whether separate starts ended in the same order.
    """

    at: Tensor
    misfit: Tensor
    agreed: Tensor


class Model:
    """What a plain block looks like.

    Args:
        covariance: ``(S, S)`` float32.
    """

    def __init__(self, covariance: Tensor) -> None:
        size = len(covariance)
        scale = covariance.diagonal().mean()
        regular = covariance.double() + RIDGE * scale * torch.eye(size).to(covariance)
        self.weights = torch.linalg.inv(regular).float()
        self.points = _points(covariance[None], min(max(RANKS), size - 1))[0]

    def misfit(self, placed: Tensor) -> Tensor:
        """``(b,)`` for covariances ``(b, S, S)`` of the symbols at each place."""
        found: Tensor = (placed * self.weights).sum((1, 2))
        return found


def align(
    seen: Tensor, model: Model, generator: torch.Generator, known: Orders | None = None
) -> Orders:
    """Find the order of the symbols of each block.

    Args:
        seen: ``(n, S, S)`` covariances.
        model: of plain blocks.
        generator: draws the starts.
        known: orders to begin with; those that were agreed on are only improved by exchanges.
    """
    parts = []
    for start in range(0, len(seen), BATCH):
        own = slice(start, start + BATCH)
        old = None if known is None else known.at[own]
        agreed = None if known is None else known.agreed[own]
        parts.append(_Search(seen[own], model, generator).run(old, agreed))
    return Orders(
        torch.cat([part.at for part in parts]),
        torch.cat([part.misfit for part in parts]),
        torch.cat([part.agreed for part in parts]),
    )


def placed(seen: Tensor, at: Tensor) -> Tensor:
    """``(b, S, S)``: the covariances of the symbols at each place."""
    rows = seen.gather(1, at[:, :, None].expand_as(seen))
    return rows.gather(2, at[:, None].expand_as(seen))


class _Search:
    def __init__(self, seen: Tensor, model: Model, generator: torch.Generator) -> None:
        self.seen, self.model, self.generator = seen, model, generator
        self.points = _points(seen, model.points.shape[1])

    def run(self, known: Tensor | None, agreed: Tensor | None) -> Orders:
        count, size = self.seen.shape[:2]
        at = torch.zeros(count, size, dtype=torch.long, device=self.seen.device)
        misfit = torch.full((count,), float("inf"), device=self.seen.device)
        done = torch.zeros(count, dtype=torch.bool, device=self.seen.device)
        if known is not None and agreed is not None:
            at = improved(self.seen, known, self.model)
            misfit, done = self.model.misfit(placed(self.seen, at)), agreed.clone()
        for _ in range(MOST_STARTS):
            left = torch.nonzero(~done)[:, 0]
            if not len(left):
                break
            found = improved(self.seen[left], self._start(left), self.model)
            cost = self.model.misfit(placed(self.seen[left], found))
            slack = SAME * cost.abs()
            done[left] = (cost - misfit[left]).abs() < slack
            better = cost < misfit[left] - slack
            at[left[better]], misfit[left[better]] = found[better], cost[better]
        return Orders(at, misfit, done)

    def _start(self, left: Tensor) -> Tensor:
        """``(b, S)``: orders from one random rotation for each block."""
        ours, theirs = self.points[left], self.model.points
        rank = min(START_RANK, theirs.shape[1])
        noise = torch.randn(len(left), rank, rank, generator=self.generator).to(ours)
        turned = torch.linalg.qr(noise)[0]
        for wanted in RANKS:
            scores = _scores(ours, theirs, turned)
            scores /= SOFTNESS * scores.std((1, 2), keepdim=True) + TINY
            likely = scores.softmax(2) + scores.softmax(1)  # (b, symbols, places)
            rank = min(wanted, theirs.shape[1])
            both = theirs[:, :rank].T @ (likely.transpose(1, 2) @ ours[:, :, :rank])
            left_side, _, right_side = torch.linalg.svd(both)
            turned = left_side @ right_side
        return _assigned(_scores(ours, theirs, turned))


def _points(covariance: Tensor, rank: int) -> Tensor:
    """``(b, S, rank)``: points whose inner products are the covariance, widest directions first."""
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(1)[:, :rank], vectors.flip(2)[..., :rank]
    found: Tensor = vectors * values.clamp_min(0).sqrt()[:, None]
    return found


def _scores(ours: Tensor, theirs: Tensor, turned: Tensor) -> Tensor:
    """``(b, symbols, places)``: minus squared distances, without what depends on the symbol."""
    rank = turned.shape[1]
    expected = theirs[:, :rank] @ turned
    scores = 2 * ours[..., :rank] @ expected.transpose(1, 2)
    return scores - expected.square().sum(2)[:, None]


def _assigned(scores: Tensor) -> Tensor:
    """``(b, S)``: the symbol at each place, each once."""
    chosen = [linear_sum_assignment(each.T, maximize=True)[1] for each in scores.cpu().numpy()]
    return torch.from_numpy(np.stack(chosen)).to(scores.device)


def improved(seen: Tensor, at: Tensor, model: Model) -> Tensor:
    """Orders in which no exchange of two symbols makes a block likelier.

    Args:
        seen: ``(b, S, S)`` covariances.
        at: ``(b, S)``.
        model: of plain blocks.
    """
    at = at.clone()
    left = torch.arange(len(at), device=at.device)
    for _ in range(MOST_EXCHANGES):
        gain, first, second = _best_exchange(placed(seen[left], at[left]), model.weights)
        left, first, second = (part[gain < -GAIN] for part in (left, first, second))
        if not len(left):
            break
        at[left, first], at[left, second] = at[left, second], at[left, first]
    return at


def _best_exchange(found: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``(b,)`` each: the least change of the misfit by an exchange, and its two places."""
    product = found @ weights
    total, own = product.diagonal(dim1=1, dim2=2), weights.diagonal()
    variance = found.diagonal(dim1=1, dim2=2)
    change = product + product.transpose(1, 2) - total[:, :, None] - total[:, None]
    bend = 2 * weights - own[:, None] - own
    change -= bend * ((variance[:, :, None] + variance[:, None]) / 2 - found)
    gain, pair = (2 * change).flatten(1).min(1)
    return gain, pair // len(weights), pair % len(weights)


def settled(seen: Tensor, orders: Orders, model: Model, symmetries: Sequence[Indices]) -> Orders:
    """The same orders, each in the state that is likeliest.

    Args:
        seen: ``(n, S, S)`` covariances.
        orders: of their symbols.
        model: of plain blocks.
        symmetries: permutations ``(S,)`` of places that hardly change what a block looks like.
    """
    at, misfit = orders.at, torch.full_like(orders.misfit, float("inf"))
    for turn in symmetries:
        turned = orders.at[:, torch.from_numpy(turn).to(at.device)]
        cost = model.misfit(placed(seen, turned))
        better = cost < misfit
        at = torch.where(better[:, None], turned, at)
        misfit = torch.where(better, cost, misfit)
    return Orders(at, misfit, orders.agreed)
