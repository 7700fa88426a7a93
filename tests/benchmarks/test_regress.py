"""Ratios compared with those that are stored: made-up ones, nothing is timed."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STORED = {
    "encrypting": {"sense": "faster", "before": 2.0, "ratio": 4.0},
    "starting": {"sense": "slower", "before": 3.0, "ratio": 2.0},
    "a peer that is not installed": {"sense": "faster", "ratio": 9.0},
}
FAKE = """
import json, os
row = {"title": "made up", "sense": "faster", "value": 2.5, "bound": 9.0}
with open(os.environ["PPATTACK_RATIOS"], "a") as file:
    file.write(json.dumps(row) + "\\n")
raise SystemExit(1)
"""
Compare = Callable[..., int]


@pytest.fixture
def regress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The program, with a file of ratios of its own."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("regress")
    monkeypatch.setattr(module, "STORED", tmp_path / "ratios.json")
    module.STORED.write_text(json.dumps(STORED))
    return module


@pytest.fixture
def compare(regress: Any, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Run the program on measurements ``(encrypting, starting)``, one after the other."""

    def run(*found: tuple[float, float], options: tuple[str, ...] = ()) -> int:
        left = list(found)

        def measured(name: str, tree: Path | None) -> Any:
            encrypting, starting = left.pop(0)
            return {
                "encrypting": {"sense": "faster", "ratio": encrypting},
                "starting": {"sense": "slower", "ratio": starting},
                "new": {"sense": "faster", "ratio": 1.0},
            }

        monkeypatch.setattr(regress, "measured", measured)
        monkeypatch.setattr(sys, "argv", ["regress.py", *options, "encryption"])
        code: int = regress.main()
        assert not left, "it must measure again exactly if something is worse"
        return code

    return run


def test_a_fifth_worse_is_endured_and_more_is_not(
    regress: Any, compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare((4.0 * 0.81, 2.0 / 0.81)) == 0
    assert "nothing is worse by 20%" in capsys.readouterr().out
    assert compare((4.0 * 0.79, 2.0), (4.0 * 0.79, 2.0)) == 1
    assert "worse: encrypting\n" in capsys.readouterr().out
    assert compare((4.0, 2.0 / 0.79), (4.0, 2.0 / 0.79)) == 1
    assert "worse: starting\n" in capsys.readouterr().out
    assert json.loads(regress.STORED.read_text()) == STORED


def test_of_two_measurements_the_better_counts_title_by_title(compare: Compare) -> None:
    assert compare((1.0, 2.0), (4.0, 9.0)) == 0
    assert compare((1.0, 9.0), (1.0, 2.0)) == 1


def test_the_table_has_before_stored_now_and_gain(
    compare: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    compare((5.0, 1.5))
    printed = capsys.readouterr().out
    assert "| encrypting | faster | 2.00 | 4.00 | 5.00 | 2.50 |" in printed
    assert "| starting | slower | 3.00 | 2.00 | 1.50 | 2.00 |" in printed
    assert "| new | faster | - | - | 1.00 | - |" in printed


@pytest.mark.parametrize(("option", "kind"), [("--update", "ratio"), ("--before", "before")])
def test_what_is_stored(regress: Any, compare: Compare, option: str, kind: str) -> None:
    tree = (str(BENCHMARKS.parent),) if option == "--before" else ()
    # The poorer of two measurements is stored as what is asked for from then on.
    found = [(1.0, 8.0)] if tree else [(1.0, 2.0), (3.0, 8.0)]
    assert compare(*found, options=(option, *tree)) == 0, "storing never fails"
    stored = json.loads(regress.STORED.read_text())
    assert stored.pop("new") == {"sense": "faster", kind: 1.0}
    wanted = json.loads(json.dumps(STORED))
    wanted["encrypting"][kind], wanted["starting"][kind] = 1.0, 8.0
    assert stored == wanted


def test_a_benchmark_tells_its_ratios_even_if_it_misses_its_bounds(
    regress: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regress, "FOLDER", tmp_path)
    (tmp_path / "fake.py").write_text(FAKE)
    assert regress.measured("fake", None) == {"made up": {"sense": "faster", "ratio": 2.5}}
    (tmp_path / "broken.py").write_text("raise SystemExit(1)")
    with pytest.raises(SystemExit, match="broken broke down: nothing is compared or stored"):
        regress.measured("broken", None)


def test_unknown_benchmarks_are_refused(
    regress: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["regress.py", "encription"])
    with pytest.raises(SystemExit):
        regress.main()
    assert "there is no benchmark encription: use encryption, metrics" in capsys.readouterr().err
