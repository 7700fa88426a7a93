"""The parts of a training, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ppattack.training.recipe import Recipe

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""From the network and a batch of inputs and targets to their mean loss, a scalar."""
Turns = Callable[..., Iterator[tuple[str, Tensor]]]
"""From a batch of inputs, targets and labels, if any, to a player and the loss that it minimises,
turn by turn. The player has made its step when the next turn is requested."""
Criterion = Callable[[nn.Module], float]
"""From a network in evaluation mode to a number, the lower the better. An attack's criterion uses
only what the adversary has."""
JudgedAs = Callable[[float], Mapping[str, float]]
"""From a criterion's number to what is shown beside the loss."""
Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""A batch changed at random; the generator is on the CPU."""
Ending = Literal["finished", "patience", "deadline"]


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from.

    Args:
        inputs: ``(N, ...)``, any dtype; the loss converts.
        targets: ``(N, ...)``, likewise.
        labels: ``(N,)``, those of the inputs, or None; turns get them as their third argument.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True)
class Player:
    """A network that learns against others.

    Args:
        network: with its initial weights; it is trained in place.
        recipe: its optimiser and rates. What concerns all players (epochs, batches) is taken from
            the first one's.
    """

    network: nn.Module
    recipe: Recipe


@dataclass(frozen=True)
class Pictures:
    """What a training shows while it is running.

    Args:
        draw: from the network as it is now, in evaluation mode, to ``(N, C, H, W)`` uint8.
        every: steps between two pictures.
    """

    draw: Callable[[nn.Module], Tensor]
    every: int


@dataclass(frozen=True)
class FitResult:
    """How a training went; the network holds the weights of the best epoch.

    Args:
        train_losses: mean loss of each epoch's steps; if there are several players, the first
            one's.
        validation_losses: what judged the network after each epoch, the loss on the validation
            examples or a criterion; empty without either.
        best_epoch: the one whose weights are kept, from 1; the last one without validation.
        resumed_after: finished epochs that a checkpoint saved repeating.
        ended: why training stopped.
        rival_losses: mean loss of each epoch's steps by player, for all but the first.
        last: weights after the last epoch, of the network that is kept.
    """

    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    best_epoch: int
    resumed_after: int
    ended: Ending
    rival_losses: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    last: Mapping[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
