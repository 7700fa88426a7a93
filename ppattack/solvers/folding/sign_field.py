"""Which side of mid-grey each byte was on, as a random field over the pixels of an image.

Folding keeps the distance from mid-grey and loses the side. Neighbours and colours are mostly on
one side; if three pixels in a row continue more smoothly through mid-grey than back from it, they
may be on two sides. The field is solved by mean-field iterations, all images at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.solvers.folding.learned_fold import distances

LEVELS = 16
"""Steps of the distance from mid-grey that are told apart when sides are counted."""
ROUNDS = 40
DAMPING = 0.5
ALIKE = 0.3
"""Half the log-odds that neighbours of which nothing else is known are on one side."""
STRAIGHT = 15.0
"""How much smoother continuations, per unit of grey in [-1, 1], add to that."""
MOST = 1.0
KINK = 0.1
"""Second differences beyond this are edges, and are capped at it."""
COLOURS = 0.5
"""Likewise for the colours of a pixel, per unit of the smaller distance."""
DARK = 0.02
PRIOR = 0.05
"""Weight of what the prior says of a byte alone; less than 1, as neighbours repeat one another."""


def side_odds(public: Tensor) -> Tensor:
    """``(C, H, LEVELS)``: log-odds that a byte of a channel, row and distance is bright.

    Args:
        public: ``(M, C, H, W)`` uint8; every pixel of nearby rows counts.
    """
    bins = _bins(distances(public))
    height = public.shape[2]
    counts = torch.stack(
        [
            torch.stack([((bins == level) & side).sum((0, 3)) for level in range(LEVELS)], dim=-1)
            for side in (public > 127, public <= 127)
        ]
    ).float()  # (2, C, H, LEVELS)
    rows = torch.arange(height, device=public.device)
    near = ((rows[:, None] - rows).abs() <= max(1, height // 8)).float()
    counts = torch.einsum("scrl,rq->scql", counts, near) + 1.0
    return (counts[0] / counts[1]).log()


def solve(ciphertexts: Tensor, odds: Tensor | None = None) -> Tensor:
    """The images in which every byte is on its likelier side, shaded by how likely.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, of which bytes may be complemented.
        odds: what :func:`side_odds` counted; None: every byte is a little likelier to be dark.

    Returns:
        ``(N, C, H, W)`` uint8.
    """
    m = distances(ciphertexts)
    field = torch.full_like(m, -DARK) if odds is None else PRIOR * _looked_up(odds, m)
    ties = {dim: _ties(m, dim) for dim in (2, 3)}
    belief = field.tanh()
    for _ in range(ROUNDS):
        push = field.clone()
        for dim, tie in ties.items():
            size = m.shape[dim]
            here, there = slice(0, size - 1), slice(1, size)
            _at(push, dim, here).add_(tie * _at(belief, dim, there))
            _at(push, dim, there).add_(tie * _at(belief, dim, here))
        for c in range(m.shape[1]):
            for d in range(m.shape[1]):
                if c != d:
                    push[:, c] += COLOURS * torch.minimum(m[:, c], m[:, d]) * belief[:, d]
        belief = DAMPING * belief + (1 - DAMPING) * push.tanh()
    return image_ops.from_float((belief * m + 1) / 2)


def _ties(m: Tensor, dim: int) -> Tensor:
    """How strongly each pixel and the next along an axis are on one side."""
    size = m.shape[dim]
    middle = torch.zeros_like(_at(m, dim, slice(0, size - 1)))
    if size >= 4:
        before, left, right, after = (_at(m, dim, slice(k, size - 3 + k)) for k in range(4))
        kinks = [
            (2 * a - b - sign * c).abs().clamp(max=KINK)
            for sign in (1, -1)
            for a, b, c in ((left, before, right), (right, after, left))
        ]
        middle.narrow(dim, 1, size - 3).copy_(kinks[2] + kinks[3] - kinks[0] - kinks[1])
    return middle.mul_(STRAIGHT).add_(ALIKE).clamp_(0.0, MOST)


def _at(values: Tensor, dim: int, part: slice) -> Tensor:
    return values.narrow(dim, part.start, part.stop - part.start)


def _bins(m: Tensor) -> Tensor:
    return m.mul(LEVELS).long().clamp_(max=LEVELS - 1)


def _looked_up(odds: Tensor, m: Tensor) -> Tensor:
    table = odds.to(m.device)[None, :, :, None].expand(len(m), -1, -1, m.shape[3], -1)
    return table.gather(-1, _bins(m)[..., None])[..., 0]
