"""How likely pieces that only moved are neighbours, by a small network that learned from images.

No single measure of a seam is the best everywhere: one continues the gradient, another follows
lines that cross at an angle, and in flat regions what the pieces show tells more than their
borders. The network weighs them. It sees each measure as it is, and how far it is from the best
one at the same side of either piece. Turned, mirrored, complemented or recoloured images give the
same features, since nothing here tells first from second, or one channel from another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.solvers.jigsaw.compatibility import MEASURES, Measure
from ppattack.solvers.jigsaw.lines import MIDDLE, BorderLines
from ppattack.solvers.jigsaw.outer_edges import OuterEdges

DEPTH = 4
"""Lines on each side of a seam that count."""
LEAST_EDGE = 6
"""Pieces of fewer pixels have too few lines."""
MOST_PIECES = 800
"""Beyond so many the features of all pairs would not fit into memory."""
CANDIDATES = 30
"""Likeliest pieces at a side, by the gradient alone, that the network compares."""
SHARPNESS = 12.0
"""A cost D of the gradient is about as likely as ``D ** -SHARPNESS``, in features."""
DOUBT = 0.03
"""Share of the seams that the network does not understand."""
SLOPES = (1.0, 3.0)
"""Lines by which borders are continued along the slope of three of them."""
SHEARS = (-2, -1, 1, 2)
"""Pixels by which one border is moved along the seam."""
FAR = 1e3
"""What a piece beside itself costs, in logarithms."""


@dataclass(frozen=True)
class LearnedSeams:
    """A trained network.

    Args:
        network: ``(..., M)`` features to ``(..., 1)``, how likely two pieces are neighbours.
        mean: ``(M,)`` taken off features.
        scale: ``(M,)`` by which they are divided then.
        edges: where a picture ends, if that was learned.
    """

    network: nn.Module
    mean: Tensor
    scale: Tensor
    edges: OuterEdges | None = None

    @torch.no_grad()
    def surprise(self, pieces: Tensor) -> Tensor:
        """How surprising each seam is, as from :func:`.seam_table.surprise`.

        Args:
            pieces: ``(n, C, B, B)`` uint8 that only moved.

        Returns:
            ``(4, n, 1, n)`` float32; a piece beside itself costs infinity.
        """
        sides = torch.stack([self._log_likelihoods(*view) for view in views(pieces)])
        both = (sides + sides.roll(2, 0).transpose(1, 2)) / 2  # as the piece across sees it, too
        table: Tensor = both.neg()[:, :, None]
        own = torch.arange(len(pieces), device=table.device)
        table[:, own, :, own] = float("inf")
        return table

    def _log_likelihoods(self, near: Tensor, seen: Tensor) -> Tensor:
        """``(n, n)``: the logarithm of how likely each piece is at one side of each other."""
        count = len(near)
        found = torch.log_softmax(self.scores(seen), dim=1) + float(np.log(1 - DOUBT))
        rest = float(np.log(DOUBT / count))
        every = torch.full((count, count), rest, device=near.device)
        return every.scatter_(1, near, torch.logaddexp(found, torch.full_like(found, rest)))

    def scores(self, seen: Tensor) -> Tensor:
        """``(..., M)`` features to ``(...)`` scores."""
        found: Tensor = self.network((seen - self.mean) / self.scale)[..., 0]
        return found


def network_for(size: int) -> nn.Module:
    """An untrained network on so many features."""
    return nn.Sequential(
        nn.Linear(size, 96),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(96, 32),
        nn.ReLU(),
        nn.Linear(32, 1),
    )


def usable(count: int, edge: int) -> bool:
    """Whether pieces are large and few enough, and not too few."""
    return edge >= LEAST_EDGE and CANDIDATES < count <= MOST_PIECES


def views(pieces: Tensor, kept: int = CANDIDATES) -> list[tuple[Tensor, Tensor]]:
    """What the network sees of likely pairs of pieces, from each side of the first one.

    Args:
        pieces: ``(n, C, B, B)`` uint8.
        kept: K, at most n.

    Returns:
        for a second piece to the right, below, to the left and above: ``(n, K)``, the K pieces that
        the gradient alone makes the likeliest there, and ``(n, K, M)`` features.
    """
    pixels = pieces.float() - MIDDLE
    traits = _traits(pixels)
    here, across = [], []
    for view in (pixels, pixels.transpose(2, 3)):
        lines = (view.flip(3)[..., :DEPTH], view[..., :DEPTH])
        before, after = (side.permute(0, 2, 3, 1) for side in lines)  # (n, B, DEPTH, C)
        costs, along = _costs(before, after), _along(before, after)
        here.append(_view(costs, traits, along, kept))
        across.append(_view(costs.transpose(1, 2), traits, along.transpose(1, 2), kept))
    return [*here, *across]


def _view(costs: Tensor, traits: Tensor, along: Tensor, kept: int) -> tuple[Tensor, Tensor]:
    """One of :func:`views`: the second piece judged among all at a side of the first.

    Args:
        costs: ``(11, n, n)``, see :func:`_costs`.
        traits: ``(T, n)``, see :func:`_traits`.
        along: ``(8, n, n)``, see :func:`_along`.
        kept: K.
    """
    gradient = -SHARPNESS * costs[:3]
    ours, theirs = (gradient.logsumexp(axis) for axis in (2, 1))  # (3, n) each
    near = (gradient[0] - (ours[0][:, None] + theirs[0]) / 2).topk(kept, 1).indices
    found = costs.take_along_dim(near[None], 2)  # (11, n, K)
    likely = -SHARPNESS * found[:3]
    seen = [
        (found - costs.amin(2)[..., None]).clamp(max=6),
        (found - costs.amin(1)[:, near]).clamp(max=6),
        found.clamp(max=20) / 5 - 1,
        ((likely - ours[..., None]) / SHARPNESS).clamp(min=-3),
        ((likely - theirs[:, near]) / SHARPNESS).clamp(min=-3),
        _unlike((traits[..., None] - traits[:, near]).abs()),
        along.take_along_dim(near[None], 2),
    ]
    return near, torch.cat(seen).permute(1, 2, 0)


def _costs(before: Tensor, after: Tensor) -> Tensor:
    """``(11, n, n)`` logarithms of measures of a seam; the first three are of the gradient."""
    first, last = before[:, :, 0], after[:, :, 0]
    gradient, square, absolute = (
        MEASURES[name] for name in ("regularised-mgc", "prediction-l2", "prediction-l1")
    )
    found = [_both_ways(gradient, before, after, inner) + 1e-3 for inner in (1, 2, 3)]
    found += [_both_ways(measure, before, after, 1) + 1e-3 for measure in (square, absolute)]
    found += [_apart(before[:, :, line], after[:, :, line]) + 10 for line in (0, 1)]
    for slope in SLOPES:
        there, here = (
            side[:, :, 0] + slope * (side[:, :, 0] - side[:, :, 2]) / 2 for side in (before, after)
        )
        found.append(_apart(there, last) + _apart(first, here) + 20)
    found.append(torch.cdist(_smooth(first), _smooth(last)) + 10)
    size = first.shape[1]
    sheared = [
        _apart(first[:, max(0, -by) : size - max(0, by)], last[:, max(0, by) : size - max(0, -by)])
        for by in SHEARS
    ]
    found.append(torch.stack(sheared).amin(0) + 10)
    own = torch.eye(len(first), dtype=torch.bool, device=first.device)
    return torch.stack(found).log_().masked_fill_(own, FAR)


def _both_ways(measure: Measure, before: Tensor, after: Tensor, inner: int) -> Tensor:
    """``(n, n)`` costs of seams by a measure that reads the edge and one inner line."""
    there, here = (
        measure.fit(BorderLines(side[None, :, :, 0], side[None, :, :, inner]))[0]
        for side in (before, after)
    )
    ours = measure.compare(there, measure.read(after[:, :, 0]))
    theirs = measure.compare(here, measure.read(before[:, :, 0]))
    return ours + theirs.T + 2 * measure.floor * before.shape[1]


def _apart(first: Tensor, last: Tensor) -> Tensor:
    """``(n, n)`` sums of absolute differences of lines ``(n, B, C)``."""
    return torch.cdist(first.flatten(1), last.flatten(1), p=1.0)


def _smooth(line: Tensor) -> Tensor:
    """Lines ``(n, B, C)``, each pixel the mean of three, as ``(n, C · B)``."""
    averaged = functional.avg_pool1d(line.permute(0, 2, 1), 3, 1, 1, count_include_pad=False)
    return averaged.flatten(1)


def _traits(pixels: Tensor) -> Tensor:
    """``(3 C + 1, n)`` colour, contrast, texture and its slant of pieces ``(n, C, B, B)``."""
    level, contrast = pixels.mean((2, 3)) / 64, torch.log(pixels.var((2, 3)) + 4)
    down, right = (pixels.diff(dim=axis).abs().mean((2, 3)) for axis in (2, 3))
    slant = torch.log(down + 1).mean(1) - torch.log(right + 1).mean(1)
    return torch.cat([level, contrast, torch.log(down + right + 1), slant[:, None]], 1).T


def _unlike(apart: Tensor) -> Tensor:
    """``(5, n, K)`` how much pieces differ, of differences ``(3 C + 1, n, K)`` of their traits."""
    levels, contrasts, textures = apart[:-1].unflatten(0, (3, -1))
    found = [levels.mean(0), levels.amax(0), contrasts.mean(0), textures.mean(0), apart[-1]]
    return torch.stack(found)


def _along(before: Tensor, after: Tensor) -> Tensor:
    """``(8, n, n)`` what runs along a seam on both sides: how alike, and how much there is."""
    first, last = before[:, :, 0], after[:, :, 0]
    there, here = first.mean(2), last.mean(2)
    slid = torch.maximum(_alike(there[:, 1:], here[:, :-1]), _alike(there[:, :-1], here[:, 1:]))
    tints = [_alike(first[..., k] - there, last[..., k] - here) for k in range(first.shape[2])]
    steps = torch.log(_apart(first.diff(dim=1), last.diff(dim=1)) + 10) / 3 - 2
    found = [_alike(there, here), slid, torch.stack(tints).mean(0), steps]
    contrast = [line.std(1).clamp(max=60) / 30 for line in (there, here)]
    texture = [
        torch.log(side[:, :, :3].diff(dim=1).abs().mean((1, 2, 3)) + 1) for side in (before, after)
    ]
    for one, other in (contrast, texture):
        found.append(torch.minimum(one[:, None], other[None]))
        found.append((one[:, None] - other[None]).abs())
    return torch.stack(found)


def _alike(first: Tensor, last: Tensor) -> Tensor:
    """``(n, n)`` correlations of lines ``(n, B)``, that of flat ones nearly zero."""
    ours, theirs = (
        (line - line.mean(1, keepdim=True)) / (line.std(1, keepdim=True) + 4)
        for line in (first, last)
    )
    return ours @ theirs.T / first.shape[1]
