from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ppattack
from ppattack.isolation import fork_server
from ppattack.isolation.confinement import UMASK, allowed
from ppattack.isolation.proxy import isolated
from ppattack.plugins import registry
from ppattack.request import RunRequest
from tests.support.program import lives
from tests.support.sweeps import SWEEPING

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not fork_server.FORKS, reason="what is asked of Linux"),
]


def _notes(out: Path) -> dict[str, Any]:
    """What an isolated attack says that its system gave it."""
    base = RunRequest(f"{SWEEPING}:Spawning", "pe", victims=12, adversary=12, size=16, out=out)
    return dict(ppattack.run(replace(base, save_images=0, isolate=True)).report.attack.notes)


def test_all_that_an_attack_starts_ends_with_it(tmp_path: Path) -> None:
    notes = _notes(tmp_path)
    assert len(set(notes["pids"])) == 4
    assert not any(lives(pid) for pid in notes["pids"])


def test_it_gets_its_session_a_umask_and_one_connection(tmp_path: Path) -> None:
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        fork_server.close()
        notes = _notes(tmp_path)
    finally:
        os.close(secret)
    assert notes["leads its session"]
    assert notes["umask"] == UMASK
    assert notes["descriptors"] == 4  # stdin, stdout, stderr and the connection


def test_it_gets_no_variable_that_computing_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.setenv("PPATTACK_DATA", "/secret")
    names = _notes(tmp_path)["environment"]
    assert "PATH" in names
    assert not {"A_TOKEN", "PPATTACK_DATA"} & set(names)
    given = {"HOME": "h", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0", "AWS_KEY": "x"}
    assert set(allowed(given)) == set(given) - {"AWS_KEY"}


def test_an_attack_under_way_ends_with_the_connection_to_its_evaluation(tmp_path: Path) -> None:
    asked = RunRequest(f"{SWEEPING}:Grey", "pe", out=tmp_path, isolate=True)
    with isolated(asked, registry.target("pe")()) as attack:
        pid = attack._child.process.pid
        assert lives(pid)
        fork_server.close()
        assert not lives(pid)


def test_the_server_ends_what_is_left_when_the_evaluation_is_gone(tmp_path: Path) -> None:
    _notes(tmp_path)
    process = fork_server._servers[os.getpid()]._process
    start = time.monotonic()
    fork_server.close()
    assert time.monotonic() - start < 2
    assert process.returncode == 0
