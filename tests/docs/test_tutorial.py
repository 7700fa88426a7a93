"""The tutorial works as it stands, and its picture shows what the attack gives back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.reports.found import read_runs
from tests.support.walkthrough import DOCS, blocks, check_form, follow, prepare

PAGE = DOCS / "tutorial.md"


def test_every_file_is_named_and_every_command_is_ours() -> None:
    check_form(PAGE, {"python", "sh", "text", "toml", "yaml"})


def test_a_cipher_has_twenty_lines_at_most() -> None:
    files = {block.name: block.text for block in blocks(PAGE) if block.kind == "python"}
    lines = [line for line in files["cipher.py"].splitlines() if line.strip()]
    assert set(files) == {"cipher.py", "mended.py"}
    assert len(lines) <= 20


@pytest.mark.long
def test_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)
    assert follow(PAGE, tmp_path) >= 13
    leaks = {(run.report.attack.name, run.report.threat.key_scope): run.report.leak
             for run in read_runs([tmp_path / "runs"])}  # fmt: skip
    assert leaks["chosen-plaintext", "dataset"] == "key"
    assert leaks["fr", "image"] == "images"
    assert leaks["fr", "dataset"] == "nothing"
