"""What ``import ppattack`` gives: every name is there, says what it is, and is written once."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest

import ppattack

STUB = Path(ppattack.__file__).with_suffix(".pyi")
MODULES = {"blocks", "images"}
TYPE_ALIASES = {"Draw", "ImageShape", "Parts", "Preset"}
ROOT = Path(__file__).parents[1]


def _written() -> dict[str, str]:
    """The names in the stub file and where they come from."""
    found: dict[str, str] = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.name not in found, f"{alias.name} is written twice"
                assert alias.asname == alias.name
                found[alias.name] = node.module or ""
    return found


def test_the_names_are_those_of_the_stub_file() -> None:
    assert sorted(ppattack.__all__) == sorted(_written())
    assert len(ppattack.__all__) >= 45
    assert set(ppattack.__all__) <= set(dir(ppattack))


@pytest.mark.parametrize("name", sorted(_written()))
def test_every_name_says_what_it_is(name: str) -> None:
    value = getattr(ppattack, name)
    if name in MODULES:
        assert isinstance(value, types.ModuleType)
    elif name in TYPE_ALIASES:
        assert typing.get_origin(value) is not None or isinstance(value, str)
        return
    else:
        assert inspect.isclass(value) or inspect.isfunction(value)
        assert value.__module__ == f"ppattack.{_written()[name]}", "it is defined elsewhere"
        if inspect.isfunction(value):
            assert "return" in value.__annotations__
            parameters = inspect.signature(value).parameters
            assert set(parameters) <= set(value.__annotations__), "a parameter without a type"
    doc = inspect.getdoc(value)
    assert doc
    assert doc[0].isupper() or doc.startswith("``")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        getattr(ppattack, "nothing_of_that_name")  # noqa: B009


@pytest.mark.process
def test_the_import_alone_loads_nothing_large() -> None:
    code = "import sys, ppattack; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "path",
    [
        "examples/my_attack.py",
        "examples/my_target.py",
        "examples/ci/stream_cipher.py",
        "ppattack/plugins/templates/attack.py.txt",
        "ppattack/plugins/templates/target.py.txt",
    ],
)
def test_authors_need_one_import(path: str) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    imports = [line for line in lines if line.startswith(("from ppattack", "import ppattack"))]
    assert imports == ["from ppattack import ("]


PLACES = {
    "target": "Target PermXorTarget TargetCard Key Parts Draw ImageShape PublicScheme Structure "
    "Representation",
    "attack": "Attack AttackCard Context ControlTarget Recovery Preset PRESETS Progress "
    "ProgressTask SilentProgress",
    "threat": "ThreatModel Observation Truth KeyScope",
    "card": "Reference TargetCard",
    "config": "Doc Interval resolve as_dict describe",
    "permxor": "PermXor empty_like identity permutation_bits",
    "blocks": "split merge dihedral_table byte_numbers nibble_numbers place COLOUR_ORDERS",
    "images": "check to_float from_float pad_to_multiple crop CHANNELS",
    "errors": "PpattackError ImageError ConfigError DataError KeyFileError NotInvertible "
    "ThreatModelError NotApplicable NotGranted PluginError MetricUnavailable RunFailed",
    "testing": "AttackRun assert_resists assert_broken",
}
"""What plug-ins outside import from the modules that keep their places."""


@pytest.mark.parametrize("module", PLACES)
def test_modules_that_plugins_import_keep_their_names(module: str) -> None:
    found = importlib.import_module(f"ppattack.{module}")
    assert [name for name in PLACES[module].split() if not hasattr(found, name)] == []
