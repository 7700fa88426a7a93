"""Pictures side by side in one image, such as colour components: which is which, and which way up.

Seams put each picture together but hardly tell how the pictures relate to each other, because
nothing continues across their common borders. What they show does tell: components of one image
vary together, and public images say how. Each picture is averaged down to a few cells, a Gaussian
is fitted to the cells of public images, and all exchanges and states of the pictures are compared
by likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.permxor import PermXor
from ppattack.target.representation import Panel

CELLS = 8
"""Cells along each edge of a picture, at most."""
RIDGE = 0.1
"""Added to the variances, relative to their mean over each picture. It is large because pictures
with a few blocks in wrong places must not be judged by fine detail."""
FEWEST_PUBLIC = 10
"""With fewer public images the pictures are left as found."""
BATCH = 1024
Values = NDArray[np.float64]
Choice = tuple[int, tuple[int, ...], tuple[int, ...]]
"""A turn of the whole image, the source of each panel, and each one's state."""


@dataclass(frozen=True)
class PanelPrior:
    """What the pictures in public images have in common.

    Args:
        panels: the pictures' places.
        shape: ``(C, H, W)`` of an image.
        cells: how many along each edge of a picture.
        mean: that of the cells, in -1..1.
        precision: inverse of their covariance.
    """

    panels: Sequence[Panel]
    shape: ImageShape
    cells: int
    mean: Values
    precision: Values

    def settle(
        self, key: PermXor, ciphertexts: Tensor, first: Values | None = None
    ) -> tuple[PermXor, Mapping[str, Any]]:
        """The key whose pictures relate to each other as those of public images do.

        Args:
            key: over bytes; correct up to exchanges of pictures of one size, and to the state
                (orientation and complement) of each.
            ciphertexts: ``(N, C, H, W)`` uint8.
            first: ``(16,)`` how likely each state of the first picture is by itself, as
                log-probability per image: orientations, then the same complemented. The first
                picture is then in its place, and only the others change theirs.

        Returns:
            the key, and notes for a report.
        """
        plain = key.inverse()(ciphertexts).cpu()
        scored: list[tuple[float, Choice]] = []
        # The turns that keep the shape of the image; an upright first picture keeps it upright.
        for whole in (0, 2, 4, 6) if first is None else (0,):
            seen = _cells(_turned_whole(plain, whole), self.panels, self.cells)
            ranked = _ranked(seen, self.mean, self.precision, self.panels, first)
            scored += [(score, (whole, sources, states)) for score, sources, states in ranked]
        scored.sort(key=lambda entry: entry[0], reverse=True)
        change = _change(self.shape, self.panels, scored[0][1])
        notes = {
            "pictures_exchanged_or_turned": scored[0][1] != _unchanged(len(self.panels)),
            "pictures_likelihood": round(scored[0][0], 4),
        }
        return key.after(change.inverse()), notes


