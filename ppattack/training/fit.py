"""The training loop: device, mixed precision, schedule, validation, averages, checkpoints.

One network learns alone (:func:`fit`), or several take turns (:func:`fit_in_turns`), as the two
of an adversarial training do. The data stay on the device and networks run channels-last. Every
draw comes from a stream named by the training and the epoch, so a training that is interrupted
and resumed goes through the same batches as one that is not.
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
    """A network whose initial weights come from a named stream; the global one is as before."""
    stream = context.torch_stream("weights", *names)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(stream.get_state())
        return build()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within, no gradient is computed for the network's weights: they only pass one on."""
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

    After every epoch the checkpoint is on disk, where the context keeps any: an interrupt loses
    the epoch under way and nothing else. The deadline stops training after the step under way.

    Args:
        network: the network, with its initial weights.
        data: at least two examples to train on beside those that validate.
        loss: what is minimised.
        recipe: how.
        context: device, seed, checkpoint folder, progress and deadline.
        name: names the random streams and the checkpoint; trainings that differ in the loss or
            in the augmentation need different names.
        augment: changes each training batch.

    Raises:
        DataError: for too few examples.
        RunFailed: where the loss is not a finite number.
    """

    def turns(inputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Tensor]]:
        yield "network", loss(network, inputs, targets)

    players = {"network": Player(network, recipe)}
    return Training(players, data, turns, context, name, augment, judge=loss).ended()


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

    As :func:`fit`, but what one player loses another may win, so that no loss says when to stop:
    a criterion may. The first player is the one that is averaged, where its recipe says so, and
    of which the best epoch is kept.

    Args:
        players: by name.
        data: at least two examples.
        turns: the losses of a batch, one after another.
        context: device, seed, checkpoint folder, progress and deadline.
        name: names the random streams and the checkpoint.
        augment: changes each batch.
        pictures: what is shown of the first player on the way.
        criterion: judges the first player after every epoch; without one the last is kept.
        judged_as: what progress shows of that; None for the number as it is, as ``loss``.

    Raises:
        DataError: for too few examples.
        RunFailed: where a loss is not a finite number.
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
    ).ended()
