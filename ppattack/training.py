"""The training loop: device, mixed precision, schedule, validation, checkpoints, progress.

The data stay on the device and networks run channels-last. Every draw comes from a stream named
by the training and the epoch, so a training that is interrupted and resumed goes through the
same batches as one that is not.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ppattack import checkpoints
from ppattack.attack import Context, ProgressTask
from ppattack.errors import DataError, RunFailed
from ppattack.recipe import Recipe

N = TypeVar("N", bound=nn.Module)
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Of the network and a batch of inputs and targets: their mean loss, a scalar."""
Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""A batch changed at random; the generator is on the CPU."""
Ending = Literal["finished", "patience", "deadline"]
STEPS_BETWEEN_REPORTS = 8


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from.

    Args:
        inputs: ``(N, ...)``, any dtype; the loss converts.
        targets: ``(N, ...)``, likewise.
    """

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class FitResult:
    """How a training went; the network holds the weights of the best epoch.

    Args:
        train_losses: mean loss of each epoch's steps.
        validation_losses: likewise after each epoch; empty without validation.
        best_epoch: the one whose weights are kept, from 1.
        resumed_after: finished epochs that a checkpoint spared.
        ended: why training stopped.
    """

    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    best_epoch: int
    resumed_after: int
    ended: Ending


def seeded(build: Callable[[], N], context: Context, *names: str | int) -> N:
    """A network whose initial weights come from a named stream; the global one is as before."""
    stream = context.torch_stream("weights", *names)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(stream.get_state())
        return build()


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
    training = _Training(network, data, loss, recipe, context, name, augment)
    resumed_after = training.resume()
    with context.progress.task(f"training {name}", recipe.epochs) as task:
        ended = training.run(task)
    network.load_state_dict(training.best)
    network.eval()
    return FitResult(
        tuple(training.train_losses),
        tuple(training.validation_losses),
        training.best_epoch,
        resumed_after,
        ended,
    )


