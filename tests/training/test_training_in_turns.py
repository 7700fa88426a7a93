"""Networks that take turns: the order of steps, averages, criteria, pictures, resuming."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.errors import RunFailed
from ppattack.training.fit import (
    FitResult,
    Pictures,
    Player,
    TrainingData,
    Turns,
    fit_in_turns,
    frozen,
    seeded,
)
from ppattack.training.moving_average import MovingAverage
from ppattack.training.recipe import Recipe
from tests.support.recorder import Recorder

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=5, batch_size=8, optimizer="adam", learning_rate=0.01, validation_share=0.0)


def _data(count: int = 24) -> TrainingData:
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.random((2, count, 3, 6, 6), dtype=np.float32))
    return TrainingData(values[0], values[1])


def _networks(context: Context) -> tuple[nn.Module, nn.Module]:
    generator = seeded(lambda: nn.Conv2d(3, 3, 3, padding=1), context, "generator")
    judge = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, 1)), context, "judge")
    return generator, judge


def _game(generator: nn.Module, judge: nn.Module) -> Turns:
    def turns(inputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Tensor]]:
        fake = generator(inputs)
        yield "judge", judge(fake.detach()).mean() - judge(targets).mean() + judge_size(judge)
        with frozen(judge):
            yield "generator", -judge(fake).mean() + fake.square().mean()

    return turns


def judge_size(judge: nn.Module) -> Tensor:
    """Keeps the judge small, so that the game has an end."""
    return torch.stack([each.square().sum() for each in judge.parameters()]).sum()


def _fit(recipe: Recipe = RECIPE, **options: Any) -> tuple[tuple[nn.Module, nn.Module], FitResult]:
    given = {name: options.pop(name) for name in ("criterion",) if name in options}
    context = Context(CPU, **{"seed": 1, **options})
    generator, judge = _networks(context)
    players = {
        "generator": Player(generator, recipe),
        "judge": Player(judge, replace(recipe, ema=None, learning_rate=0.02)),
    }
    result = fit_in_turns(players, _data(), _game(generator, judge), context, "game", **given)
    return (generator, judge), result


def _same(first: nn.Module, second: nn.Module) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())


def test_steps_are_those_of_a_plain_loop() -> None:
    (generator, judge), result = _fit()
    context = Context(CPU, seed=1)
    ours, theirs = _networks(context)
    data = _data()
    first = torch.optim.Adam(ours.parameters(), 0.01)
    second = torch.optim.Adam(theirs.parameters(), 0.02)
    split = torch.randperm(24, generator=context.torch_stream("game", "split"))
    for epoch in range(5):
        stream = context.torch_stream("game", "batches", epoch)
        order = split[torch.randperm(24, generator=stream)]
        for rows in order.tensor_split(3):
            inputs, targets = data.inputs[rows], data.targets[rows]
            fake = ours(inputs)
            loss = theirs(fake.detach()).mean() - theirs(targets).mean() + judge_size(theirs)
            second.zero_grad()
            loss.backward()
            second.step()
            first.zero_grad()
            (-theirs(fake).mean() + fake.square().mean()).backward()
            first.step()
    for found, expected in ((generator, ours), (judge, theirs)):
        for name, value in found.state_dict().items():
            assert torch.allclose(value, expected.state_dict()[name], atol=1e-5), name
    assert set(result.rival_losses) == {"judge"}
    assert len(result.rival_losses["judge"]) == len(result.train_losses) == 5
    assert result.best_epoch == 5
    assert not generator.training
    assert not judge.training


@pytest.mark.parametrize("ema", [None, 0.9])
def test_an_interrupted_game_resumes_bit_for_bit(tmp_path: Path, ema: float | None) -> None:
    recipe = replace(RECIPE, ema=ema)
    whole, expected = _fit(recipe)
    with pytest.raises(KeyboardInterrupt):
        _fit(recipe, checkpoints=tmp_path, progress=Recorder(interrupt_at=3.1))
    resumed, result = _fit(recipe, checkpoints=tmp_path)
    assert result == replace(expected, resumed_after=3)
    assert all(_same(a, b) for a, b in zip(whole, resumed, strict=True))


def test_a_checkpoint_of_another_opponent_is_not_resumed(tmp_path: Path) -> None:
    _fit(checkpoints=tmp_path)
    context = Context(CPU, seed=1, checkpoints=tmp_path)
    generator, judge = _networks(context)
    rival = Player(judge, replace(RECIPE, learning_rate=0.05))
    players = {"generator": Player(generator, RECIPE), "judge": rival}
    result = fit_in_turns(players, _data(), _game(generator, judge), context, "game")
    assert result.resumed_after == 0


def test_the_average_follows_the_weights_and_is_what_is_kept() -> None:
    steps: list[dict[str, Tensor]] = []
    context = Context(CPU, seed=1)
    generator, judge = _networks(context)
    play = _game(generator, judge)

    def turns(inputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Tensor]]:
        yield from play(inputs, targets)
        steps.append(copy.deepcopy(generator.state_dict()))

    recipe = replace(RECIPE, ema=0.5)
    start = copy.deepcopy(generator.state_dict())
    players = {"generator": Player(generator, recipe), "judge": Player(judge, RECIPE)}
    fit_in_turns(players, _data(), turns, context, "game")
    for name, average in start.items():
        for number, weights in enumerate(steps):
            kept = min(0.5, (1 + number) / (10 + number))
            average = kept * average + (1 - kept) * weights[name]
        assert torch.allclose(generator.state_dict()[name], average, atol=1e-6), name


def test_an_average_counts_batches_like_its_network() -> None:
    network = nn.BatchNorm2d(3).train()
    average = MovingAverage(network, 0.9)
    network(torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
    average.update(network)
    assert int(average.network.get_buffer("num_batches_tracked")) == 1
    assert torch.allclose(
        average.network.get_buffer("running_mean"), network.get_buffer("running_mean") * 0.9
    )
    assert not any(each.requires_grad for each in average.network.parameters())


def test_the_epoch_that_the_criterion_likes_best_is_kept() -> None:
    values = iter([3.0, 1.0, 2.0, 1.5, 4.0])
    seen: list[bool] = []

    def criterion(network: nn.Module) -> float:
        seen.append(network.training)
        return next(values)

    (generator, _), result = _fit(criterion=criterion)
    (second, _), _ = _fit(replace(RECIPE, epochs=2))
    assert result.validation_losses == (3.0, 1.0, 2.0, 1.5, 4.0)
    assert result.best_epoch == 2
    assert _same(generator, second)
    assert not any(seen)


def test_patience_counts_epochs_without_a_better_criterion() -> None:
    values = iter([3.0, 1.0, 2.0, 1.5, 4.0])
    _, result = _fit(replace(RECIPE, patience=2), criterion=lambda _: next(values))
    assert (result.ended, result.best_epoch, len(result.train_losses)) == ("patience", 2, 4)


def test_a_criterion_that_is_no_number_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="'game' diverged in epoch 1"):
        _fit(criterion=lambda _: math.nan)


def test_a_rival_that_diverges_fails_the_run() -> None:
    context = Context(CPU, seed=1)
    generator, judge = _networks(context)

    def turns(inputs: Tensor, targets: Tensor) -> Iterator[tuple[str, Tensor]]:
        yield "judge", judge(targets).mean() * math.inf
        yield "generator", generator(inputs).mean()

    players = {"generator": Player(generator, RECIPE), "judge": Player(judge, RECIPE)}
    with pytest.raises(RunFailed, match="diverged"):
        fit_in_turns(players, _data(), turns, context, "game")


def test_pictures_are_drawn_every_few_steps_and_change_nothing(tmp_path: Path) -> None:
    drawn: list[bool] = []

    def draw(network: nn.Module) -> Tensor:
        drawn.append(network.training)
        made: Tensor = network(torch.zeros(2, 3, 6, 6))
        return made.clamp(0, 1).mul(255).to(torch.uint8)

    context = Context(CPU, seed=1, pictures=tmp_path)
    generator, judge = _networks(context)
    players = {"generator": Player(generator, RECIPE), "judge": Player(judge, RECIPE)}
    shown = Pictures(draw, 4)
    fit_in_turns(players, _data(), _game(generator, judge), context, "game", pictures=shown)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["game-000004.png", "game-000008.png", "game-000012.png"]
    with Image.open(tmp_path / names[0]) as image:
        assert image.size == (12, 6)
    assert drawn == [False] * 3

    plain = Context(CPU, seed=1)
    other, rival = _networks(plain)
    players = {"generator": Player(other, RECIPE), "judge": Player(rival, RECIPE)}
    fit_in_turns(players, _data(), _game(other, rival), plain, "game", pictures=shown)
    assert len(drawn) == 3
    assert _same(generator, other)


def test_pictures_that_cannot_be_written_are_said_and_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    recorder = Recorder()
    context = Context(CPU, seed=1, pictures=tmp_path / "file", progress=recorder)
    generator, judge = _networks(context)
    players = {"generator": Player(generator, RECIPE), "judge": Player(judge, RECIPE)}
    black = Pictures(lambda _: torch.zeros(1, 3, 6, 6, dtype=torch.uint8), 8)
    result = fit_in_turns(
        players, _data(), _game(generator, judge), context, "game", pictures=black
    )
    assert result.ended == "finished"
    assert any("cannot be written" in message for message in recorder.messages)


def test_labels_reach_the_turns_beside_their_inputs() -> None:
    data = _data()
    labels = torch.arange(24)
    context = Context(CPU, seed=1)
    generator, _ = _networks(context)
    seen: list[int] = []

    def turns(inputs: Tensor, _: Tensor, numbers: Tensor) -> Iterator[tuple[str, Tensor]]:
        assert torch.equal(inputs, data.inputs[numbers])
        seen.extend(numbers.tolist())
        yield "generator", generator(inputs).square().mean()

    players = {"generator": Player(generator, replace(RECIPE, epochs=1))}
    fit_in_turns(players, replace(data, labels=labels), turns, context, "game")
    assert sorted(seen) == list(range(24))


def test_a_frozen_network_passes_gradients_on_and_gets_none() -> None:
    network = nn.Linear(3, 1)
    x = torch.ones(2, 3, requires_grad=True)
    with frozen(network):
        network(x).sum().backward()
    assert network.weight.grad is None
    assert x.grad is not None
    assert network.weight.requires_grad
