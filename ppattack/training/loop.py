"""A training in progress: its steps, checkpoints, pictures and validation, epoch by epoch."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from ppattack.attack import Context, ProgressTask
from ppattack.errors import DataError, RunFailed
from ppattack.training import checkpoints
from ppattack.training.moving_average import MovingAverage
from ppattack.training.parts import (
    Augment,
    Criterion,
    Ending,
    FitResult,
    JudgedAs,
    Loss,
    Pictures,
    Player,
    TrainingData,
    Turns,
)

STEPS_BETWEEN_REPORTS = 8


class Training:
    """One training: its data on the device, its optimisers, and its progress."""

    def __init__(
        self,
        players: Mapping[str, Player],
        data: TrainingData,
        turns: Turns,
        context: Context,
        name: str,
        augment: Augment | None,
        *,
        judge: Loss | None = None,
        pictures: Pictures | None = None,
        criterion: Criterion | None = None,
        judged_as: JudgedAs | None = None,
    ) -> None:
        self.players, self.turns, self.context, self.name = players, turns, context, name
        self.augment, self.judge, self.pictures = augment, judge, pictures
        self.criterion, self.judged_as = criterion, judged_as
        self.judged_facts: dict[str, float] = {}
        self.main, *_ = players
        self.recipe = players[self.main].recipe
        self.training_rows, self.validation_rows = self._split(len(data.inputs))
        self.fingerprint = _fingerprint(players, data, context, name)
        for player in players.values():
            player.network.to(device=context.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.inputs = data.inputs.to(context.device)
        self.targets = data.targets.to(context.device)
        self.labels = None if data.labels is None else data.labels.to(context.device)
        self.optimizers = {
            each: player.recipe.optimiser(player.network) for each, player in players.items()
        }
        network, decay = players[self.main].network, self.recipe.ema
        self.average = None if decay is None else MovingAverage(network, decay)
        self.losses: dict[str, list[float]] = {each: [] for each in players}
        self.validation_losses: list[float] = []
        self.best_epoch = 0
        self.best: checkpoints.Weights = {}

    def fit(self) -> FitResult:
        """Train to the end, from a checkpoint if there is one."""
        resumed_after = self.resume()
        with self.context.progress.task(f"training {self.name}", self.recipe.epochs) as task:
            ending = self.run(task)
        last = {key: value.clone() for key, value in self._kept().state_dict().items()}
        self.players[self.main].network.load_state_dict(self.best)
        for player in self.players.values():
            player.network.eval()
        losses = {each: tuple(values) for each, values in self.losses.items()}
        return FitResult(
            train_losses=losses.pop(self.main),
            validation_losses=tuple(self.validation_losses),
            best_epoch=self.best_epoch,
            resumed_after=resumed_after,
            ended=ending,
            rival_losses=losses,
            last=last,
        )

    @property
    def epochs_done(self) -> int:
        """Epochs finished, plus the one that a deadline cut short."""
        return len(self.losses[self.main])

    def run(self, task: ProgressTask) -> Ending:
        """Train from the current state to the end."""
        while self.epochs_done < self.recipe.epochs:
            if self.recipe.is_over(self.validation_losses):
                return "patience"
            whole = self._epoch(self.epochs_done, task)
            self._judge(task)
            if not whole:
                return "deadline"
            self._save()
        return "finished"

    def _epoch(self, epoch: int, task: ProgressTask) -> bool:
        """One pass over the training rows; False if the deadline cut it short."""
        for player in self.players.values():
            player.network.train()
        stream = self.context.torch_stream(self.name, "batches", epoch)
        order = self.training_rows[torch.randperm(len(self.training_rows), generator=stream)]
        batches = _batches(order, self.recipe.batch_size)
        losses: dict[str, list[Tensor]] = {each: [] for each in self.players}
        for step, rows in enumerate(batches):
            done = epoch + step / len(batches)
            for each, loss in self._step(rows, done, stream).items():
                losses[each].append(loss)
            if step % STEPS_BETWEEN_REPORTS == 0:
                task.update(done, **self._shown({name: row[-1] for name, row in losses.items()}))
            self._picture(epoch * len(batches) + step + 1)
            if self.context.out_of_time():
                break
        for each, row in losses.items():
            self.losses[each].append(float(torch.stack(row).mean()))
        return len(losses[self.main]) == len(batches)

    def _step(self, rows: Tensor, done: float, stream: torch.Generator) -> dict[str, Tensor]:
        inputs, targets = self._take(rows)
        labels = () if self.labels is None else (self.labels[rows.to(self.labels.device)],)
        if self.augment is not None:
            inputs, targets = self.augment(inputs, targets, stream)
        losses: dict[str, Tensor] = {}
        turns = self.turns(inputs, targets, *labels)
        while True:
            with self._precision():
                turn = next(turns, None)
            if turn is None:
                break
            each, loss = turn
            recipe, optimizer = self.players[each].recipe, self.optimizers[each]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.players[each].network.parameters(), recipe.clip_norm)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(done)
            optimizer.step()
            losses[each] = loss.detach()
        if self.average is not None:
            self.average.update(self.players[self.main].network)
        return losses

    @torch.no_grad()
    def _judge(self, task: ProgressTask) -> None:
        """Validate, refuse a diverged loss, and keep the best weights."""
        epoch = self.epochs_done
        judged = [row[-1] for row in self.losses.values()]
        network = self._kept()
        if self.judge is not None and len(self.validation_rows):
            network.eval()
            total = 0.0
            for rows in _batches(self.validation_rows, self.recipe.batch_size):
                with self._precision():
                    total += float(self.judge(network, *self._take(rows))) * len(rows)
            judged.append(total / len(self.validation_rows))
            self.validation_losses.append(judged[-1])
        elif self.criterion is not None:
            judged.append(self.criterion(network.eval()))
            self.validation_losses.append(judged[-1])
        for value in judged:
            if not math.isfinite(value):
                raise RunFailed(
                    f"training '{self.name}' diverged in epoch {epoch}: its loss is {value:g}. "
                    f"Lower the learning rate, now {self.recipe.learning_rate:g}."
                )
        if self.judged_as is None:
            task.update(epoch, loss=judged[-1 if self.validation_losses else 0])
        else:
            self.judged_facts = dict(self.judged_as(judged[-1]))
            task.update(epoch, loss=judged[0], **self.judged_facts)
        if judged[-1] <= min(self.validation_losses, default=judged[-1]):
            self.best_epoch = epoch
            self.best = {key: value.clone() for key, value in network.state_dict().items()}

    def _kept(self) -> nn.Module:
        """The first player's network as it would be kept now."""
        return self.players[self.main].network if self.average is None else self.average.network

    def _shown(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """The loss of each player, ``loss`` for the first, and how the last epoch was judged."""
        now = {"loss" if each == self.main else each: float(x) for each, x in losses.items()}
        return now | self.judged_facts

    @torch.no_grad()
    def _picture(self, step: int) -> None:
        """Write what the first player makes now, if pictures are requested."""
        folder = self.context.pictures
        if self.pictures is None or folder is None or step % self.pictures.every:
            return
        from ppattack.data.image_files import draw_sheet

        # A copy makes the picture: a network may change when it is used (running statistics,
        # weights that are normalised in place), and a picture must not change a training.
        images = self.pictures.draw(copy.deepcopy(self._kept()).eval())
        path = folder / f"{self.name}-{step:06d}.png"
        try:
            draw_sheet(path, images)
        except DataError as error:
            self.context.progress.log(f"the picture {path} cannot be written: {error}")

    def resume(self) -> int:
        """Continue from a checkpoint of this training, if any; return its finished epochs."""
        path = self._path()
        if path is None or not path.exists():
            return 0
        try:
            weights, facts = checkpoints.load(path, self.fingerprint, self.optimizers)
        except checkpoints.UnusableCheckpoint as error:
            self.context.progress.log(f"the checkpoint {path} is ignored: {error}")
            return 0
        self.best = weights.pop("best")
        if self.average is not None:
            self.average.resume(weights.pop("average"), facts["steps_averaged"])
        for each, values in weights.items():
            self.players[each].network.load_state_dict(values)
        self.best_epoch, self.losses = facts["best_epoch"], facts["losses"]
        self.validation_losses = facts["validation_losses"]
        return self.epochs_done

    def _save(self) -> None:
        path = self._path()
        if path is None:
            return
        weights = {each: player.network.state_dict() for each, player in self.players.items()}
        facts = {
            "losses": self.losses,
            "validation_losses": self.validation_losses,
            "best_epoch": self.best_epoch,
            "steps_averaged": 0 if self.average is None else self.average.steps,
        }
        if self.average is not None:
            weights["average"] = self.average.network.state_dict()
        weights["best"] = self.best
        try:
            checkpoints.save(path, self.fingerprint, weights, self.optimizers, facts)
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
    """Parts of equal size (give or take one), so that no step sees a single leftover example."""
    return rows.tensor_split(math.ceil(len(rows) / most))


def _fingerprint(
    players: Mapping[str, Player], data: TrainingData, context: Context, name: str
) -> str:
    """What two trainings must share for one to continue from the other's checkpoint."""
    facts = {
        "name": name,
        "recipes": {each: dataclasses.asdict(player.recipe) for each, player in players.items()},
        "networks": {each: repr(player.network) for each, player in players.items()},
        "seed": context.seed,
        "device": context.device.type,
        "torch": torch.__version__,
    }
    tensors = {"inputs": data.inputs, "targets": data.targets}
    if data.labels is not None:
        tensors["labels"] = data.labels
    for each, player in players.items():
        weights = player.network.state_dict()
        tensors |= {f"{each}/{key}": value for key, value in weights.items()}
    return checkpoints.digest(tensors, json.dumps(facts))
