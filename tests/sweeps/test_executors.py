"""Statistics that are added up by several processes, and what becomes of those that die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.context import Alone
from ppattack.data import stacks
from ppattack.data.stacks import Made
from ppattack.errors import RunFailed
from ppattack.evaluation.image_values import image_values
from ppattack.metrics import IMAGE_METRICS
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.solvers.covariance import block_symbols, free_keys, low_nibbles
from ppattack.solvers.covariance.moments import GridMoments, Moments
from ppattack.solvers.sums import gathered
from ppattack.sweeps.executors import InThisProcess, LocalProcesses
from tests.support.forked import fork_workers
from tests.support.natural import natural_images, natural_sets
from tests.support.program import in_process
from tests.support.sums import Counted, attacked, dying, fails, grid

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def three() -> Iterator[LocalProcesses]:
    """Three processes that start at once; only the run with several starts them as usual."""
    made = LocalProcesses(3)
    with pytest.MonkeyPatch.context() as patch:
        fork_workers(patch)
        list(made.map(_process, range(3)))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 8 * 192)


def test_sums_of_parts_are_exactly_those_of_the_whole(three: LocalProcesses) -> None:
    images = natural_images(50)
    shape = (3, 16, 16)
    whole = gathered(partial(_grid, shape), images, Alone())
    parts = gathered(partial(_grid, shape), images, three)
    assert parts.count == whole.count == 50
    assert np.array_equal(parts.sum, whole.sum)
    assert all(np.array_equal(a, b) for a, b in zip(parts.products, whole.products, strict=True))
    one = gathered(_symbols, images, Alone())
    three_ = gathered(_symbols, images, three)
    assert (three_.count, three_.levels) == (one.count, one.levels)
    assert torch.equal(three_.sum, one.sum)
    assert torch.equal(three_.outer, one.outer)
    pooled = [
        block_symbols.pooled_correlations(images, 4, "nibble", workers)
        for workers in (Alone(), three)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*pooled, strict=True))


def test_scores_of_parts_are_exactly_those_of_the_whole(
    three: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppattack.evaluation.image_values.IMAGES_AT_ONCE", 16)
    monkeypatch.setattr("ppattack.evaluation.image_values.WORTH_SENDING", 0)
    plain = natural_images(50)
    blind = {"mean": plain[:1].expand_as(plain), "others": plain.roll(1, 0)}
    scorer = ImageScorer("cpu", "switched off in this test")
    here, there = (
        image_values(plain.flip(3), plain, blind, scorer, tuple(IMAGE_METRICS), workers)
        for workers in (Alone(), three)
    )
    for metric, by_label in here.items():
        for label, values in by_label.items():
            assert np.array_equal(values, there[metric][label])


def _grid(shape: tuple[int, int, int], images: torch.Tensor) -> GridMoments:
    return GridMoments(shape).add(images)


def _symbols(images: torch.Tensor) -> Moments:
    return Moments(48).add(images.flatten(1)[:, :48])


@pytest.mark.parametrize(
    ("name", "settings", "structure"),
    [
        ("pe", {"color_shuffle": True}, "auto"),
        ("le", {}, "auto"),
        ("pe", {}, "any-byte"),
        ("ele", {"block_size": 4}, "any-nibble"),
    ],
)
def test_the_key_is_the_same_with_one_worker_and_with_three(
    name: str, settings: dict[str, Any], structure: str, three: LocalProcesses
) -> None:
    target = registry.target(name)(**settings)
    sets = natural_sets(100, 300, 16 if structure == "auto" else 8)
    attack, workers = CovarianceMatching(structure=structure), Counted(three)
    alone = attacked(target, sets, Alone(), attack)
    together = attacked(target, sets, workers, attack)
    assert workers.parts >= 6  # of the ciphertexts and of the public images
    assert alone.key is not None
    assert together.key is not None
    assert np.array_equal(alone.key.index, together.key.index)
    assert np.array_equal(alone.key.mask, together.key.mask)
    notes = [{**each.notes, "solver_seconds": 0} for each in (alone, together)]
    assert notes[0] == notes[1]


def test_sums_of_low_nibbles_are_the_same_to_the_last_bit(
    three: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, sets = registry.target("ele")(), natural_sets(400, 300)
    scenario = simulate(CovarianceMatching(), target, sets, "dataset", seed=5)
    key = target.permxor(scenario.truth.key)  # type: ignore[attr-defined]
    numbers = block_symbols.numbers((3, 16, 16), 4, "nibble")
    cipher, plain = low_nibbles._low_symbols(key, numbers)
    prediction = low_nibbles.learn(sets.adversary)
    gather = partial(low_nibbles._gathered, key.index, key.mask, cipher, plain, prediction, False)
    ciphertexts, workers = scenario.observation.ciphertexts, Counted(three)
    one = gathered(gather, ciphertexts, Alone())
    monkeypatch.setattr(stacks, "SHARD_BYTES", 7 * ciphertexts[0].numel())
    several = gathered(gather, ciphertexts, workers)
    assert workers.parts > 3
    assert several.count == one.count == 400
    for ours, theirs in ((several.cross, one.cross), (several.squares, one.squares)):
        assert torch.equal(ours, theirs)
    assert np.array_equal(several.correlations(), one.correlations())


def test_readers_that_are_killed_lose_nothing(three: LocalProcesses, tmp_path: Path) -> None:
    images = natural_images(50)
    stack = Made(partial(dying, images.numpy(), tmp_path / "killed"), (3, 16, 16), 50)
    found, whole = gathered(grid, stack, three), grid(images)
    assert len(list(tmp_path.glob("killed.*"))) == 2
    assert found.count == 50
    assert np.array_equal(found.sum, whole.sum)
    assert all(np.array_equal(a, b) for a, b in zip(found.products, whole.products, strict=True))


def test_few_images_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 1 << 24)
    workers = Counted(InThisProcess())
    free_keys.recover(natural_images(60), natural_images(60, seed=1), "byte", None, workers)
    assert workers.parts == 0


def test_results_come_in_the_order_of_the_parts_and_processes_stay(three: LocalProcesses) -> None:
    first = list(three.map(_process, range(12)))
    second = list(three.map(_process, range(12)))
    assert [number for number, _ in first] == list(range(12))
    assert {process for _, process in second} <= {process for _, process in first}
    assert os.getpid() not in {process for _, process in first}


def _process(number: int) -> tuple[int, int]:
    return number, os.getpid()


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalProcesses]:
    """Three of a test's own, which it may end."""
    fork_workers(monkeypatch)
    made = LocalProcesses(3)
    yield made
    made.close()


