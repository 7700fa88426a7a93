"""Progress: a line in a notebook, silence elsewhere, and never an error."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ppattack.context import SilentProgress
from ppattack.notebook.progress import AttackLines, NotebookProgress, in_notebook, make_progress
from ppattack.reports.sweep import Cell, Outcome, Sweep


class _Shown:
    """Stands for IPython: what was displayed, and what it was replaced with."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def HTML(self, text: str) -> str:  # noqa: N802
        return text

    def display(self, text: str, *, display_id: bool) -> Any:
        assert display_id
        self.texts.append(text)
        return SimpleNamespace(update=self.texts.append)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> _Shown:
    made = _Shown()
    kernel = ModuleType("IPython")
    kernel.get_ipython = lambda: SimpleNamespace(kernel=1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", made)
    return made


def test_a_bar_is_redrawn_in_one_place_and_goes(shown: _Shown) -> None:
    assert in_notebook()
    progress = make_progress(quiet=False)
    assert isinstance(progress, NotebookProgress)
    with progress.task("training <net>", 4) as bar:
        bar.update(1, loss=0.5)
        bar.update(2)
    assert '<progress value="1" max="4"' in shown.texts[0]
    assert "training &lt;net&gt; loss 0.5" in shown.texts[0]
    assert shown.texts[1:] == [""]


def test_an_audit_says_which_attack_runs(shown: _Shown) -> None:
    watch = AttackLines(NotebookProgress())
    cells = [
        Cell(attack=name, target="pe", key_scope=None, seed=0, isolated=False, command="")
        for name in ("fr", "itn")
    ]
    watch.changed(Sweep(id="0", cells=tuple(cells)))
    watch.started(0)
    done = Outcome(state="failed", reason="")
    watch.changed(Sweep(id="0", cells=tuple(c.model_copy(update={"outcome": done}) for c in cells)))
    assert shown.texts == ["fr (1 of 2)", ""]


def test_there_is_silence_outside_and_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert isinstance(make_progress(quiet=False), SilentProgress)
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()
    assert isinstance(make_progress(quiet=True), SilentProgress)
