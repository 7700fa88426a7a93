"""Which of the global states of an image is the natural one, learned from public images.

Turning, complementing or recolouring all blocks alike costs no seam anything, so only knowledge
of what images look like can choose. A linear model of features that every state merely permutes
(or negates) is fitted to public images, so that their own state wins over the others: one weight
vector scores all states, and scores of images under one key add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.blocks import COLOUR_ORDERS
from ppattack.solvers.block_states import Indices, States

THUMBNAIL = 8
"""Edge of the thumbnail, pixels: brightness by place."""
PERIOD = 8
"""Edge of the pattern that repeats over an image: traces of JPEG and of upsampled colour."""
LEVELS = 16
"""Bins of the histogram of each channel."""
REGIONS = 4
"""Edge of the grid over which contrast and power are measured."""
PAIRS = ((0, 1), (0, 2), (1, 2))
MOST_IMAGES = 5000
"""Public images used: more gain little where scores of many images add up."""
MOST_BYTES = 100_000_000
"""Bytes of public images read, so that large images take no longer."""
CHUNK_BYTES = 1 << 22
TESTED = 0.2
"""Part of the public images on which the choice itself is tried."""
STEPS = 15
DRAWS = 400
"""Groups of images drawn to estimate how often the choice is right."""
Features = dict[str, Tensor]


@dataclass(frozen=True)
class StatePrior:
    """A fitted model.

    Args:
        weights: ``(D, S)`` float64, one column a state.
        wanted: ``(S',)`` the states that keep the shape of an image.
        held_out: ``(T, S')`` scores of public images that the fit has not seen.
    """

    weights: Tensor
    wanted: Indices
    held_out: Tensor

    def scores(self, images: Tensor) -> Tensor:
        """``(N, S')`` log-probability that each state makes an image natural.

        Args:
            images: ``(N, C, H, W)`` uint8, of the public images' size.
        """
        found = [flat(features_of(part)) @ self.weights for part in chunks(images)]
        return torch.log_softmax(torch.cat(found), dim=1)

    def chance(self, count: int) -> float:
        """The fraction of groups of so many unseen public images whose state it gets right."""
        rng = np.random.default_rng(count)
        size = (DRAWS, count) if count > 1 else (1, len(self.held_out))
        draws = torch.from_numpy(rng.integers(0, len(self.held_out), size))
        if count == 1:
            return float((self.held_out.argmax(1) == 0).double().mean())
        added = torch.stack([self.held_out[draw].sum(0) for draw in draws])
        return float((added.argmax(1) == 0).double().mean())


def fit(
    public: Tensor,
    group: States,
    rows: int,
    columns: int,
    wanted: Indices | None = None,
    most: int = MOST_IMAGES,
) -> StatePrior:
    """Fit the model.

    Args:
        public: ``(M, C, H, W)`` uint8, at least 2.
        group: the states.
        rows: blocks from top to bottom.
        columns: blocks from left to right: where they differ, quarter turns are left out.
        wanted: the states to choose from, the identity first; None for all that are possible.
        most: public images used at most.
    """
    used = thinned(public, most)
    features = [features_of(part) for part in chunks(used)]
    data = torch.cat([flat(part) for part in features])
    wanted = group.upright(rows, columns) if wanted is None else wanted
    source, sign = action({name: part[:1] for name, part in features[0].items()}, group, wanted)
    tested = max(1, round(len(data) * TESTED))
    weights = _fitted(data[tested:], source, sign)
    model = StatePrior(weights, wanted, data[:0])
    scores = torch.log_softmax(data[:tested] @ weights, dim=1)
    return StatePrior(model.weights, wanted, scores)


def thinned(public: Tensor, most: int) -> Tensor:
    """At most so many of the images, spread evenly."""
    most = max(2, min(most, MOST_BYTES // public[0].numel()))
    return public[:: max(1, -(-len(public) // most))]


def chunks(images: Tensor) -> list[Tensor]:
    """The images a few at a time."""
    size = max(1, CHUNK_BYTES // (4 * images[0].numel()))
    return [images[start : start + size] for start in range(0, len(images), size)]


def features_of(images: Tensor) -> Features:
    """What is measured, each with the axes on which the states act."""
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


def _fitted(data: Tensor, source: Tensor, sign: Tensor) -> Tensor:
    """``(D, S')`` weights of a multinomial logistic regression tied by the group's action.

    It starts from Fisher's discriminant between images in their own state and in any state, and
    is regularised in the metric of the features' scatter over all states.
    """
    mean = data.mean(0)
    moment = data.T @ data / len(data)
    overall = (mean[source] * sign).mean(0)
    scatter = torch.zeros_like(moment)
    for take, by in zip(source, sign, strict=True):
        scatter += moment[take][:, take] * by[:, None] * by / len(source)
    scatter -= torch.outer(overall, overall)
    ridge = scatter.diagonal() * 1e-3 + scatter.diagonal().mean() * 1e-9 + 1e-12
    root = torch.linalg.cholesky(scatter + torch.diag(ridge))
    white = torch.linalg.solve_triangular(root, (mean - overall)[:, None], upper=False)
    vector = (white * 0.3).requires_grad_()

    def columns(values: Tensor) -> Tensor:
        weights = torch.linalg.solve_triangular(root.T, values, upper=True)[:, 0]
        empty = torch.zeros(source.shape, dtype=torch.float64, device=data.device)
        return empty.scatter_add(1, source, sign * weights).T

    search = torch.optim.LBFGS([vector], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        right = torch.log_softmax(data @ columns(vector), 1)[:, 0]
        value: Tensor = (vector.square().sum() - right.sum()) / len(data)
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return columns(vector.detach())
