"""Consoles of any encoding, closed pipes, JSON alone, and names of files that are not UTF-8."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppattack.errors import printable
from ppattack.reports.run import read_report
from tests.support.image_files import encoded, noise
from tests.support.program import in_process
from tests.support.saved import report, save

LOUD = """
import os, sys
print("loaded")
os.write(1, b"from below\\n")
from ppattack.attacks.none import NoAttack
class Loud(NoAttack):
    def run(self, observation, context):
        print("working")
        return super().run(observation, context)
"""
ODD = os.fsdecode(b"\xff")
RUN = "run --target pe --preset smoke -n 3 --adversary 3 -q --device cpu"


def program(*arguments: str, folder: Path, into: int, **environment: str) -> tuple[int, str]:
    """Run it with standard output somewhere: exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "ppattack_cli", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=into,
        stderr=subprocess.PIPE,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def photographs(folder: Path, count: int = 24) -> Path:
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        (folder / f"{seed}.png").write_bytes(encoded(noise(32, 32, 3, seed=seed), "PNG"))
    return folder


@pytest.mark.process
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("list attacks", 0),
        ("report . --md -", 0),
        ("list attacks --json", 0),
        ("gate . --fail-on ssim.gain>0.9", 0),
        ("gate . --fail-on ssim.gain>0.1", 1),
    ],
)
def test_a_reader_that_has_gone_changes_no_exit_code(
    tmp_path: Path, arguments: str, code: int, unbuffered: str
) -> None:
    save(tmp_path, report(gain=0.3))
    reading, writing = os.pipe()
    os.close(reading)
    found, errors = program(
        *arguments.split(), folder=tmp_path, into=writing, PYTHONUNBUFFERED=unbuffered
    )
    os.close(writing)
    assert found == code
    assert "Error" not in errors


@pytest.mark.process
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "latin-1"])
def test_a_console_that_lacks_characters_gets_others(tmp_path: Path, encoding: str) -> None:
    save(tmp_path, report("itn", "Röntgen → ⊕"))
    with (tmp_path / "out").open("wb") as out:
        code, errors = program(
            "report",
            ".",
            "--md",
            "-",
            folder=tmp_path,
            into=out.fileno(),
            PYTHONIOENCODING=encoding,
        )
    assert (code, errors.count("Error")) == (0, 0)
    assert "ntgen" in (tmp_path / "out").read_text(encoding=encoding)


@pytest.mark.process
def test_json_stands_alone_also_below_python(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    with (tmp_path / "out").open("wb") as out:
        code, errors = program(
            *RUN.split(), "--attack", "loud.py:Loud", "--json",
            folder=tmp_path, into=out.fileno(), PYTHONIOENCODING="ascii",
        )  # fmt: skip
    assert code == 0
    assert json.loads((tmp_path / "out").read_text())["attack"]["name"] == "none"
    for words in ("loaded", "from below", "working"):
        assert words in errors


def test_a_plug_in_that_prints_does_so_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD.replace("os.write", "print"))
    code, out, errors = in_process(f"{RUN} --attack loud.py:Loud --json", tmp_path)
    assert code == 0
    assert json.loads(out)["attack"]["name"] == "none"
    assert "loaded\n" in errors
    assert "working\n" in errors
    assert in_process("info attack:loud.py:Loud --json", tmp_path)[1].startswith("{")


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    photographs(tmp_path / "c")
    photographs(tmp_path / "d")
    for folder in ("c", "d"):
        (tmp_path / folder / "0.png").rename(tmp_path / folder / f"b{ODD}.png")
    here = f"{RUN} --attack none"
    files = f"{here} --ciphertexts c --truth d --out one"
    for command in (files, f"{here} --data folder:d --out two"):
        code, _, errors = in_process(command, tmp_path)
        assert (code, errors) == (0, "")
    (written,) = (tmp_path / "one").glob("none-*")
    assert "b\\xff.png," in (written / "scores.csv").read_text(encoding="utf-8")


def test_folders_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    photographs(tmp_path / f"d{ODD}")
    code, out, errors = in_process(
        f"{RUN} --attack none --data folder:d{ODD} --out o{ODD} --json", tmp_path
    )
    assert (code, errors) == (0, "")
    assert json.loads(out)["data"]["name"] == "folder:d\\xff"
    (written,) = (tmp_path / f"o{ODD}").glob("none-*")
    assert read_report(written).data.name == "folder:d\\xff"


def test_printable() -> None:
    assert printable("café") == "café"
    assert printable("\udcff \ud800") == "\\xff \\ud800"
