"""Learning which global state of an image is the natural one from public images.

A linear model of features that every state merely permutes (or negates) is fitted to public images,
so that their own state wins over the others.

Left and right are even in most photographs. So unless public images that the fit has not seen
tell them apart, the model is fitted to images and their mirror images, and says nothing of them.

Compression leaves traces where ciphertexts have their blocks, not where images do. So if
ciphertexts were compressed, the model learns from public images that took the same path in every
state, and what the path itself adds to features is subtracted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.solvers.global_state.features import (
    Examples,
    Loss,
    examples,
    features_of,
    thinned,
    without_traces,
)
from ppattack.solvers.global_state.group_mean import mean_over_states
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.training.optimisers import uncompiled

MOST_IMAGES = 5000
"""Public images used: more gain little if scores of many images add up."""
MOST_AFTER_LOSS = 20_000
"""The same after compression: it removes the fine traces that tell most; what is left is weak."""
TESTED = 0.2
"""Share of the public images on which the choice itself is tested."""
FOLDS, FOLDS_OF_MANY = 5, 2
"""Parts of the public images, each tested by a fit to the others; fewer for ``MANY`` images."""
MANY = 1000
TOLD = 3.0
"""Standard errors by which unseen images must be likelier than their mirror images."""
STEPS = 15
PENALTY, RIDGE = 30.0, 1e-2
"""Strength of the regularisation, of the weights and of the scatter that measures them. Chosen on
photographs that no figure in the docs is of."""
PENALTY_AFTER_LOSS, RIDGE_AFTER_LOSS = 1.0, 1e-3
"""Likewise for images after compression, and for those of which a part is left out."""
LEFT_TO_RIGHT = 4
"""The dihedral element that mirrors an image left to right."""


def fit(
    public: Tensor,
    group: States,
    rows: int,
    columns: int,
    wanted: Indices | None = None,
    loss: Loss | None = None,
) -> StatePrior:
    """Fit the model.

    Args:
        public: ``(M, C, H, W)`` uint8, at least 2.
        group: the states.
        rows: blocks from top to bottom.
        columns: blocks from left to right; if they differ, quarter turns are left out.
        wanted: the states to choose from, a subgroup in ascending order; None for all that are
            possible.
        loss: what images went through; None for nothing.
    """
    wanted = group.upright(rows, columns) if wanted is None else wanted
    used = thinned(public, MOST_IMAGES if loss is None else MOST_AFTER_LOSS)
    known = examples(used, group, wanted, loss)
    if loss is not None:
        return fit_to(known, wanted)
    kept = without_traces(features_of(public[:1]))
    return fit_to_all(known, wanted, mirrors(group, wanted), kept)


def mirrors(group: States, wanted: Indices) -> Tensor | None:
    """For each state the place of the one that mirrors it left to right; None without such."""
    plain = (group.negative == 0) & (group.colour == 0)
    mirror = int(np.flatnonzero((group.dihedral == LEFT_TO_RIGHT) & plain)[0])
    if mirror not in wanted:
        return None
    return torch.from_numpy(np.searchsorted(wanted, group.compose[mirror, wanted]))


def fit_to_all(
    known: Examples, wanted: Indices, mirrored: Tensor | None, kept: Tensor
) -> StatePrior:
    """Fit the model to all examples, with scores of each from a fit to others.

    Args:
        known: the examples; nothing was lost on their way.
        wanted: their states.
        mirrored: of states, see :func:`mirrors`.
        kept: ``(D,)`` the features that are used if left and right are even. Traces of earlier
            compression, the others, may be what tells them apart.
    """
    lean = None
    if mirrored is not None:
        if tells_mirror(fit_to(known, wanted).held_out, mirrored):
            mirrored = None
        else:
            lean = _fitted(known.features, known.source, known.sign, PENALTY, RIDGE)
    if mirrored is None:
        kept = torch.ones_like(kept)
    place = torch.cumsum(kept.long(), 0) - 1
    part = Examples(
        known.features[:, kept],
        known.artefacts[kept],
        place[known.source[:, kept]],
        known.sign[:, kept],
    )

    def whole(weights: Tensor) -> Tensor:
        return weights.new_zeros(len(kept), weights.shape[1]).index_copy(
            0, kept.nonzero()[:, 0], weights
        )

    scores = torch.empty(len(part.features), len(wanted), dtype=torch.float64)
    scores = scores.to(part.features.device)
    parts = FOLDS if len(part.features) <= MANY else FOLDS_OF_MANY
    for out, rest in folds(len(part.features), parts):
        weights = _fitted(_both(part, rest, mirrored), part.source, part.sign, PENALTY, RIDGE)
        scores[out] = torch.log_softmax(part.features[out] @ weights, dim=1)
    every = torch.arange(len(part.features))
    weights = _fitted(_both(part, every, mirrored), part.source, part.sign, PENALTY, RIDGE)
    return StatePrior(
        whole(weights),
        wanted,
        scores,
        known.artefacts,
        mirrored=mirrored,
        lean=lean,
        calibrated=True,
    )


def tells_mirror(held_out: Tensor, mirrored: Tensor) -> bool:
    """Whether unseen images are likelier than their mirror images, beyond chance."""
    leads = held_out[:, 0] - held_out[:, mirrored[0]]
    if len(leads) <= 1:
        return False
    return bool(leads.mean() > TOLD * leads.std() / np.sqrt(len(leads)))


def folds(count: int, parts: int) -> list[tuple[Tensor, Tensor]]:
    """The images in at least two parts, each with the others; always the same."""
    parts = max(2, min(count, parts))
    number = torch.from_numpy(np.random.default_rng(count).permutation(count)) % parts
    return [
        ((number == each).nonzero()[:, 0], (number != each).nonzero()[:, 0])
        for each in range(parts)
    ]


def _both(known: Examples, rows: Tensor, mirrored: Tensor | None) -> Tensor:
    """Features of some images, and of their mirror images if left and right are even."""
    data = known.features[rows]
    if mirrored is None:
        return data
    flipped = data[:, known.source[mirrored[0]]] * known.sign[mirrored[0]]
    return torch.cat([data, flipped])


def fit_to(known: Examples, wanted: Indices) -> StatePrior:
    """Fit the model to all examples but a part, on which it is tested.

    Args:
        known: the examples.
        wanted: their states.
    """
    data = known.features
    tested = max(1, round(len(data) * TESTED))
    weights = _fitted(data[tested:], known.source, known.sign, PENALTY_AFTER_LOSS, RIDGE_AFTER_LOSS)
    scores = torch.log_softmax(data[:tested] @ weights, dim=1)
    return StatePrior(weights, wanted, scores, known.artefacts)


def _fitted(data: Tensor, source: Tensor, sign: Tensor, penalty: float, ridge: float) -> Tensor:
    """``(D, S')`` weights of a multinomial logistic regression tied by the group's action.

    It starts from Fisher's discriminant between images in their own state and in any state, and
    is regularised in the metric of the features' scatter over all states.
    """
    mean = data.mean(0)
    moment = data.T @ data / len(data)
    overall = (mean[source] * sign).mean(0)
    scatter = mean_over_states(moment, source, sign) - torch.outer(overall, overall)
    added = scatter.diagonal() * ridge + scatter.diagonal().mean() * 1e-9 + 1e-12
    root = torch.linalg.cholesky(scatter + torch.diag(added))
    white = torch.linalg.solve_triangular(root, (mean - overall)[:, None], upper=False)
    vector = (white * (0.3 / penalty**0.5)).requires_grad_()

    def columns(values: Tensor) -> Tensor:
        weights = torch.linalg.solve_triangular(root.T, values, upper=True)[:, 0]
        empty = torch.zeros(source.shape, dtype=torch.float64, device=data.device)
        return empty.scatter_add(1, source, sign * weights).T

    search: Any = uncompiled(torch.optim.LBFGS)(
        [vector], max_iter=STEPS, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        vector.grad = None
        right = torch.log_softmax(data @ columns(vector), 1)[:, 0]
        value: Tensor = (penalty * vector.square().sum() - right.sum()) / len(data)
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return columns(vector.detach())
