"""What is asked of the machine."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from ppattack.machine import keep_freed_memory

FAULTS = """
import resource
import numpy as np
from ppattack.machine import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
np.ones(3 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(3 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(kept: bool) -> int:
    """Page faults of twenty arrays of 24 MB, one after the other, in a process of its own."""
    code = FAULTS.format(kept=kept)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc only")
def test_freed_memory_serves_the_next_arrays() -> None:
    assert _faults(kept=True) * 10 < _faults(kept=False)


def test_other_c_libraries_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
