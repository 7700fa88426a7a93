"""A shell that completes a line gets commands and options, not the words for newcomers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.process
@pytest.mark.parametrize(
    ("line", "wanted"), [("ppattack leader", ["leaderboard"]), ("ppattack probe --ora", None)]
)
def test_lines_are_completed(line: str, wanted: list[str] | None) -> None:
    code = "import sys; sys.argv = ['ppattack']; from ppattack_cli.main import main; main()"
    asked = {"_PPATTACK_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "1"}
    if wanted is None:
        asked["COMP_CWORD"], wanted = "2", ["--oracle", "--oracle-shell"]
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr) == (wanted, "")
