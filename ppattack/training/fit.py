"""The training loop: device, mixed precision, schedule, validation, averages, checkpoints.

One network learns alone (:func:`fit`), or several take turns (:func:`fit_in_turns`), as the two
of an adversarial training do. The data stay on the device and networks run channels-last. Random
numbers come from streams named by the training and the epoch, so a training that is interrupted and
resumed sees the same batches as one that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.training.loop import Training
from ppattack.training.parts import (
    Augment,
    Criterion,
    FitResult,
    JudgedAs,
    Loss,
    Pictures,
    Player,
    TrainingData,
    Turns,
)
from ppattack.training.recipe import Recipe

__all__ = [
    "Augment",
    "Criterion",
    "FitResult",
    "JudgedAs",
    "Loss",
    "Pictures",
    "Player",
    "TrainingData",
    "Turns",
    "fit",
    "fit_in_turns",
    "frozen",
    "seeded",
]

N = TypeVar("N", bound=nn.Module)


def seeded(build: Callable[[], N], context: Context, *names: str | int) -> N:
    """A network whose initial weights come from a named stream; the global one is left alone."""
    stream = context.torch_stream("weights", *names)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(stream.get_state())
        return build()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """A context in which the network's weights get no gradient: they only pass one on."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def fit(
    network: nn.Module,
    data: TrainingData,
    loss: Loss,
    recipe: Recipe,
    context: Context,
    name: str,
    augment: Augment | None = None,
) -> FitResult:
    """Train a network in place; it ends in evaluation mode on the context's device.

    After every epoch the checkpoint is on disk, if the context keeps any: an interrupt loses only
    the current epoch. The deadline stops training after the current step.

    Args:
        network: the network, with its initial weights.
        data: at least two examples to train on, besides those for validation.
        loss: what is minimised.
        recipe: how to train.
        context: device, seed, checkpoint folder, progress and deadline.
        name: names the random streams and the checkpoint; trainings that differ in the loss or
            in the augmentation need different names.
        augment: changes each training batch.

    Raises:
        DataError: for too few examples.
        RunFailed: if the loss is not a finite number.
    """

    def turns(inputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Tensor]]:
        yield "network", loss(network, inputs, targets)

    players = {"network": Player(network, recipe)}
    return Training(players, data, turns, context, name, augment, judge=loss).fit()


def fit_in_turns(
    players: Mapping[str, Player],
    data: TrainingData,
    turns: Turns,
    context: Context,
    name: str,
    augment: Augment | None = None,
    pictures: Pictures | None = None,
    criterion: Criterion | None = None,
    judged_as: JudgedAs | None = None,
) -> FitResult:
    """Train networks that take turns on every batch; all end in evaluation mode.

    Like :func:`fit`, but one player may win what another loses, so that no loss says when to stop;
    a criterion may. The first player is the one that is averaged, if its recipe says so, and whose
    best epoch is kept.

    Args:
        players: the players by name.
        data: at least two examples.
        turns: the losses of a batch, one after another.
        context: device, seed, checkpoint folder, progress and deadline.
        name: names the random streams and the checkpoint.
        augment: changes each batch.
        pictures: what is shown of the first player during training.
        criterion: judges the first player after every epoch; without one the last is kept.
        judged_as: how progress shows that number; None for the number itself, as ``loss``.

    Raises:
        DataError: for too few examples.
        RunFailed: if a loss is not a finite number.
    """
    return Training(
        players,
        data,
        turns,
        context,
        name,
        augment,
        pictures=pictures,
        criterion=criterion,
        judged_as=judged_as,
    ).fit()
