"""Where tests and what they share are."""

from __future__ import annotations

import ast
import graphlib
import tomllib
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


PACKAGE = TESTS.parent / "ppattack"


def _graph() -> dict[str, set[str]]:
    """The modules of the library and what each imports, in functions and for types too."""
    files = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    assert len(files) > 200
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        graph[module] = set()
        for name in _imports(path):
            known = name if name in files else name.rpartition(".")[0]
            if known in files and known != module:
                graph[module].add(known)
    return graph


def test_no_circle_of_files() -> None:
    order = list(graphlib.TopologicalSorter(_graph()).static_order())
    assert order.index("ppattack.errors") < order.index("ppattack.runs.run")


def test_every_room_has_its_layer() -> None:
    settings = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    layers = {name for layer in contract["layers"] for name in layer.split(" | ")}
    inside = {module for module in _graph() if module.count(".") == 1}
    assert inside == {name for name in layers if name.startswith("ppattack.")}


def test_the_root_holds_the_vocabulary_only() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 20


def test_rooms_are_described() -> None:
    for folder in ("ppattack/solvers", "benchmarks"):
        text = (TESTS.parent / folder / "README.md").read_text(encoding="utf-8")
        assert 5 <= len(text.splitlines()) <= 20
