"""Where tests and what they share are."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
FIXED = ("__init__.py", "conftest.py")


def _modules() -> list[Path]:
    found = sorted(TESTS.rglob("*.py"))
    assert len(found) > 100
    return found


def _imports(path: Path) -> list[str]:
    """Every module and name that a file imports, dotted."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{each.name}" for each in node.names]
    return names


def test_no_module_imports_a_test_module() -> None:
    found = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in _modules()
        for name in _imports(path)
        if name.startswith("tests.")
        and any((TESTS.parent / f"{part}.py").is_file() for part in _test_modules(name))
    ]
    assert found == []


def _test_modules(name: str) -> list[str]:
    """The parts of a dotted name that are named like a test module, as paths."""
    parts = name.split(".")
    return ["/".join(parts[: i + 1]) for i, part in enumerate(parts) if part.startswith("test_")]


def test_what_tests_share_is_in_the_support_folder() -> None:
    strays = [
        str(path.relative_to(TESTS))
        for path in _modules()
        if not path.name.startswith("test_")
        and path.name not in FIXED
        and path.relative_to(TESTS).parts[0] != "support"
    ]
    assert strays == []
    misplaced = [str(path) for path in (TESTS / "support").rglob("test_*.py")]
    assert misplaced == []
