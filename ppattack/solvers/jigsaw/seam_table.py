"""The table of all seams: every piece beside every other, in every relative state.

Entry ``[k, a, s, b]`` is piece b in state s at side k of piece a as it is. Seen from b it is the
seam with a in the inverse state, so a table of a symmetric cost has every number twice. Costs of
several images under one key are multiplied, which means that their logarithms add up: an image
with strong contrast counts no more than another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import States
from ppattack.blocks import COLOUR_ORDERS
from ppattack.solvers.jigsaw.compatibility import Measure
from ppattack.solvers.jigsaw.lines import BEFORE, border_lines

Element = TypeVar("Element", int, Tensor)


class HasShape(Protocol):
    """A table of seams ``(4, n, S, n)``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""


CHUNK_NUMBERS = 1 << 18
"""Costs processed at a time: they stay in the cache."""
DOUBT = 0.02
"""Share of the seams that no measure understands."""
HALVINGS = 3
"""How often the sharpness is halved for those: their likelihood is flatter."""
NEGLIGIBLE = 1e-4
"""Likelihoods relative to the best one, by the flatter law, that count as this much."""


@dataclass(frozen=True)
class _Meeting:
    """A side of a piece and the element of the piece at it, then the same seen from there.

    ``turned`` is the dihedral state of the line after the seam.
    """

    side: int
    element: int
    turned: int
    met: int
    inverse: int
    met_turned: int


