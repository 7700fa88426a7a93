"""The files that a plug-in is written in: its own, and those of its project that it imports.

Imports are read, not run. Modules that are loaded by a computed name are not found, nor are files
that a plug-in reads.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
"""Files and folders that mark the root of a project."""
OURS = "ppattack"
"""The package whose modules are left out: its version stands for them."""
PROXIES = "ppattack.isolation."
"""The package of the classes that stand for a plug-in in another process."""


def source_hash(plugin: object) -> str:
    """The hash of a plug-in's class and its files: another class or an edit is another experiment.

    Args:
        plugin: an attack, a target or an image source; the proxy of an isolated attack tells the
            hash of what it stands for in its attribute ``source_hash``, which no other may set.
    """
    cls = type(plugin)
    if f"{cls.__module__}.".startswith(PROXIES):
        told = getattr(plugin, "source_hash", None)
        if isinstance(told, str):
            return told
    try:
        files = files_hash(Path(inspect.getfile(cls)))
    except (OSError, TypeError):
        files = ""
    named = f"{cls.__qualname__} in {files or cls.__module__}"
    return hashlib.sha256(named.encode()).hexdigest()


@cache
def own_hash() -> str:
    """SHA-256 over the code of this package and of the targets that come with it.

    For what is kept beyond one version: someone may be changing the package.
    """
    found = hashlib.sha256()
    package = Path(__file__).parents[1]
    for folder in (package, package.parent / "targets"):
        for file in sorted(folder.rglob("*.py")):
            found.update(f"{file.relative_to(package.parent)}".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


def files_hash(path: Path) -> str:
    """SHA-256 over the files, or an empty text if the plug-in's file cannot be read.

    Args:
        path: the file of the plug-in.
    """
    found = hashlib.sha256()
    try:
        files = source_files(path)
        for file in files:
            found.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError:
        return ""
    return found.hexdigest()


def source_files(path: Path) -> list[Path]:
    """The file of a plug-in, then those of its project that it imports, directly or not, by name.

    Args:
        path: the file of the plug-in.

    Raises:
        OSError: if it cannot be read.
    """
    first = path.resolve()
    roots, package = _roots(first), _package(first)
    found, waiting = {first}, [first]
    while waiting:
        file = waiting.pop()
        more = {each for each in _imported(file, roots, package) if each not in found}
        found |= more
        waiting += more
    return [first, *sorted(found - {first})]


def _roots(path: Path) -> list[Path]:
    """Folders in which absolute imports are looked for: its own, and those up to its project's."""
    above = list(path.parents)
    for place, folder in enumerate(above):
        if any((folder / mark).exists() for mark in MARKS):
            return [*above[: place + 1], folder / "src"]
    return [path.parent]


def _package(path: Path) -> Path | None:
    """The folder of the outermost package that a file is in."""
    inside = [folder for folder in path.parents if (folder / "__init__.py").is_file()]
    return inside[-1] if inside else None


def _imported(file: Path, roots: list[Path], package: Path | None) -> Iterator[Path]:
    """Files of the modules that a file imports, and of the packages around them."""
    for level, parts in _names(file.read_bytes()):
        if level:
            yield from _below(file.parents[level - 1], [*parts])
        else:
            yield from _absolute([*parts], roots, package)


@lru_cache(maxsize=1024)
def _names(code: bytes) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Level and dotted name of everything that code imports."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return ()  # loading it says what is wrong with it
    found: list[tuple[int, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, tuple(alias.name.split("."))) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            found += [(node.level, (*parts, alias.name)) for alias in node.names]
    return tuple(found)


def _absolute(parts: list[str], roots: list[Path], package: Path | None) -> Iterator[Path]:
    if parts[0] == OURS:
        return
    own = [package.parent] if package is not None and parts[0] == package.name else []
    for root in [*own, *roots]:
        found = list(_below(root, parts))
        if found:
            yield from found
            return


def _below(folder: Path, parts: list[str]) -> Iterator[Path]:
    """Files of a dotted name and of the packages that it goes through."""
    for part in parts:
        for file in (folder / f"{part}.py", folder / part / "__init__.py"):
            if file.is_file():
                yield file.resolve()
        folder /= part