class _Training:
    """One training: its data on the device, its optimiser, and how far it is."""

    def __init__(
        self,
        network: nn.Module,
        data: TrainingData,
        loss: Loss,
        recipe: Recipe,
        context: Context,
        name: str,
        augment: Augment | None,
    ) -> None:
        self.loss, self.recipe, self.context, self.name = loss, recipe, context, name
        self.augment = augment
        self.training_rows, self.validation_rows = self._split(len(data.inputs))
        self.fingerprint = _fingerprint(network, data, recipe, context, name)
        self.network = network.to(device=context.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.inputs = data.inputs.to(context.device)
        self.targets = data.targets.to(context.device)
        self.optimizer = recipe.optimiser(network)
        self.train_losses: list[float] = []
        self.validation_losses: list[float] = []
        self.best_epoch = 0
        self.best: checkpoints.Weights = {}

    def run(self, task: ProgressTask) -> Ending:
        """Train from where it stands to the end."""
        while len(self.train_losses) < self.recipe.epochs:
            patience = self.recipe.patience
            if patience is not None and len(self.train_losses) - self.best_epoch >= patience:
                return "patience"
            whole = self._epoch(len(self.train_losses), task)
            self._judge(task)
            if not whole:
                return "deadline"
            self._save()
        return "finished"

    def _epoch(self, epoch: int, task: ProgressTask) -> bool:
        """One pass over the training rows; False where the deadline cut it short."""
        self.network.train()
        stream = self.context.torch_stream(self.name, "batches", epoch)
        order = self.training_rows[torch.randperm(len(self.training_rows), generator=stream)]
        batches = _batches(order, self.recipe.batch_size)
        losses: list[Tensor] = []
        for step, rows in enumerate(batches):
            done = epoch + step / len(batches)
            losses.append(self._step(rows, self.recipe.rate(done), stream))
            if step % STEPS_BETWEEN_REPORTS == 0:
                task.update(done, loss=float(losses[-1]))
            if self.context.out_of_time():
                break
        self.train_losses.append(float(torch.stack(losses).mean()))
        return len(losses) == len(batches)

    def _step(self, rows: Tensor, rate: float, stream: torch.Generator) -> Tensor:
        inputs, targets = self._take(rows)
        if self.augment is not None:
            inputs, targets = self.augment(inputs, targets, stream)
        with self._precision():
            loss = self.loss(self.network, inputs, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def _judge(self, task: ProgressTask) -> None:
        """Validate, refuse a diverged loss, and keep the best weights."""
        epoch = len(self.train_losses)
        judged = [self.train_losses[-1]]
        if len(self.validation_rows):
            self.network.eval()
            total = 0.0
            for rows in _batches(self.validation_rows, self.recipe.batch_size):
                with self._precision():
                    total += float(self.loss(self.network, *self._take(rows))) * len(rows)
            judged.append(total / len(self.validation_rows))
            self.validation_losses.append(judged[-1])
        if not all(map(math.isfinite, judged)):
            raise RunFailed(
                f"training '{self.name}' diverged in epoch {epoch}: its loss is {judged[-1]:g}. "
                f"Lower the learning rate, now {self.recipe.learning_rate:g}."
            )
        task.update(epoch, loss=judged[-1])
        if judged[-1] <= min(self.validation_losses, default=judged[-1]):
            self.best_epoch = epoch
            self.best = {key: value.clone() for key, value in self.network.state_dict().items()}

    def resume(self) -> int:
        """Go on from a checkpoint of this training, if there is one; the epochs it spares."""
        path = self._path()
        if path is None or not path.exists():
            return 0
        try:
            best, facts = checkpoints.load(path, self.fingerprint, self.network, self.optimizer)
        except checkpoints.UnusableCheckpoint as error:
            self.context.progress.log(f"the checkpoint {path} is ignored: {error}")
            return 0
        self.best, self.best_epoch = best, facts["best_epoch"]
        self.train_losses = facts["train_losses"]
        self.validation_losses = facts["validation_losses"]
        return len(self.train_losses)

    def _save(self) -> None:
        path = self._path()
        if path is None:
            return
        facts = {
            "train_losses": self.train_losses,
            "validation_losses": self.validation_losses,
            "best_epoch": self.best_epoch,
        }
        try:
            checkpoints.save(path, self.fingerprint, self.network, self.best, self.optimizer, facts)
        except OSError as error:
            self.context.progress.log(f"the checkpoint {path} cannot be written: {error}")

    def _path(self) -> Path | None:
        folder = self.context.checkpoints
        return None if folder is None else folder / f"{self.name}.safetensors"

    def _split(self, count: int) -> tuple[Tensor, Tensor]:
        share = self.recipe.validation_share
        validating = max(1, round(count * share)) if share else 0
        if count - validating < 2:
            raise DataError(
                f"training '{self.name}' has {count} examples, too few: give it more images."
            )
        order = torch.randperm(count, generator=self.context.torch_stream(self.name, "split"))
        return order[validating:], order[:validating]

    def _take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        rows = rows.to(self.inputs.device)
        return _channels_last(self.inputs[rows]), _channels_last(self.targets[rows])

    def _precision(self) -> AbstractContextManager[object]:
        device = self.context.device
        mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.autocast(device.type, torch.bfloat16, enabled=mixed)


def _channels_last(batch: Tensor) -> Tensor:
    return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch


def _batches(rows: Tensor, most: int) -> tuple[Tensor, ...]:
    """Parts of equal size (to one), so that no step sees a single example left over."""
    return rows.tensor_split(math.ceil(len(rows) / most))


def _fingerprint(
    network: nn.Module, data: TrainingData, recipe: Recipe, context: Context, name: str
) -> str:
    """What two trainings must share for one to go on from the other's checkpoint."""
    facts = {
        "name": name,
        "recipe": dataclasses.asdict(recipe),
        "network": repr(network),
        "seed": context.seed,
        "device": context.device.type,
        "torch": torch.__version__,
    }
    tensors = {"inputs": data.inputs, "targets": data.targets, **network.state_dict()}
    return checkpoints.digest(tensors, json.dumps(facts))
