"""Which of the global states of an image is the natural one, learned from public images.

Turning, complementing or recolouring all blocks alike costs no seam anything, so only knowledge
of what images look like can choose. A linear model of features that every state merely permutes
(or negates) is fitted to public images, so that their own state wins over the others: one weight
vector scores all states, and scores of images under one key add up.

Compression leaves traces where ciphertexts have their blocks, not where images do. So if
ciphertexts were compressed, the model learns from public images that took the same path in every
state, and what the path itself adds to features is subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.solvers.global_state.features import (
    Examples,
    Loss,
    chunks,
    examples,
    features_of,
    flat,
    thinned,
)

MOST_IMAGES = 5000
"""Public images used: more gain little if scores of many images add up."""
MOST_AFTER_LOSS = 20_000
"""The same after compression: it removes the fine traces that tell most; what is left is weak."""
TESTED = 0.2
"""Share of the public images on which the choice itself is tested."""
STEPS = 15
DRAWS = 400
"""Groups of images sampled to estimate how often the choice is right."""
FREEDOM = 4
"""Degrees of freedom of the distribution with which summed scores are compared: heavy tails, so
that scores unlike those of public images say little."""


@dataclass(frozen=True)
class StatePrior:
    """A fitted model.

    Args:
        weights: ``(D, S)`` float64, one column per state.
        wanted: ``(S',)`` the states that keep the shape of an image.
        held_out: ``(T, S')`` scores of public images that the fit has not seen.
        artefacts: ``(D,)`` what compression adds to features, whatever the state.
    """

    weights: Tensor
    wanted: Indices
    held_out: Tensor
    artefacts: Tensor

    def scores(self, images: Tensor) -> Tensor:
        """``(N, S')`` log-probability that each state makes an image natural.

        Args:
            images: ``(N, C, H, W)`` uint8, of the public images' size.
        """
        found = [self.measured(part) @ self.weights for part in chunks(images)]
        return torch.log_softmax(torch.cat(found), dim=1)

    def measured(self, images: Tensor) -> Tensor:
        """``(N, D)`` features of images, without what compression added."""
        return flat(features_of(images)) - self.artefacts

    def probability(self, total: Tensor, count: int, group: States) -> float:
        """How probable it is that the state with the highest score is the true one.

        Its lead over each other state is compared with the leads of unseen public images if the one
        state or the other were true. The more images add up, the more it matters that these are
        few.

        Args:
            total: ``(S',)`` the sum of :meth:`scores`.
            count: over how many images.
            group: the states of the model.
        """
        best = int(total.argmax())
        relative = group.compose[self.wanted, group.inverse[self.wanted[best]]]
        against = torch.from_numpy(np.searchsorted(self.wanted, relative))
        others = torch.arange(len(self.wanted)) != best
        margins = (self.held_out[:, :1] - self.held_out)[:, against[others]]
        lead = (total[best] - total)[others]
        expected = count * margins.mean(0)
        variance = count * margins.var(0) * (1 + count / len(margins)) + 1e-12
        if_true, if_not = ((lead - mean) ** 2 / variance for mean in (expected, -expected))
        odds = (torch.log1p(if_not / FREEDOM) - torch.log1p(if_true / FREEDOM)) * (FREEDOM + 1) / 2
        return float(1 / (1 + torch.exp(-odds).sum()))

    def chance(self, count: int) -> float:
        """The share of groups of ``count`` unseen public images whose state it gets right."""
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
    return fit_to(examples(used, group, wanted, loss), wanted)


def fit_to(known: Examples, wanted: Indices) -> StatePrior:
    """Fit the model to all examples but a part, on which it is tested.

    Args:
        known: the examples.
        wanted: their states.
    """
    data = known.features
    tested = max(1, round(len(data) * TESTED))
    weights = _fitted(data[tested:], known.source, known.sign)
    scores = torch.log_softmax(data[:tested] @ weights, dim=1)
    return StatePrior(weights, wanted, scores, known.artefacts)


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
