"""Every promise of SECURITY.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| .* \| `(.*)::(.*)` \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)


def test_promises_are_listed() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize(("path", "name"), ROWS)
def test_the_test_of_a_promise_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
