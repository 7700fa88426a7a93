"""The training loop: it learns, resumes bit for bit, and stops when it must."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.errors import DataError, RunFailed
from ppattack.training.fit import FitResult, TrainingData, fit, seeded
from ppattack.training.recipe import Recipe
from tests.conftest import numpy_global_state
from tests.support.recorder import Recorder

pytestmark = pytest.mark.long

CPU = torch.device("cpu")
SGD = Recipe(epochs=6, batch_size=8, optimizer="sgd", learning_rate=0.05)
ADAMW = replace(SGD, optimizer="adamw", learning_rate=0.01, schedule="one-cycle")


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1)
    )


def _data(count: int = 48) -> TrainingData:
    """Images and their complements, with a little noise that cannot be learnt."""
    rng = np.random.default_rng(0)
    plain = torch.from_numpy(rng.random((count, 3, 6, 6), dtype=np.float32))
    return TrainingData(1 - plain + 0.02 * torch.from_numpy(rng.normal(size=plain.shape)), plain)


def _loss(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    error: Tensor = (network(inputs.float()) - targets).square().mean()
    return error


def _flip(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    if torch.rand((), generator=generator) < 0.5:
        return inputs.flip(-1), targets.flip(-1)
    return inputs, targets


def _fit(
    recipe: Recipe = SGD,
    data: TrainingData | None = None,
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor] = _loss,
    **context: Any,
) -> tuple[nn.Module, FitResult]:
    where = Context(CPU, **{"seed": 1, **context})
    network = seeded(_network, where)
    result = fit(network, data or _data(), loss, recipe, where, "test", _flip)
    return network, result


def _same(first: nn.Module, second: nn.Module) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("recipe", [SGD, ADAMW])
def test_it_learns_and_ends_in_evaluation_mode_with_the_best_weights(recipe: Recipe) -> None:
    network, result = _fit(replace(recipe, epochs=12))
    assert result.validation_losses[-1] < 0.3 * result.validation_losses[0]
    assert result.best_epoch == 1 + int(np.argmin(result.validation_losses))
    assert (result.ended, len(result.train_losses)) == ("finished", 12)
    assert not network.training


def test_the_weights_kept_are_those_of_the_best_epoch_not_the_last() -> None:
    calls = itertools.count()

    def worse_and_worse(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return _loss(network, inputs, targets) + next(calls)

    network, result = _fit(loss=worse_and_worse)
    first, _ = _fit(replace(SGD, epochs=1), loss=worse_and_worse)
    last, _ = _fit(replace(SGD, validation_share=0.0), loss=worse_and_worse)
    assert result.best_epoch == 1
    assert _same(network, first)
    assert not _same(network, last)


@pytest.mark.parametrize("recipe", [SGD, ADAMW])
@pytest.mark.parametrize("finished", [1, 4])
def test_an_interrupted_training_resumes_bit_for_bit(
    tmp_path: Path, recipe: Recipe, finished: int
) -> None:
    whole, expected = _fit(recipe)
    recorder = Recorder(interrupt_at=finished + 0.1)
    with pytest.raises(KeyboardInterrupt):
        _fit(recipe, checkpoints=tmp_path, progress=recorder)
    resumed, result = _fit(recipe, checkpoints=tmp_path)
    assert result.resumed_after == finished
    assert result == replace(expected, resumed_after=finished)
    assert _same(resumed, whole)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    network, first = _fit(checkpoints=tmp_path)
    recorder = Recorder()
    again, second = _fit(checkpoints=tmp_path, progress=recorder)
    assert second == replace(first, resumed_after=SGD.epochs)
    assert _same(network, again)
    assert recorder.updates == []


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, second, other = _fit()[0], _fit()[0], _fit(seed=2)[0]
    assert _same(first, second)
    assert not _same(first, other)


def test_no_global_generator_is_touched_or_read() -> None:
    states = numpy_global_state(), torch.get_rng_state()
    first, _ = _fit()
    assert numpy_global_state() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    torch.rand(1)
    assert _same(first, _fit()[0])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    _fit(seed=9, checkpoints=path.parent)


@pytest.mark.parametrize("harm", [_cut, _alter, _empty, _foreign])
def test_a_damaged_or_foreign_checkpoint_is_ignored_and_said(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    whole, _ = _fit(checkpoints=tmp_path)
    path = tmp_path / "test.safetensors"
    harm(path)
    recorder = Recorder()
    network, result = _fit(checkpoints=tmp_path, progress=recorder)
    assert result.resumed_after == 0
    assert len(recorder.messages) == 1
    assert str(path) in recorder.messages[0]
    assert "ignored" in recorder.messages[0]
    assert _same(network, whole)


@pytest.mark.parametrize(
    "change",
    [{"recipe": replace(SGD, epochs=7)}, {"data": _data(47)}, {"seed": 5}],
    ids=["recipe", "data", "seed"],
)
def test_a_checkpoint_of_other_settings_is_not_resumed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    _fit(checkpoints=tmp_path)
    _, result = _fit(checkpoints=tmp_path, **change)
    assert result.resumed_after == 0


def test_the_folder_holds_one_file_and_nothing_half_written(tmp_path: Path) -> None:
    _fit(checkpoints=tmp_path / "new" / "folder")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["test.safetensors"]


def test_where_checkpoints_cannot_be_written_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    recorder = Recorder()
    network, result = _fit(checkpoints=tmp_path / "file" / "folder", progress=recorder)
    assert result.ended == "finished"
    assert all("cannot be written" in message for message in recorder.messages)
    assert recorder.messages
    assert _same(network, _fit()[0])


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_diverged_loss_fails_the_run_with_one_clear_line(poison: float) -> None:
    def poisoned(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return _loss(network, inputs, targets) * poison

    with pytest.raises(RunFailed, match=r"'test' diverged in epoch 1.*learning rate, now 0\.05"):
        _fit(loss=poisoned)


def test_a_real_divergence_is_noticed() -> None:
    with pytest.raises(RunFailed, match="diverged"):
        _fit(replace(SGD, learning_rate=1e30, epochs=20))


def test_the_deadline_ends_training_after_a_step_with_usable_weights() -> None:
    network, result = _fit(replace(SGD, epochs=1000), deadline=time.monotonic() - 1)
    assert result.ended == "deadline"
    assert len(result.train_losses) == len(result.validation_losses) == 1
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_patience_ends_training() -> None:
    calls = itertools.count()

    def worse_and_worse(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return _loss(network, inputs, targets) * 0 + next(calls)

    _, result = _fit(replace(SGD, patience=2), loss=worse_and_worse)
    assert (result.ended, result.best_epoch, len(result.train_losses)) == ("patience", 1, 3)


def test_progress_rises_to_the_last_epoch_and_shows_the_loss() -> None:
    recorder = Recorder()
    _fit(progress=recorder)
    completed = [value for value, _ in recorder.updates]
    assert recorder.opened == [("training test", SGD.epochs)]
    assert completed == sorted(completed)
    assert completed[-1] == SGD.epochs
    assert all(math.isfinite(facts["loss"]) for _, facts in recorder.updates)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_examples_are_refused(count: int) -> None:
    with pytest.raises(DataError, match=f"'test' has {count} examples"):
        _fit(data=_data(count))


def test_a_single_example_is_never_a_batch() -> None:
    sizes: list[int] = []

    def noting(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        sizes.append(len(inputs))
        return _loss(network, inputs, targets)

    recipe = replace(SGD, epochs=1, validation_share=0.0)
    _fit(recipe, data=_data(17), loss=noting)
    assert sizes == [6, 6, 5]


def test_validation_examples_are_never_trained_on() -> None:
    seen: dict[bool, set[float]] = {True: set(), False: set()}

    def noting(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        seen[network.training] |= set(targets[:, 0].amax(dim=(1, 2)).tolist())
        return _loss(network, inputs, targets)

    _fit(loss=noting)
    assert (len(seen[True]), len(seen[False])) == (43, 5)
    assert not seen[True] & seen[False]


def test_the_data_are_left_as_they_are() -> None:
    data = _data()
    inputs, targets = data.inputs.clone(), data.targets.clone()
    _fit(data=data)
    assert torch.equal(data.inputs, inputs)
    assert torch.equal(data.targets, targets)


def test_multistep_rates_fall_at_the_milestones() -> None:
    recipe = replace(SGD, schedule="multistep", milestones=(2, 4), decay=0.2, learning_rate=1.0)
    rates = [recipe.rate(done) for done in (0, 1.99, 2, 3.9, 4, 5)]
    assert rates == pytest.approx([1, 1, 0.2, 0.2, 0.04, 0.04])


def test_a_one_cycle_rate_rises_from_zero_to_its_peak_and_falls_to_zero() -> None:
    recipe = replace(ADAMW, epochs=8, learning_rate=1.0)
    rates = [recipe.rate(done) for done in (0, 1, 2, 5, 8)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_one_cycle_without_warm_up_begins_at_its_peak() -> None:
    recipe = replace(ADAMW, epochs=8, learning_rate=1.0, warm_up=0.0)
    assert [recipe.rate(done) for done in (0, 4, 8)] == pytest.approx([1, 0.5, 0])


def test_a_triangular_rate_goes_along_straight_lines() -> None:
    recipe = replace(ADAMW, epochs=10, learning_rate=2.0, schedule="triangular")
    rates = [recipe.rate(done) for done in (0, 2, 4, 6, 8, 9, 10)]
    assert rates == pytest.approx([0, 1, 2, 1.05, 0.1, 0.05, 0])


def test_gradients_are_clipped() -> None:
    free, _ = _fit(replace(SGD, epochs=1))
    clipped, _ = _fit(replace(SGD, epochs=1, clip_norm=1e-9, weight_decay=0.0))
    start = seeded(_network, Context(CPU, seed=1))
    moved = [
        float((network[3].weight - start[3].weight).detach().abs().max())  # type: ignore[index]
        for network in (free, clipped)
    ]
    assert moved[0] > 1e-3
    assert moved[1] < 1e-8


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([], False),
        ([1.0, 0.9, 0.8], False),
        ([1.0, 0.96, 0.97], True),  # 4 % is too little
        ([1.0, 0.96, 0.94], False),  # 6 % in two epochs is enough
        ([1.0, 2.0, 1.5, 0.5], False),
    ],
)
def test_gains_that_are_too_small_do_not_count(losses: list[float], over: bool) -> None:
    recipe = replace(SGD, patience=2, least_gain=0.05)
    assert recipe.is_over(losses) == over
    assert not replace(recipe, patience=None).is_over(losses)
