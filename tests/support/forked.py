"""Work in a process of its own that need not import everything again: a copy of this one."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
import torch

from ppattack.request import RunRequest
from ppattack.runs.run import _lpips

Result = TypeVar("Result")
LIMIT_S = 300


def forked(work: Callable[[], Result]) -> Result:
    """What work gives back in a copy of this process, which ends with it.

    Whatever it changes (imports, torch, the folder) is changed there only.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "result"
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _answer(work, place)
        _, status = os.waitpid(child, 0)
        assert place.is_file(), f"the copy of this process ended with status {status}"
        result, error = pickle.loads(place.read_bytes())
    assert error is None, error
    return result  # type: ignore[no-any-return]


def fork_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers be copies of this process, where it does not matter how they are started."""
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)


def _answer(work: Callable[[], Result], place: Path) -> NoReturn:
    signal.alarm(LIMIT_S)
    answer: tuple[Result | None, str | None]
    try:
        answer = work(), None
    except BaseException:
        answer = None, traceback.format_exc()
    finally:
        place.write_bytes(pickle.dumps(answer))
        os._exit(0)


def forked_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of pytest in a folder."""

    def run() -> tuple[int, str]:
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        with (folder / ".output").open("w+") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            sys.stdout = sys.stderr = output
            code = pytest.main(["-p", "no:cacheprovider", "-p", "no:xdist", "-q", *arguments])
            output.flush()
            os.lseek(output.fileno(), 0, os.SEEK_SET)
            return int(code), (folder / ".output").read_text()

    usual = RunRequest("fr", "pe")
    _lpips(usual.lpips_net, None, torch.device("cpu"), False)  # takes seconds: once for all copies
    try:
        return forked(run)
    finally:
        (folder / ".output").unlink(missing_ok=True)
