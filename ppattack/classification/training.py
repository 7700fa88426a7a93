"""A classifier trained on encrypted images, and tested on others under the same key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.attack import Context
from ppattack.classification.encrypted_inputs import EncryptedInputs, is_centred
from ppattack.classification.models import build, family_of, parameter_count
from ppattack.classification.plan import Plan
from ppattack.data.source import ImageSets
from ppattack.evaluation.statistics import wilson95
from ppattack.metrics.pairs import chunks
from ppattack.networks.adaptation import Adapted
from ppattack.reports.classification import Accuracy
from ppattack.seeding import numpy_stream
from ppattack.training.fit import Player, TrainingData, fit_in_turns, seeded

TESTED_AT_ONCE = 256


@dataclass(frozen=True)
class Trained:
    """A classifier and how good it is.

    Args:
        parameters: the number of its trainable parameters.
        accuracy: on the test images.
        losses: mean training loss of each epoch.
        accuracies: on the test images after each epoch.
        ended: why training stopped.
        best: weights of the epoch that is best on the test images.
        last: weights of the last epoch.
    """

    parameters: int
    accuracy: Accuracy
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    ended: str
    best: Mapping[str, Tensor] = field(repr=False, compare=False)
    last: Mapping[str, Tensor] = field(repr=False, compare=False)


def train(plan: Plan, sets: ImageSets, context: Context, download: bool = False) -> Trained:
    """Train and test.

    Args:
        plan: what to train.
        sets: images with classes.
        context: device, seed, checkpoint folder and progress.
        download: whether initial weights may be fetched.

    Raises:
        ConfigError: for a model that cannot be built for these ciphertexts.
        RunFailed: if the loss is not a finite number.
    """
    assert sets.adversary_labels is not None and sets.victim_labels is not None  # noqa: S101, PT018
    config, family = plan.training_config, family_of(plan.model)
    inputs = EncryptedInputs(
        plan.target, plan.key, config, plan.form.classes, centred=is_centred(family)
    )

    def built() -> nn.Module:
        return build(plan.model, plan.model_config, plan.form, download=download)

    network = seeded(built, context, "classifier")
    parameters = parameter_count(network)
    examination = _Examination(inputs, sets.victims, sets.victim_labels, context)

    def turns(batch: Tensor, shares: Tensor) -> Iterator[tuple[str, Tensor]]:
        logits, penalty = _judged(network, batch)
        loss = functional.cross_entropy(
            logits.float(), shares, label_smoothing=config.label_smoothing
        )
        yield "classifier", loss + penalty

    result = fit_in_turns(
        {"classifier": Player(network, config.recipe())},
        TrainingData(sets.adversary, sets.adversary_labels),
        turns,
        context,
        "classifier",
        inputs,
        criterion=examination.error,
        judged_as=lambda error: {"accuracy": 1 - error},
    )
    best = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(result.last)
    named = examination.predict(network)
    count = len(sets.victims)  # so that equally many right images give equal shares
    accuracies = tuple(round((1 - error) * count) / count for error in result.validation_losses)
    return Trained(
        parameters=parameters,
        accuracy=_accuracy(named, sets, accuracies, result.best_epoch),
        losses=result.train_losses,
        accuracies=accuracies,
        ended=result.ended,
        best=best,
        last=result.last,
    )


class _Examination:
    """How a classifier does on the test images.

    Args:
        inputs: encrypts them.
        images: ``(N, C, H, W)`` uint8, plain.
        labels: ``(N,)`` int64.
        context: device and seed.
    """

    def __init__(
        self, inputs: EncryptedInputs, images: Tensor, labels: Tensor, context: Context
    ) -> None:
        self.inputs, self.images, self.labels, self.context = inputs, images, labels, context

    @torch.no_grad()
    def predict(self, network: nn.Module) -> Tensor:
        """``(N,)`` int64 on the CPU, the class that a network in evaluation mode names."""
        named = []
        for number, part in enumerate(chunks(len(self.images), TESTED_AT_ONCE)):
            images = self.images[part].to(self.context.device)
            rng = numpy_stream(self.context.seed, "tested encryption", number)
            given = self.inputs.encrypt(images, rng)
            if given.ndim == 4:
                given = given.contiguous(memory_format=torch.channels_last)
            named.append(network(given).argmax(dim=1).cpu())
        return torch.cat(named)

    def error(self, network: nn.Module) -> float:
        """The share of images that are classified wrongly."""
        return float((self.predict(network) != self.labels).double().mean())


def _judged(network: nn.Module, batch: Tensor) -> tuple[Tensor, Tensor | float]:
    """Logits, and what is added to the loss."""
    return network.judged(batch) if isinstance(network, Adapted) else (network(batch), 0.0)


def _accuracy(
    named: Tensor, sets: ImageSets, accuracies: tuple[float, ...], best_epoch: int
) -> Accuracy:
    labels = sets.victim_labels
    assert labels is not None  # noqa: S101
    right = named == labels
    counts = torch.bincount(labels, minlength=len(sets.classes))
    rights = torch.bincount(labels[right], minlength=len(sets.classes))
    return Accuracy(
        last=float(right.double().mean()),
        wilson95=wilson95(int(right.sum()), len(labels)),
        best=accuracies[best_epoch - 1],
        best_epoch=best_epoch,
        chance=float(counts.max() / counts.sum()),
        by_class={
            name: float(rights[place] / counts[place])
            for place, name in enumerate(sets.classes)
            if counts[place]
        },
    )
