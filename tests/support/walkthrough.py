"""A page followed word for word: its files are written, its commands run, its output seen."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import in_process

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE = re.compile(r"\s+# exit code (\d)$")
STEP = re.compile(r"^ *- run: (ppattack .*)$", re.MULTILINE)
FILES = ("python", "toml", "yaml")
"""Kinds of parts whose first line names the file that they are."""


@dataclass(frozen=True)
class Block:
    """A fenced part of the page."""

    kind: str
    text: str

    @property
    def name(self) -> str:
        """The file that it is."""
        return self.text.splitlines()[0].removeprefix("# ")

    @property
    def commands(self) -> list[str]:
        """What it runs: a line each, or the steps of a workflow."""
        return STEP.findall(self.text) if self.kind == "yaml" else self.text.splitlines()


def blocks(page: Path) -> list[Block]:
    """Every part of a page that is fenced and says its kind."""
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def squeezed(text: str) -> str:
    """Text as it reads, however it is laid out."""
    return " ".join(text.split())


def follow(page: Path, folder: Path, skipped: Sequence[str] = ()) -> int:
    """Do what a page says.

    Args:
        page: the page.
        folder: where its files and results go.
        skipped: beginnings of commands that are left out, with the output that follows.

    Returns:
        How many commands were run.
    """
    said, ran = "", 0
    for block in blocks(page):
        if block.kind in FILES:
            (folder / block.name).write_text(block.text, encoding="utf-8")
        if block.kind in ("sh", "yaml"):
            said = ""
            for line in block.commands:
                if line.startswith(tuple(skipped)):
                    said = "skipped"
                    continue
                code = EXIT_CODE.search(line)
                words = EXIT_CODE.sub("", line).removeprefix("ppattack ")
                found, out, errors = in_process(words, folder)
                assert found == int(code[1] if code else 0), f"{line}: {errors}"
                said += squeezed(out + errors)
                ran += 1
        elif block.kind == "console":
            said = "skipped"
        elif block.kind == "text" and said != "skipped":
            for line in block.text.splitlines():
                assert squeezed(line) in said, line
    return ran


def check_form(page: Path, kinds: set[str]) -> None:
    """Every file of a page is named, and every command is ours."""
    found = blocks(page)
    assert {block.kind for block in found} == kinds
    for block in found:
        if block.kind in FILES:
            assert re.fullmatch(r"[\w.]+\.(py|toml|yml)", block.name), block.text
        if block.kind == "sh":
            assert all(line.startswith("ppattack ") for line in block.text.splitlines())


def prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No summary of CI is written, and programs beside this Python are found."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    beside = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(beside), os.environ["PATH"]]))
