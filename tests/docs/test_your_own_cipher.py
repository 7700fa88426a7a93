"""The walk-through works as it stands: its files are written, its commands run, its output seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walkthrough import DOCS, check_form, follow, prepare

PAGE = DOCS / "your-own-cipher.md"


def test_every_file_is_named_and_every_command_is_ours() -> None:
    check_form(PAGE, {"python", "sh", "text", "toml"})


@pytest.mark.long
def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)
    assert follow(PAGE, tmp_path, skipped=["ppattack audit"]) >= 6


@pytest.mark.slow
def test_the_walk_through_with_its_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)
    assert follow(PAGE, tmp_path) >= 7
