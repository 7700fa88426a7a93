from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ppattack.errors import PluginError, UnknownNameError
from ppattack.plugins import registry

PLUGIN = """
from ppattack.target import Target
class NoEncrypt(Target): pass
class Other: pass
"""


def test_built_in_names_are_registered_like_anybody_elses() -> None:
    assert {"plain", "le", "ele", "pe", "etc", "one-time-pad"} <= set(registry.names("target"))
    assert {"fr", "itn"} <= set(registry.names("attack"))
    assert {"photos", "cifar10", "mnist", "folder", "npz"} <= set(registry.names("dataset"))


def test_no_built_in_plugin_is_broken() -> None:
    kinds: tuple[registry.Kind, ...] = ("target", "attack", "dataset")
    for kind in kinds:
        assert [entry.broken for entry in registry.entries(kind) if entry.broken] == []


def test_an_unknown_name_lists_the_three_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no target 'elle'; the nearest are: e?le, .*, "):
        registry.target("elle")


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("import nonexistent_module_x", "X", "No module named 'nonexistent_module_x'"),
        ("raise RuntimeError('boom')", "X", "RuntimeError: boom"),
        ("def broken(:", "X", "SyntaxError"),
        (PLUGIN, "Missing", "no class 'Missing'"),
        (PLUGIN, "Other", "not a subclass of ppattack.Target"),
        (PLUGIN, "NoEncrypt", "does not define encrypt"),
    ],
)
def test_a_broken_plugin_file_says_why(
    tmp_path: Path, source: str, name: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(PluginError, match=message):
        registry.target(f"{path}:{name}")


def test_an_edit_of_the_same_size_at_the_same_moment_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    for word in ("one", "two"):
        path.write_text(f"class A: word = {word!r}")
        os.utime(path, (1, 1))
        with pytest.raises(PluginError, match="is not a subclass"):
            registry.target(f"{path}:A")
        assert sys.modules["ppattack_plugin_mine"].A.word == word


def test_a_missing_plugin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="there is no file"):
        registry.attack(f"{tmp_path / 'none.py'}:X")


def test_a_broken_entry_is_listed_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    real = registry._points("target")
    bad = EntryPoint("bad", "nonexistent_module_x:Y", "ppattack.targets")
    monkeypatch.setattr(registry, "_points", lambda kind: {**real, "bad": bad})
    found = {entry.name: entry for entry in registry.entries("target")}
    assert "nonexistent_module_x" in found["bad"].broken
    assert found["plain"].plugin is not None


def test_the_file_of_a_plug_in_is_found_without_running_its_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "outer_package" / "inner"
    inner.mkdir(parents=True)
    for place in (inner.parent, inner):
        (place / "__init__.py").write_text("raise SystemExit('was run')")
    (inner / "mine.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("mine", "outer_package.inner.mine:Mine", "ppattack.attacks")
    monkeypatch.setattr(registry, "_points", lambda kind: {"mine": point})
    assert registry.source_file("attack", "mine") == inner / "mine.py"


@pytest.mark.process
def test_a_package_of_the_users_hides_no_scheme(tmp_path: Path) -> None:
    """The user's package has the name of ours, comes first on the path, and is loaded already."""
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "__init__.py").write_text("mine = 1")
    code = (
        "import sys\n"  # an editable installation finds more than a common one
        "sys.meta_path = [m for m in sys.meta_path if 'editable' not in repr(m).lower()]\n"
        "import targets; assert targets.mine\n"
        "from ppattack.plugins import registry\n"
        "assert not [e for e in registry.entries('target') if e.broken]\n"
        "found = registry.target('ele')\n"
        "assert registry.source_file('target', 'ele').name == 'ele.py'\n"
        "assert registry.target('ele') is found\n"
        "from ppattack.plugins.source import source_hash\n"
        "assert source_hash(found())\n"
        "import targets; assert targets.mine\n"
    )
    place = Path(registry.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{place}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
