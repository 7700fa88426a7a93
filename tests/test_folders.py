"""Folders appear whole or not at all, and what a killed process left is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ppattack.errors import DataError
from ppattack.files import check_output_names, write_text
from ppattack.folders import new_folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_a_new_folder_appears_whole(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "a" / "out"
    if there:
        out.mkdir(parents=True)
        out.chmod(0o775)
    with new_folder(out) as new:
        (new / "sub").mkdir()
        write_text(new / "sub" / "b", "b")
        write_text(new / "a", "a")
        assert not (out / "a").exists()
    assert _names(out) == ["a", "sub"]
    assert _names(tmp_path / "a") == ["out"]
    assert out.stat().st_mode & 0o777 == (0o775 if there else 0o755)


def test_an_empty_folder_that_is_linked_to_is_filled(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with new_folder(tmp_path / "link", private=True) as new:
        write_text(new / "a", "a")
    assert _names(tmp_path / "real") == ["a"]
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o700


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "a" / "out") as new:
        write_text(new / "a", "a")
        raise KeyboardInterrupt
    assert _names(tmp_path) == []


@pytest.mark.parametrize("name", ["file", "full"])
def test_what_is_there_is_kept(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / "file", "a")
    write_text(tmp_path / "full" / "b", "b")
    with pytest.raises(DataError, match="exists already"), new_folder(tmp_path / name):
        pass
    assert _names(tmp_path) == ["file", "full"]
    assert _names(tmp_path / "full") == ["b"]


FILL = """
import pathlib, sys
from ppattack.files import write_text
from ppattack.folders import new_folder
with new_folder(pathlib.Path(sys.argv[1])) as new:
    write_text(new / "half", "half")
    print("filling", flush=True)
    sys.stdin.read()
"""


@pytest.mark.process
@pytest.mark.parametrize("there", [True, False])
def test_the_next_start_removes_what_a_killed_one_left(tmp_path: Path, there: bool) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "out"
    if there:
        out.mkdir()
    (tmp_path / ".out.notes").mkdir()
    fill = [sys.executable, "-c", FILL, str(out)]
    with subprocess.Popen(fill, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        if not there:  # its folder is locked as long as it lives
            with pytest.raises(RuntimeError), new_folder(out):
                raise RuntimeError
            assert len(_names(tmp_path)) == 2
        os.kill(child.pid, signal.SIGKILL)
    with new_folder(out) as new:
        write_text(new / "whole", "whole")
    assert _names(tmp_path) == [".out.notes", "out"]
    assert _names(out) == ["whole"]


def test_names_of_255_bytes_can_be_written_and_longer_ones_are_refused(tmp_path: Path) -> None:
    write_text(tmp_path / ("é" * 127), "a")
    check_output_names(("n" * 251 + ".jpg",))
    with pytest.raises(DataError, match="longer than 255 bytes"):
        check_output_names(("n" * 252,))
