"""The program, run as a person would or in this process."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from ppattack_cli import main as program


def in_process(arguments: str, folder: Path) -> tuple[int, str, str]:
    """Run it in this process, in a folder: exit code, stdout, stderr."""
    out, errors = io.StringIO(), io.StringIO()
    argv, here = sys.argv, Path.cwd()
    sys.argv = ["ppattack", *shlex.split(arguments)]
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = program._run()
    finally:
        sys.argv = argv
        os.chdir(here)
    return code, out.getvalue(), errors.getvalue()


def as_a_person(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ppattack_cli", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def lives(pid: int) -> bool:
    """Whether there is a process that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