def _meetings(group: States) -> list[_Meeting]:
    """Every seam's geometry once, seen from one of its two sides."""
    step = group.count // len(np.unique(group.dihedral))
    elements = group.dihedral[::step]
    found = []
    for side in range(4):
        for e in range(len(elements)):
            inverse = int(group.inverse[e * step])
            met = int(group.side[inverse, (side + 2) % 4])
            if (met, inverse // step) < (side, e):
                continue
            turned, back = (
                after_side(side, int(elements[e])),
                after_side(met, int(elements[inverse // step])),
            )
            found.append(_Meeting(side, e, turned, met, inverse // step, back))
    return found


def after_side(side: Element, element: Element) -> Element:
    """The element of a piece turned by ``element``, then by as many quarters as ``side``."""
    return element // 4 * 4 + (element + side) % 4


def log_costs(pieces: Tensor, group: States, measure: Measure) -> Tensor:
    """Logarithms of the costs of all seams, summed over images.

    Args:
        pieces: ``(N, n, C, B, B)`` uint8, of N images under one key.
        group: the states.
        measure: scores a seam from one side.

    Returns:
        ``(4, n, S, n)`` float32; a piece beside itself costs infinity.
    """
    count = pieces.shape[1]
    table = torch.zeros(4, count, group.count, count, device=pieces.device)
    meetings = _meetings(group)
    each = per_element(group)
    by_element = table.view(4, count, -1, each, count)
    inverse = group.inverse[:each].tolist()
    needed = {turned for at in meetings for turned in (at.turned, at.met_turned)}
    for image in pieces:
        lines = border_lines(image)
        features = measure.fit(lines)
        after = {turned: measure.read(in_states(lines.edge[turned], group)) for turned in needed}
        for at in meetings:
            alone = (at.met, at.inverse) == (at.side, at.element)
            ours = _one_way(features[BEFORE[at.side]], after[at.turned], group, measure)
            theirs = ours
            if not alone:
                theirs = _one_way(features[BEFORE[at.met]], after[at.met_turned], group, measure)
            both = ours + theirs[:, inverse].permute(2, 1, 0)
            both.add_(2 * measure.floor * image.shape[2]).log_()
            by_element[at.side, :, at.element] += both
            if not alone:
                by_element[at.met, :, at.inverse] += both.permute(2, 1, 0)[:, inverse]
    own = torch.arange(count, device=table.device)
    table[:, own, :, own] = float("inf")
    return table


def in_states(edge: Tensor, group: States) -> Tensor:
    """``(states of one element · n, B, C)``: lines ``(n, B, C)`` complemented and recoloured."""
    found = edge.repeat(per_element(group), 1, 1).view(-1, *edge.shape)
    for state, lines in enumerate(found):
        if edge.shape[2] == len(COLOUR_ORDERS[0]):
            lines.copy_(edge[..., torch.from_numpy(COLOUR_ORDERS[group.colour[state]])])
        if group.negative[state]:
            lines.neg_()
    return found.flatten(0, 1)


def per_element(group: States) -> int:
    """How many states have the same dihedral element."""
    return int((group.dihedral == group.dihedral[0]).sum())


def _one_way(features: Tensor, after: Tensor, group: States, measure: Measure) -> Tensor:
    """``(n, states of one element, n)``: lines before a seam against all lines after it."""
    count, each = len(features), per_element(group)
    costs = torch.empty(count, count * each, device=features.device)
    step = max(1, CHUNK_NUMBERS // costs.shape[1])
    for start in range(0, count, step):
        costs[start : start + step] = measure.compare(features[start : start + step], after)
    return costs.view(count, each, count)


def surprise(table: Tensor, group: States, sharpness: float) -> Tensor:
    """Turn logarithms of costs into how surprising each seam is, in place.

    For a side of a piece, a seam of cost D is about as likely as ``D ** -sharpness``, so that
    what counts is how much better it is than all others at that side: in flat regions, where
    many seams cost little, none of them is certain. A small part of the seams is taken to follow
    a much flatter law, so that one bad seam cannot outweigh many good ones. The negative
    logarithms of the likelihoods at both sides of a seam are averaged.

    Args:
        table: ``(4, n, S, n)`` from :func:`log_costs`; it is overwritten.
        group: the states.
        sharpness: the measure's own.

    Returns:
        the same tensor, 0 for a certain seam; :func:`indifference` for a seam like any other.
    """
    count = table.shape[1]
    laws = normalised(table, sharpness)
    step = max(1, CHUNK_NUMBERS // table[0, 0].numel())
    for side in range(4):
        there = laws[:, met_sides(group)[side]]  # (2, S, n)
        for start in range(0, count, step):
            rows = slice(start, start + step)
            average(table[side, rows], sharpness, laws[:, side, rows, None, None], there)
    return table


def normalised(table: Tensor, sharpness: float) -> Tensor:
    """``(2, 4, n)``: what makes the likelihoods at each side add up to 1, by either law.

    Args:
        table: ``(4, n, S, ...)``, logarithms of costs.
        sharpness: the measure's own.
    """
    count = table.shape[1]
    flat = sharpness / 2**HALVINGS
    clear, doubtful = laws = torch.empty(2, 4, count, device=table.device)
    step = max(1, CHUNK_NUMBERS // table[0, 0].numel())
    for side in range(4):
        for start in range(0, count, step):
            part = table[side, start : start + step].flatten(1)
            least = part.amin(1, keepdim=True)
            likely = (least - part).mul_(flat).exp_()
            doubtful[side, start : start + step] = likely.sum(1).log_() - flat * least[:, 0]
            likely.clamp_(min=NEGLIGIBLE)  # powers of less would be too small to be quick
            for _ in range(HALVINGS):
                likely.square_()
            clear[side, start : start + step] = likely.sum(1).log_() - sharpness * least[:, 0]
    doubtful -= float(np.log(DOUBT))
    return laws


def met_sides(group: States) -> Tensor:
    """``(4, S)``: the side of a piece in each state that meets each side of another."""
    met = [group.side[group.inverse, (side + 2) % 4] for side in range(4)]
    return torch.from_numpy(np.stack(met))


def average(part: Tensor, sharpness: float, here: Tensor, there: Tensor) -> None:
    """Replace logarithms of costs by how surprising seams are, seen from both sides.

    Args:
        part: overwritten.
        sharpness: the measure's own.
        here: two tensors of :func:`normalised` that broadcast with ``part``, for one side.
        there: likewise, for the other.
    """
    sharp, slack = part * sharpness, part * (sharpness / 2**HALVINGS)
    ours = torch.minimum(sharp + here[0], slack + here[1])
    across = torch.minimum(sharp.add_(there[0]), slack.add_(there[1]))
    torch.add(ours, across, out=part).mul_(0.5)


def indifference(table: HasShape) -> float:
    """The surprise of a seam that is as likely as every other."""
    return float(np.log(table.shape[1] * table.shape[2]))
