"""Threads of this process."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from ppattack import machine
from ppattack.machine import both, computing_threads, side_by_side

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    with computing_threads(2):
        yield


def test_parts_are_computed_side_by_side_by_threads_that_torch_does_without() -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def part(number: int) -> int:
        meeting.wait()
        return number * torch.get_num_threads()

    with computing_threads(1):
        assert side_by_side(part, range(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("inner", [2, None])
def test_otherwise_one_after_another_here(inner: int | None) -> None:
    with computing_threads(inner):
        here = side_by_side(lambda _: threading.get_ident(), range(3))
    assert here == [threading.get_ident()] * 3


def test_who_asks_for_one_thread_gets_one() -> None:
    with computing_threads(1), computing_threads(1):
        here = side_by_side(lambda _: threading.get_ident(), range(2))
    assert here == [threading.get_ident()] * 2
    assert side_by_side(lambda _: threading.get_ident(), range(2)) == here


def test_both_are_computed_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)
    with computing_threads(1):
        assert both(meeting.wait, lambda: str(meeting.wait() < 2)) in ((0, "True"), (1, "True"))
    assert both(lambda: 1, threading.get_ident) == (1, threading.get_ident())


def test_what_fails_in_a_part_fails() -> None:
    def part(number: int) -> None:
        raise ValueError(f"part {number}")

    with computing_threads(1), pytest.raises(ValueError, match="part 0"):
        side_by_side(part, range(2))
    with computing_threads(1), pytest.raises(ValueError, match="part 1"):
        both(threading.get_ident, lambda: part(1))


@pytest.mark.parametrize("ours", [False, True])
def test_only_the_program_leaves_living_objects_out_of_later_searches(
    ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_all_lives_on", False)
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "meta_path", [])
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
    if ours:
        machine.let_all_live_on()
    with pytest.raises(ModuleNotFoundError, match="torch"):
        machine.load_torch()
    assert frozen == [False] * ours
    assert gc.isenabled()