def fit(public: Tensor, panels: Sequence[Panel]) -> PanelPrior | None:
    """Learn how pictures relate to each other; None for a single one, or too few images.

    Args:
        public: ``(M, C, H, W)`` uint8 in the form that the scheme transforms.
        panels: where the pictures are.
    """
    if len(public) < FEWEST_PUBLIC or len(panels) < 2:
        return None
    shape = (int(public.shape[1]), int(public.shape[2]), int(public.shape[3]))
    cells = min(CELLS, *(min(panel.height, panel.width) for panel in panels))
    known = _cells(public, panels, cells)
    mean = known.mean(axis=0)
    size = mean.size
    spread = np.cov(known.reshape(len(known), -1), rowvar=False).reshape(size, size)
    of_each = spread.diagonal().reshape(len(panels), -1).mean(axis=1)
    spread += np.diag(np.repeat(RIDGE * of_each + 1e-9, size // len(panels)))
    precision = np.asarray(np.linalg.inv(spread), np.float64)
    return PanelPrior(panels, shape, cells, mean, precision)


def _unchanged(count: int) -> Choice:
    return 0, tuple(range(count)), (0,) * count


def _turned(image: NDArray[np.generic], state: int) -> NDArray[np.generic]:
    """Apply a dihedral element, a flip and then quarter turns, to the last two axes."""
    flipped = image[..., ::-1] if state % 8 > 3 else image
    return np.rot90(flipped, state % 4, axes=(-2, -1))


def _turned_whole(images: Tensor, state: int) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(_turned(images.numpy(), state)))


def _states(panel: Panel) -> list[int]:
    """Dihedral elements, and 8 more for complements; quarter turns of squares only."""
    square = panel.height == panel.width
    turns = [turn for turn in range(8) if square or turn % 2 == 0]
    return [*turns, *(turn + 8 for turn in turns)]


def _cells(images: Tensor, panels: Sequence[Panel], cells: int) -> Values:
    """``(N, P · cells²)``: mean levels about mid-grey, in -1..1."""
    rows = []
    for batch in images.cpu().split(BATCH):
        parts = [batch[(..., *panel.slices)].float().mean(1) for panel in panels]
        pooled = [torch.nn.functional.adaptive_avg_pool2d(part, (cells, cells)) for part in parts]
        rows.append(torch.stack(pooled, 1).flatten(1))
    return (torch.cat(rows).double().numpy() - 127.5) / 127.5


def _ranked(
    seen: Values,
    mean: Values,
    precision: Values,
    panels: Sequence[Panel],
    first: Values | None = None,
) -> Iterator[tuple[float, tuple[int, ...], tuple[int, ...]]]:
    """The best states for each exchange of panels: mean log-likelihood, sources, states."""
    count = len(panels)
    cells = round((mean.size / count) ** 0.5)
    order = np.arange(cells * cells).reshape(cells, cells)
    states = [_states(panel) for panel in panels]
    gathers = [[_turned(order, state).reshape(-1) for state in own] for own in states]
    signs = [np.array([-1.0 if state > 7 else 1.0 for state in own]) for own in states]
    size = cells * cells
    blocks = precision.reshape(count, size, count, size)
    moments = (seen.T @ seen / len(seen)).reshape(count, size, count, size)
    pull = (precision @ mean).reshape(count, size)
    centre = seen.mean(axis=0).reshape(count, size)

    def pair(a: int, b: int, i: int, j: int) -> Values:
        """``(S, S)``: what targets a and b add if they hold sources i and j in each state."""
        moment, wanted = moments[i, :, j], blocks[a, :, b]
        ours = np.stack([moment[gather].reshape(-1) for gather in gathers[a]])
        theirs = np.stack([wanted[:, np.argsort(gather)].reshape(-1) for gather in gathers[b]])
        return np.asarray((ours @ theirs.T) * signs[a][:, None] * signs[b] * -0.5, np.float64)

    def alone(a: int, i: int) -> Values:
        """``(S,)``: what target a adds by its mean if it holds source i in each state."""
        turned = np.stack([centre[i][gather] for gather in gathers[a]])
        return np.asarray((turned @ pull[a]) * signs[a], np.float64)

    sizes = [(panel.height, panel.width) for panel in panels]
    for sources in permutations(range(count)):
        if [sizes[source] for source in sources] != sizes:
            continue
        total = np.zeros([len(own) for own in states])
        if first is not None:
            if sources[0]:
                continue
            total = total + first[states[0]].reshape(-1, *[1] * (count - 1))
        for a, i in enumerate(sources):
            axes = np.arange(count) == a
            total = total + alone(a, i).reshape(np.where(axes, len(states[a]), 1))
            own = np.diagonal(pair(a, a, i, i))
            total = total + own.reshape(np.where(axes, len(states[a]), 1))
            for b in range(a):
                j = sources[b]
                both = pair(b, a, j, i) * 2
                form = [1] * count
                form[a], form[b] = len(states[a]), len(states[b])
                total = total + both.reshape(form)
        best = np.unravel_index(int(total.argmax()), total.shape)
        chosen = tuple(states[a][int(place)] for a, place in enumerate(best))
        yield float(total.max()), sources, chosen


def _change(shape: ImageShape, panels: Sequence[Panel], choice: Choice) -> PermXor:
    """What a choice does to an image, over bytes."""
    whole, sources, states = choice
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    turned = _turned(numbers, whole)
    index, mask = numbers.copy(), np.zeros(shape, np.uint8)
    for panel, source, state in zip(panels, sources, states, strict=True):
        place = (..., *panel.slices)
        index[place] = _turned(turned[(..., *panels[source].slices)], state)
        mask[place] = 255 if state > 7 else 0
    return PermXor(index.reshape(-1), mask.reshape(-1))


def around(pictures: Sequence[Panel]) -> Panel:
    """The rectangle that holds pictures."""
    top, left = min(each.top for each in pictures), min(each.left for each in pictures)
    bottom = max(each.top + each.height for each in pictures)
    right = max(each.left + each.width for each in pictures)
    return Panel(top, left, bottom - top, right - left, pictures[0].chroma)


def in_blocks(area: Panel, edge: int) -> tuple[slice, slice]:
    """The rows and columns of an area, counted in blocks."""
    top, left = area.top // edge, area.left // edge
    return (
        slice(top, top + area.height // edge),
        slice(left, left + area.width // edge),
    )
