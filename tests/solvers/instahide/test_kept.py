"""Results of stages on disk."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from ppattack.context import SilentProgress
from ppattack.solvers.instahide import stages
from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.unfolding import refine
from ppattack.target.mixing import MixingLaw
from ppattack.training.kept import Kept
from tests.support.mixtures import LAW, SCALE, images, learnt, mixed

CPU = torch.device("cpu")


class _Log(SilentProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, message: str) -> None:
        self.said.append(message)


def _kept(folder: Path, log: _Log, number: float = 1.0) -> Kept:
    return Kept.of(folder, log, {"of": torch.tensor([number])}, {"law": "some"}, stages.CODE)


def _never() -> dict[str, torch.Tensor]:
    raise AssertionError("a stage on disk is made again")


def test_a_stage_is_made_once_and_only_for_the_same_inputs(tmp_path: Path) -> None:
    log, made = _Log(), {"a": torch.arange(3), "b": torch.ones(2, 2)}
    assert _kept(tmp_path, log).stage("one", lambda: made, CPU) is made
    found = _kept(tmp_path, log).stage("one", _never, CPU)
    assert {name: x.tolist() for name, x in found.items()} == {
        "a": [0, 1, 2],
        "b": [[1, 1], [1, 1]],
    }
    assert not log.said
    with pytest.raises(AssertionError, match="made again"):
        _kept(tmp_path, log, 2.0).stage("one", _never, CPU)
    assert "is not used: it belongs to another" in log.said[0]


def test_a_damaged_stage_is_made_again(tmp_path: Path) -> None:
    log = _Log()
    _kept(tmp_path, log).stage("one", lambda: {"a": torch.ones(4)}, CPU)
    path = tmp_path / "one.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    found = _kept(tmp_path, log).stage("one", lambda: {"a": torch.zeros(4)}, CPU)
    assert float(found["a"].sum()) == 0
    assert len(log.said) == 1


def test_an_interrupted_solution_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, log = mixed(4, 15), _Log()

    def solved(folder: Path | None) -> Any:
        kept = Kept.of(folder, log, {"values": case.release.values}, {}, stages.CODE)
        return stages.solve(case.release, learnt(), log, iterations=1, refinements=2, kept=kept)

    whole = solved(None)
    calls: list[int] = []

    def interrupted(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return refine(*given)

    monkeypatch.setattr("ppattack.solvers.instahide.solve.refine", interrupted)
    with pytest.raises(KeyboardInterrupt):
        solved(tmp_path)
    monkeypatch.setattr("ppattack.solvers.instahide.solve.assign", _never)
    again = solved(tmp_path)
    assert len(calls) == 3  # the second refinement alone
    assert torch.equal(again.images, whole.images)
    assert again.notes == whole.notes


@pytest.mark.parametrize("augment", [False, True])
def test_statistics_are_learnt_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, augment: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PPATTACK_CACHE", raising=False)
    monkeypatch.setattr(stages, "LEAST_KEPT", 500)
    own = images("attacker's", 60)[:, :, ::2, ::2].contiguous()
    law = MixingLaw(LAW.members, LAW.private, augment=augment)

    def learn(seed: int) -> stages.Statistics:
        return stages.learn_once(own, own, law, SCALE, seed, 500, SilentProgress())

    first = learn(0)
    monkeypatch.setattr(stages, "learn", lambda *_: _never())
    again = learn(0)
    for field in fields(first):
        ours, theirs = getattr(first, field.name), getattr(again, field.name)
        if isinstance(ours, NaturalPrior):
            assert ours.shape == theirs.shape
            assert torch.equal(ours.spectrum, theirs.spectrum)
        else:
            assert torch.equal(torch.as_tensor(ours), torch.as_tensor(theirs))
    with pytest.raises(AssertionError, match="made again"):
        learn(1)
