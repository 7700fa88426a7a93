"""What a confined process is given by its system, and how all that it starts is ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

UMASK = 0o022
"""Files of an attack are writable by their owner only."""
_PDEATHSIG, _SUBREAPER = 1, 36
_ROUNDS = 100
_NAMES = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR"),
        *("TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "VIRTUAL_ENV"),
        *("CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED"),
        *("PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME", "HF_HOME"),
    )
)
_PREFIXES = (
    *("LC_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "TORCH", "PYTORCH_"),
    *("CUDA_", "CUDNN_", "CUBLAS_", "NVIDIA_", "NCCL_", "HIP_", "ROCR_"),
)


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that an attack may know: those that say how to compute, and where.

    Args:
        environment: of the evaluation; tokens, passwords and places of data stay there.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _NAMES or name.startswith(_PREFIXES)
    }


def confine(connection: int) -> None:
    """Make this new process a session of its own that keeps one descriptor and dies in time.

    Args:
        connection: the descriptor that stays open beside the standard ones.
    """
    os.setsid()
    os.umask(UMASK)
    os.closerange(3, connection)
    os.closerange(connection + 1, os.sysconf("SC_OPEN_MAX"))
    _prctl(_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    _prctl(_SUBREAPER, 1)


def end_session(pid: int) -> None:
    """End a confined process with its group; harmless if it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it may not have its session yet
        os.kill(pid, signal.SIGKILL)


def end_orphans(known: Collection[int]) -> None:
    """End every child of this process that it did not start itself, and their children in turn.

    Args:
        known: the children that stay.
    """
    for _ in range(_ROUNDS):
        orphans = _children() - set(known)
        if not orphans:
            return
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> set[int]:
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = place.read_text("utf-8", "replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.add(int(place.parent.name))
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
