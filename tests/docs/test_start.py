"""The page of ten minutes: what is not the installation is followed word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walkthrough import DOCS, blocks, check_form, follow, prepare

PAGE, TUTORIAL = DOCS / "start.md", DOCS / "tutorial.md"


def test_every_file_is_named_and_every_command_is_ours() -> None:
    check_form(PAGE, {"console", "python", "sh", "text"})


def test_its_cipher_is_the_one_that_the_tutorial_mends() -> None:
    here, there = (
        next(block.text for block in blocks(page) if block.kind == "python")
        for page in (PAGE, TUTORIAL)
    )
    assert here == there


@pytest.mark.slow
def test_the_ten_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)
    assert follow(PAGE, tmp_path) == 2
    assert (tmp_path / "report.html").is_file()
