"""Which global state of a single image is the natural one: the linear prior and a small network.

Many images under one key decide their state together, and a linear model is enough. A single image
needs more: a hidden layer on the same features, with the same weights for every state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ppattack.attack import Context
from ppattack.block_states import States
from ppattack.networks.state_scorer import StateScorer
from ppattack.solvers.global_state import fitting
from ppattack.solvers.global_state.features import Loss, examples, thinned
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.training.fit import TrainingData, seeded
from ppattack.training.fit import fit as train
from ppattack.training.recipe import Recipe

MOST_IMAGES = 20_000
"""Public images used."""
TESTED = 0.1
"""Share of them on which the choice is tested."""
AT_ONCE = 64
"""Images per batch, each in all of its states."""


@dataclass(frozen=True)
class StateNetwork(StatePrior):
    """A fitted linear model and the network that was trained from it.

    Args:
        network: maps features of images to scores of their states.
    """

    network: nn.Module

    @torch.no_grad()
    @override
    def scores(self, images: Tensor) -> Tensor:
        found = []
        for start in range(0, len(images), AT_ONCE):
            part = self.measured(images[start : start + AT_ONCE])
            found.append(_log_probabilities(self.network, part))
        return torch.cat(found)


def fit(
    public: Tensor,
    group: States,
    rows: int,
    columns: int,
    epochs: int,
    context: Context,
    loss: Loss | None = None,
) -> StatePrior:
    """Fit the linear model, and train the network unless it gets no epochs.

    Args:
        public: ``(M, C, H, W)`` uint8, at least 10.
        group: the states.
        rows: blocks from top to bottom.
        columns: blocks from left to right; if they differ, quarter turns are left out.
        epochs: passes over the public images; 0 for the linear model alone.
        context: device, seed, checkpoints and progress.
        loss: see :func:`ppattack.solvers.global_state.fitting.fit`.
    """
    wanted = group.upright(rows, columns)
    known = examples(thinned(public, MOST_IMAGES), group, wanted, loss)
    data, source, sign = known.features, known.source, known.sign
    tested = max(1, round(len(data) * TESTED))
    learned = data[tested:]
    linear = fitting.fit_to(replace(known, features=learned), wanted)
    if epochs == 0:
        return linear
    centre = (learned.mean(0)[source] * sign).mean(0)
    variance = learned.square().mean(0)[source].mean(0) - centre**2
    scale = variance.clamp(min=0).sqrt() + 1e-6
    weights = linear.weights[:, 0]
    network = seeded(lambda: StateScorer(source, sign, centre, scale, weights), context, "states")
    recipe = Recipe(epochs, AT_ONCE, "adamw", 2e-3, 0.9, 0.05, "one-cycle", validation_share=0)
    answers = torch.zeros(len(learned), dtype=torch.long)
    train(network, TrainingData(learned.float(), answers), _loss, recipe, context, "states")
    with torch.no_grad():
        unseen = [_log_probabilities(network, part) for part in torch.split(data[:tested], AT_ONCE)]
    return StateNetwork(linear.weights, wanted, torch.cat(unseen), linear.artefacts, network)


def _loss(network: nn.Module, features: Tensor, answers: Tensor) -> Tensor:
    """Public images are in state 0, as they are."""
    return functional.cross_entropy(network(features), answers)


def _log_probabilities(network: nn.Module, features: Tensor) -> Tensor:
    return torch.log_softmax(network(features).double(), dim=1)
