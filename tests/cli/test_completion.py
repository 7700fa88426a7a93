"""A shell that completes a line gets commands and options, not the words for newcomers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.process
def test_lines_are_completed() -> None:
    code = "import sys; sys.argv = ['ppattack']; from ppattack_cli.main import main; main()"
    asked = {
        "_PPATTACK_COMPLETE": "complete_bash",
        "COMP_WORDS": "ppattack probe --ora",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr) == (["--oracle", "--oracle-shell"], "")
