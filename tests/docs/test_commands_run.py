"""Every command of the pages runs: with fewer images, the quickest preset, and stand-ins."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import small_commands
from tests.support.fences import commands, on_pages
from tests.support.program import in_process

pytestmark = pytest.mark.slow

FENCES = on_pages()
ENDED = (0, 1, 2, 4)
"""Exit codes of runs that came to a result, or to none that can be told."""
REFUSED = re.compile(r"^ppattack: (?!warning: ).*", re.MULTILINE)
PAGES = sorted({
    each.page for each in FENCES
    if not each.mark and any(line.startswith("ppattack ") for line in commands(each))
})  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    small_commands.prepare(folder)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_every_command_runs(page: str, place: Path) -> None:
    faults = []
    for each in FENCES:
        if each.page != page or each.mark:
            continue
        for command in commands(each):
            if not command.startswith("ppattack ") or small_commands.left_out(command):
                continue
            words = shlex.join(small_commands.smaller(command, place))
            code, _, errors = in_process(words, place)
            refused = REFUSED.findall(errors)
            if code not in ENDED or refused:
                faults.append(f"{command}\n    {words}\n    {code} {refused}")
    assert not faults, "\n".join(faults)


def test_few_are_left_out() -> None:
    found = [line for each in FENCES for line in commands(each) if line.startswith("ppattack ")]
    kept = [line for line in found if not small_commands.left_out(line)]
    assert len(kept) > 0.7 * len(found)
