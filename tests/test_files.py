"""Where output goes: files whole or not at all, links and devices as they are."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from ppattack.errors import DataError
from ppattack.files import remove_unfinished, write_bytes, write_text
from ppattack.folders import new_folder
from tests.support.program import as_a_person
from tests.support.saved import report, save


def test_the_file_behind_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "real"
    (tmp_path / "first").symlink_to("far/real")
    (tmp_path / "second").symlink_to("first")
    for text in ("new", "newer"):  # at first the link leads to nothing
        write_text(tmp_path / "second", text)
        assert real.read_text() == text
    assert (tmp_path / "second").is_symlink()
    assert (tmp_path / "first").is_symlink()
    assert [path.name for path in real.parent.iterdir()] == ["real"]


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DataError, match="cannot write .*/a: "):
        write_bytes(tmp_path / "a", b"x")


def test_the_folder_behind_a_link_is_filled(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for text in ("one", "two"):
        with new_folder(tmp_path / "link", replace=True) as folder:
            (folder / "x").write_text(text)
        assert (tmp_path / "real" / "x").read_text() == text
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_bytes(tmp_path / "pipe", b"x" * 200_000)
    reader.join()
    assert read == [b"x" * 200_000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    write_text(tmp_path / "null", "text")
    assert (tmp_path / "null").is_symlink()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_an_open_descriptor_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as file:
        file.write(b"before ")
        write_text(Path(f"/dev/fd/{file.fileno()}"), "text")
        file.write(b" after")
    assert (tmp_path / "log").read_text() == "before text after"


@pytest.mark.process
def test_a_table_on_standard_output(tmp_path: Path) -> None:
    save(tmp_path, report())
    done = as_a_person("report", ".", "--csv", "/dev/stdout", folder=tmp_path)
    assert done.returncode == 0
    assert "itn" in done.stdout


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".bench-0123456789.abcd1234", ".bench-0123456789ab.lock", "other.json"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path / "bench-0123456789ab.json")
    assert {path.name for path in tmp_path.iterdir()} == {".bench-0123456789ab.lock", "other.json"}
