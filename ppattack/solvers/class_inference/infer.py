"""Classes of single ciphertexts, each under a key of its own, learned from own ciphertexts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.solvers.class_inference.kernel_ridge import chosen_by_held_out
from ppattack.solvers.class_inference.views import Numbers, has_picture, keeps_sides, picture
from ppattack.training.fit import TrainingData, fit, seeded
from ppattack.training.recipe import Recipe

if TYPE_CHECKING:
    from ppattack.attack import Context
    from ppattack.target.structure import Structure

HELD_OUT = 0.2
"""Share of the public images by which classifiers are compared."""
WIDTHS = (0.2, 0.5, 1.0)
RIDGES = (0.1, 1.0, 10.0)
MOST_EXAMPLES = 5000
"""Examples of the closed form, whose cost grows with their third power."""
AT_ONCE = 256
CLEARLY = 3.0
"""Standard errors by which the best of several classifiers must beat the commonest class."""
SMOOTHING = 0.1
"""How much of each label is spread over all classes while the network learns."""

Predict = Callable[[Tensor], Tensor]
"""From ``(N, C, H, W)`` uint8 ciphertexts to ``(N,)`` int64 classes."""


@dataclass(frozen=True)
class Own:
    """The adversary's own ciphertexts, in random order.

    Args:
        ciphertexts: ``(M, C, H, W)`` uint8, each under a key of its own.
        labels: ``(M,)`` int64, the class of each image.
        classes: how many there are.
        structure: what the scheme makes public.
    """

    ciphertexts: Tensor
    labels: Tensor
    classes: int
    structure: Structure

    @property
    def held_out(self) -> int:
        """How many of them, the last ones, only compare classifiers."""
        return max(1, round(HELD_OUT * len(self.labels)))

    def accuracy(self, predict: Predict) -> float:
        """The share of those held out whose class is named."""
        rest = self.labels[-self.held_out :]
        return float((predict(self.ciphertexts[-self.held_out :]) == rest).double().mean())


@dataclass(frozen=True)
class Inferred:
    """A classifier of ciphertexts.

    Args:
        predict: names classes.
        by: ``numbers``, ``network`` or ``commonest class``.
        accuracy: by kind of classifier, on own ciphertexts that it did not know.
        commonest: share of the commonest class among these.
    """

    predict: Predict = field(repr=False)
    by: str
    accuracy: dict[str, float]
    commonest: float


def infer(own: Own, context: Context, epochs: int) -> Inferred:
    """Train classifiers and keep the best one; without evidence, the commonest class.

    Args:
        own: what is learned from.
        context: device, seed, checkpoints and progress.
        epochs: of a network, where one may see anything; 0 for none.
    """
    tried: dict[str, Predict] = {}
    accuracy: dict[str, float] = {}
    with context.progress.task("numbers that keys keep", 1) as task:
        tried["numbers"], accuracy["numbers"] = _by_numbers(own, context)
        task.update(1, accuracy=accuracy["numbers"])
    if epochs and has_picture(own.structure):
        tried["network"] = _by_network(own, context, epochs)
        accuracy["network"] = own.accuracy(tried["network"])
    best = max(tried, key=lambda kind: accuracy[kind])
    counts = torch.bincount(own.labels, minlength=own.classes)
    rest = own.labels[-own.held_out :]
    commonest = float((rest == counts.argmax()).double().mean())
    if not _clearly_above(accuracy[best], commonest, len(rest)):
        winner = int(counts.argmax())
        return Inferred(
            lambda ciphertexts: _constant(ciphertexts, winner),
            "commonest class",
            accuracy,
            commonest,
        )
    return Inferred(tried[best], best, accuracy, commonest)


def _clearly_above(share: float, other: float, count: int) -> bool:
    """Whether a share of so many is above another one by more than luck explains."""
    error = ((share * (1 - share) + other * (1 - other)) / count) ** 0.5
    return bool(share - other > CLEARLY * error)


def _constant(ciphertexts: Tensor, number: int) -> Tensor:
    return torch.full((len(ciphertexts),), number, dtype=torch.int64, device=ciphertexts.device)


def _by_numbers(own: Own, context: Context) -> tuple[Predict, float]:
    """Kernel ridge regression on what keys leave alone."""
    some = own.ciphertexts[-MOST_EXAMPLES:]
    numbers = Numbers(own.structure, some, context.torch_stream("numbers"))
    ridge, accuracy = chosen_by_held_out(
        numbers(some),
        own.labels[-MOST_EXAMPLES:],
        own.classes,
        min(own.held_out, len(some) // 2),
        WIDTHS,
        RIDGES,
    )
    return lambda ciphertexts: ridge.predict(numbers(ciphertexts)), accuracy


def _by_network(own: Own, context: Context, epochs: int) -> Predict:
    """A residual network of pictures."""
    from ppattack.networks.resnet import cifar_resnet

    structure, known = own.structure, slice(0, len(own.labels) - own.held_out)
    channels = own.ciphertexts.shape[1]
    network = seeded(lambda: cifar_resnet(channels, own.classes, blocks=1), context, "classes")

    def loss(network: nn.Module, ciphertexts: Tensor, labels: Tensor) -> Tensor:
        logits = network(picture(ciphertexts, structure))
        return functional.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)

    data = TrainingData(own.ciphertexts[known], own.labels[known])
    augment = mirrored if keeps_sides(structure) else None
    fit(network, data, loss, _recipe(epochs), context, "classes", augment)

    @torch.no_grad()
    def predict(ciphertexts: Tensor) -> Tensor:
        parts = ciphertexts.split(AT_ONCE)
        return torch.cat([network(picture(part, structure)).argmax(dim=1) for part in parts])

    return predict


def _recipe(epochs: int) -> Recipe:
    return Recipe(
        epochs=epochs,
        batch_size=64,
        optimizer="adamw",
        learning_rate=0.01,
        weight_decay=0.05,
        schedule="one-cycle",
        validation_share=0.0,
    )


def mirrored(ciphertexts: Tensor, labels: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each ciphertext mirrored or not."""
    turn = torch.rand(len(ciphertexts), generator=stream) < 0.5
    turned = torch.where(
        turn.to(ciphertexts.device)[:, None, None, None], ciphertexts.flip(3), ciphertexts
    )
    return turned, labels
