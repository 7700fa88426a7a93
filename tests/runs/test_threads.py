"""Threads of a run. A process that has started a second one cannot be copied safely any more, so
runs with two are made in copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

import ppattack
from ppattack.attack import SilentProgress
from ppattack.errors import ConfigError
from ppattack.plugins import registry
from ppattack.reports.command import command
from ppattack.reports.robustness import Row
from ppattack.reports.run import Report
from ppattack.runs.threads import FEW, wanted
from ppattack_cli.commands.reproduce import mixed_threads
from tests.support.forked import forked
from tests.support.run_requests import request

pytestmark = pytest.mark.long


class Heard(SilentProgress):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        """Keep it."""
        self.lines.append(message)


@pytest.mark.parametrize("isolate", [False, True])
def test_a_run_has_the_threads_that_it_asks_for_and_its_command_names_them(
    tmp_path: Path, isolate: bool
) -> None:
    asked = request(tmp_path, threads=2, isolate=isolate, lpips_net="alex")

    def run() -> tuple[Report, int]:
        return ppattack.run(asked).report, torch.get_num_threads()

    before = torch.get_num_threads()
    report, after = forked(run)
    assert after == before
    assert report.provenance["threads"] == 2
    assert "--threads 2" in command(report.provenance["request"])


def test_threads_are_no_part_of_an_id_and_a_run_found_with_others_says_so(tmp_path: Path) -> None:
    heard, asked = Heard(), request(tmp_path, threads=2)

    def run() -> list[str]:
        ppattack.run(asked, heard)
        return heard.lines

    first = forked(run)
    assert not any("threads" in line for line in first)
    assert ppattack.run(replace(asked, threads=1), heard).reused
    (line,) = [line for line in heard.lines if "threads" in line]
    assert "computed with 2 threads, not 1" in line
    assert "--threads 1 --force" in line


@pytest.mark.parametrize(
    ("attack", "numbers", "asked", "given"),
    [
        ("fr", FEW, None, 1),
        ("fr", FEW + 1, None, None),
        ("fr", FEW, 3, 3),
        ("itn", 1, None, None),  # what it trains would differ
        ("candidate-matching", 1, None, None),
    ],
)
def test_small_steps_are_taken_by_one_thread(
    tmp_path: Path, attack: str, numbers: int, asked: int | None, given: int | None
) -> None:
    scenario = Mock(observation=Mock(ciphertexts=torch.empty(numbers, device="meta")))
    asks = request(tmp_path, attack=attack, threads=asked)
    assert wanted(asks, registry.attack(attack)(), scenario) == given


def test_a_run_says_how_many_threads_it_had_and_only_training_minds_others(tmp_path: Path) -> None:
    heard, asked = Heard(), request(tmp_path)

    def run() -> tuple[int, int, list[str]]:
        torch.set_num_threads(2)
        done = ppattack.run(asked).report.provenance["threads"]
        ppattack.run(asked, heard)
        return done, torch.get_num_threads(), heard.lines

    done, after, lines = forked(run)
    assert (done, after) == (1, 2)
    assert not any("threads" in line for line in lines)


def test_no_threads_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--threads 0 is not valid"):
        ppattack.run(request(tmp_path, threads=0))


@pytest.mark.parametrize(
    ("counts", "asked", "said"),
    [
        ((1, 1, None), None, None),
        ((1, 1), 1, None),
        ((1, 2), None, "with 1 and 2 threads"),
        ((2, 2), 1, "--threads 1 --force"),
    ],
)
@pytest.mark.parametrize("attack", ["itn", "fr"])
def test_a_table_of_runs_with_different_threads_says_so(
    counts: tuple[int | None, ...], asked: int | None, said: str | None, attack: str
) -> None:
    if attack == "fr" and asked is None:  # it trains nothing
        said = None
    row = Row(
        *("published", attack, "pe", None, None, None, "BROKEN", False, None, None, None, None, ""),
    )
    line = mixed_threads([replace(row, threads=count) for count in counts], asked)
    assert line is None if said is None else line is not None and said in line
