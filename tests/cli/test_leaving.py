"""A plug-in that ends the program has failed: it is never a success."""

from __future__ import annotations

from pathlib import Path

import pytest

import ppattack
from ppattack.errors import RunFailed
from ppattack.sweeps.executors import run_cell
from tests.support.plugins import leaving
from tests.support.program import as_a_person, in_process
from tests.support.run_requests import request

pytestmark = pytest.mark.long

FILE = Path(leaving.__file__)
ASKED = "--target pe --size 16 -n 10 --adversary 4 -q"


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("name", ["Exits", "Interrupts", "ExitsInHook"])
def test_in_a_run_and_in_a_sweep(tmp_path: Path, name: str, isolate: bool) -> None:
    asked = request(tmp_path, attack=f"{FILE}:{name}", isolate=isolate)
    with pytest.raises(RunFailed, match="tried to end the program|ended its process"):
        ppattack.run(asked)
    assert run_cell(asked).state == "failed"


def test_the_command_fails_with_one_line(tmp_path: Path) -> None:
    code, _, errors = in_process(f"run --attack {FILE}:Exits {ASKED}", tmp_path)
    assert code == 3
    assert errors.count("\n") == 1
    assert "(class Exits) tried to end the program (SystemExit: 0)" in errors


@pytest.mark.process
@pytest.mark.parametrize("isolate", ["", "--isolate"])
def test_also_where_the_process_would_end_at_once(tmp_path: Path, isolate: str) -> None:
    words = f"run --attack {FILE}:ExitsHard {ASKED} {isolate}".split()
    done = as_a_person(*words, folder=tmp_path)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "end" in done.stderr


def test_a_plug_in_that_ends_the_program_as_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    for words in (f"run --attack leaves.py:A {ASKED}", "info target:leaves.py:A"):
        code, _, errors = in_process(words, tmp_path)
        assert code == 3
        assert "'leaves.py:A' tried to end the program" in errors


def test_ciphertexts_that_an_attack_writes_over_are_scored_as_they_were(tmp_path: Path) -> None:
    found = [
        ppattack.run(request(tmp_path, attack=f"{file}:{name}")).report.scores.ssim
        for file, name in ((FILE, "WritesOver"), (FILE.with_name("returns_ciphertexts.py"), "Idle"))
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].ciphertext == found[1].ciphertext