def test_a_worker_that_dies_is_replaced(tmp_path: Path, copies: LocalProcesses) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    found = list(copies.map(partial(_dies_while, marker), range(4)))
    assert found == [0, 2, 4, 6]
    assert not marker.exists()


def _dies_while(marker: Path, number: int) -> int:
    if number == 2 and marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_what_fails_or_kills_every_worker_is_one_error(copies: LocalProcesses) -> None:
    with pytest.raises(RunFailed, match="could not be computed: ZeroDivisionError"):
        list(copies.map(fails, [1, 0]))
    with pytest.raises(RunFailed, match="died 3 times"):
        list(copies.map(_dies, [1]))
    assert next(copies.map(_process, [5]))[0] == 5


def _dies(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_with_several_processes_has_the_same_result(tmp_path: Path) -> None:
    words = "run --attack covariance-matching --target pe -n 40 --adversary 60 --size 16 -q"
    found = []
    for name, more in (("a", ""), ("b", " --jobs 2")):
        code, _, errors = in_process(f"{words} --out {name}{more}", tmp_path)
        assert code == 0, errors
        (folder,) = (tmp_path / name).glob("covariance-matching-*")
        found.append((folder.name, (folder / "scores.csv").read_bytes()))
    assert found[0] == found[1]
    code, _, errors = in_process(f"{words} --out c --isolate --jobs 2", tmp_path)
    assert code == 2
    assert "an isolated attack computes in its own process" in errors
