"""What is measured in images to choose their state, and what states do to it.

Every state of an image merely permutes (or negates) these features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.block_states import Indices, States, transformation
from ppattack.blocks import COLOUR_ORDERS

THUMBNAIL = 8
"""Edge of the thumbnail, pixels: brightness by place."""
PERIOD = 8
"""Edge of the pattern that repeats over an image: traces of JPEG and of upsampled colour."""
LEVELS = 16
"""Bins of the histogram of each channel."""
REGIONS = 4
"""Edge of the grid over which contrast and power are measured."""
PAIRS = ((0, 1), (0, 2), (1, 2))
MOST_BYTES = 100_000_000
"""Bytes of public images read, so that large images take no longer."""
CHUNK_BYTES = 1 << 22
Features = dict[str, Tensor]
Loss = Callable[[Tensor], Tensor]
"""What happens to images, in whichever state, between encryption and decryption."""


@dataclass(frozen=True)
class Examples:
    """Public images in their own state, as a model sees them.

    Args:
        features: ``(M, D)`` float64.
        artefacts: ``(D,)`` what was subtracted from them because compression added it.
        source: see :func:`action`.
        sign: likewise.
    """

    features: Tensor
    artefacts: Tensor
    source: Tensor
    sign: Tensor


def examples(public: Tensor, group: States, wanted: Indices, loss: Loss | None) -> Examples:
    """Measure public images; if there is a loss, after it, each in a random state.

    Args:
        public: ``(M, C, H, W)`` uint8.
        group: the states.
        wanted: the states to draw from.
        loss: see :func:`fit`.
    """
    source, sign = action(features_of(public[:1]), group, wanted)
    if loss is None:
        data = torch.cat([flat(features_of(part)) for part in chunks(public)])
        return Examples(data, torch.zeros_like(data[0]), source, sign)
    drawn = np.random.default_rng(0).integers(len(wanted), size=len(public))
    size = (len(public), source.shape[1])
    before, after = torch.empty((2, *size), dtype=torch.float64, device=public.device)
    for rank, state in enumerate(wanted.tolist()):
        undone = transformation(state, tuple(public.shape[1:]), group).inverse()
        of_state = torch.from_numpy(np.flatnonzero(drawn == rank))
        for at in of_state.split(_at_once(public)) if len(of_state) else ():
            seen = undone(public[at])
            before[at], after[at] = (flat(features_of(part)) for part in (seen, loss(seen)))
    artefacts = (after - before).mean(0)
    states = torch.from_numpy(drawn).to(public.device)
    data = (after - artefacts).gather(1, source[states]) * sign[states]
    return Examples(data, artefacts, source, sign)


def thinned(public: Tensor, most: int) -> Tensor:
    """At most ``most`` of the images, spread evenly."""
    most = max(2, min(most, MOST_BYTES // public[0].numel()))
    return public[:: max(1, -(-len(public) // most))]


def chunks(images: Tensor) -> list[Tensor]:
    """The images a few at a time."""
    return list(images.split(_at_once(images)))


def _at_once(images: Tensor) -> int:
    return max(1, CHUNK_BYTES // (4 * images[0].numel()))


def features_of(images: Tensor) -> Features:
    """The measurements, each with the axes on which the states act."""
    pixels = images.float() - 127.5
    count, channels, height, width = pixels.shape
    period = int(np.gcd.reduce([height, width, PERIOD]))
    folded = pixels.view(count, channels, height // period, period, width // period, period)
    bins = (images // (256 // LEVELS)).long().flatten(2)
    histogram = torch.zeros(count, channels, LEVELS, device=images.device)
    histogram.scatter_add_(2, bins, torch.ones_like(bins, dtype=torch.float32))
    pairs = [pixels[:, a] - pixels[:, b] for a, b in PAIRS] if channels == 3 else []
    seen = torch.cat([pixels, *(pair[:, None] for pair in pairs)], 1)
    contrast = [functional.adaptive_avg_pool2d(_contrast(seen, axis), REGIONS) for axis in (3, 2)]
    power = functional.adaptive_avg_pool2d(seen.square(), REGIONS)
    return {
        "thumbnail": functional.adaptive_avg_pool2d(pixels, THUMBNAIL),
        "pattern": folded.mean((2, 4)),
        "histogram": (histogram / (height * width)).sqrt(),
        "contrast": torch.log(torch.stack(contrast, 1) + 1),
        "power": torch.log(power + 1),
    }


def _contrast(pixels: Tensor, axis: int) -> Tensor:
    """Squared differences along an axis; each counts at both of its pixels, as a flip does."""
    squares = pixels.diff(dim=axis).square()
    one = [0, 0] * (3 - axis)
    return functional.pad(squares, [*one, 0, 1]) + functional.pad(squares, [*one, 1, 0])


def _moved(features: Features, element: int, negative: int, order: list[int]) -> Features:
    """The features of images in a state, from those of the images."""

    def turned(part: Tensor) -> Tensor:
        flipped = part.flip(-1) if element > 3 else part
        return torch.rot90(flipped, element % 4, (-2, -1))

    sign = -1 if negative else 1
    histogram = features["histogram"][:, order]
    contrast = turned(features["contrast"])
    pairs = [tuple(sorted((order[a], order[b]))) for a, b in PAIRS] if len(order) == 3 else []
    quantities = [*order, *(len(order) + PAIRS.index((a, b)) for a, b in pairs)]
    return {
        "thumbnail": turned(features["thumbnail"])[:, order] * sign,
        "pattern": turned(features["pattern"])[:, order] * sign,
        "histogram": histogram.flip(2) if negative else histogram,
        "contrast": (contrast.flip(1) if element % 2 else contrast)[:, :, quantities],
        "power": turned(features["power"])[:, quantities],
    }


def without_traces(one: Features) -> Tensor:
    """``(D,)`` which measurements are of the picture, and not of how it was compressed."""
    kept = [torch.full((part.numel(),), name != "pattern") for name, part in one.items()]
    return torch.cat(kept).to(one["pattern"].device)


def flat(features: Features) -> Tensor:
    """``(N, D)`` float64."""
    return torch.cat([part.flatten(1) for part in features.values()], 1).double()


def action(one: Features, group: States, wanted: Indices) -> tuple[Tensor, Tensor]:
    """``(S', D)`` each: a state's feature j is feature ``source[j]`` times ``sign[j]``."""
    numbered, start = {}, 1
    for name, part in one.items():
        end = start + part.numel()
        numbered[name] = torch.arange(start, end, device=part.device).view(part.shape)
        start = end
    channels = one["histogram"].shape[1]
    rows = []
    for state in wanted:
        order = list(range(channels))
        if channels == len(COLOUR_ORDERS[0]):
            order = COLOUR_ORDERS[group.colour[state]].tolist()
        moved = _moved(numbered, int(group.dihedral[state]), int(group.negative[state]), order)
        rows.append(torch.cat([part.flatten() for part in moved.values()]))
    table = torch.stack(rows)
    return table.abs() - 1, table.sign().double()
