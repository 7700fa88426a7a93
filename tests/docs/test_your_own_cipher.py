"""The walk-through works as it stands: its files are written, its commands run, its output seen."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import in_process

PAGE = Path(__file__).parents[2] / "docs" / "your-own-cipher.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"\s+# exit code (\d)$")
SLOW = "ppattack audit"


@dataclass(frozen=True)
class Block:
    """A fenced part of the page."""

    kind: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def follow(folder: Path, *, slow: bool) -> int:
    """Do what the page says; returns how many commands were run."""
    said, ran = "", 0
    for block in blocks():
        if block.kind in ("python", "toml"):
            name = block.text.splitlines()[0].removeprefix("# ")
            (folder / name).write_text(block.text, encoding="utf-8")
        elif block.kind == "sh":
            said = ""
            for line in block.text.splitlines():
                if line.startswith(SLOW) and not slow:
                    said = "skipped"
                    continue
                code = EXIT_CODE.search(line)
                words = EXIT_CODE.sub("", line).removeprefix("ppattack ")
                found, out, errors = in_process(words, folder)
                assert found == int(code[1] if code else 0), errors
                said += squeezed(out + errors)
                ran += 1
        elif said != "skipped":
            assert block.kind == "text"
            for line in block.text.splitlines():
                assert squeezed(line) in said, line
    return ran


def test_every_file_is_named_and_every_command_is_ours() -> None:
    found = blocks()
    assert {block.kind for block in found} == {"python", "sh", "text", "toml"}
    for block in found:
        if block.kind in ("python", "toml"):
            assert re.match(r"# \w+\.(py|toml)\n", block.text)
        if block.kind == "sh":
            assert all(line.startswith("ppattack ") for line in block.text.splitlines())


@pytest.mark.long
def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    beside = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(beside), os.environ["PATH"]]))
    assert follow(tmp_path, slow=False) >= 6


@pytest.mark.slow
def test_the_walk_through_with_its_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    beside = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(beside), os.environ["PATH"]]))
    assert follow(tmp_path, slow=True) >= 7
