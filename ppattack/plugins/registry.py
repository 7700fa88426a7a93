"""Names to plug-ins: entry points, or ``path/to/file.py:Class``.

Built-in targets, attacks and image sources register through the same entry-point groups as
anybody else's: ``ppattack.targets``, ``ppattack.attacks`` and ``ppattack.datasets``.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from typing_extensions import override

from ppattack.errors import PluginError, RunFailed, UnknownNameError, kept_running, nearest
from ppattack.plugins.names import check_names

if TYPE_CHECKING:
    from ppattack.attack import Attack
    from ppattack.data.source import ImageSource
    from ppattack.target.base import Target

Kind = Literal["target", "attack", "dataset"]
NO_ATTACK = "none"
"""Registered like an attack, so that it can be run; it recovers nothing and never counts as one."""

ORACLE = "oracle"
"""The target that is an external program: it needs a command, so "all targets" leave it out."""
FUNCTION, ARRAYS = "function", "arrays"
"""The target and the images that a calling program holds; likewise left out."""
HIDDEN: dict[Kind, dict[str, str]] = {
    "target": {
        ORACLE: "ppattack.target.oracle:Oracle",
        FUNCTION: "ppattack.target.function:Function",
    },
    "attack": {},
    "dataset": {ARRAYS: "ppattack.data.arrays:Arrays"},
}
"""What is found by name but never listed."""
SCHEMES = "targets"
"""The package of the built-in schemes, beside this one."""
OWN_SCHEMES = "ppattack_targets"
"""Its name where a package of the user's has that name."""


@dataclass(frozen=True)
class Entry:
    """A registered plug-in.

    Args:
        name: its registered name.
        plugin: the class, or None when it cannot be loaded.
        broken: why it cannot be loaded, or ``""``.
    """

    name: str
    plugin: type[Any] | None
    broken: str = ""


@cache
def _points(kind: Kind) -> dict[str, EntryPoint]:
    group = f"ppattack.{kind}s"
    found = {point.name: point for point in entry_points(group=group)}
    for name, place in HIDDEN[kind].items():
        found[name] = EntryPoint(name, place, group)
    return found


def names(kind: Kind) -> list[str]:
    """Every registered name, in order, without importing any plug-in."""
    return sorted(name for name in _points(kind) if name not in HIDDEN[kind])


def attacks() -> list[str]:
    """Every registered attack, without :data:`NO_ATTACK`: what "all attacks" means."""
    return [name for name in names("attack") if name != NO_ATTACK]


def entries(kind: Kind) -> list[Entry]:
    """Every registered plug-in; one that fails to import carries the reason."""
    found = []
    for name in names(kind):
        try:
            found.append(Entry(name, _load(kind, name)))
        except (PluginError, RunFailed) as error:
            found.append(Entry(name, None, str(error)))
    return found


def target(name: str) -> type[Target]:
    """The target class of a name or of ``path/to/file.py:Class``."""
    found: type[Target] = _load("target", name)
    return found


def attack(name: str) -> type[Attack]:
    """The attack class of a name or of ``path/to/file.py:Class``."""
    found: type[Attack] = _load("attack", name)
    return found


def dataset(spec: str) -> ImageSource:
    """The image source of ``name``, ``name:argument`` or ``path/to/file.py:Class``."""
    if _is_path(spec):
        source: ImageSource = _load("dataset", spec)()
        return source
    name, _, argument = spec.partition(":")
    plugin: type[ImageSource] = _load("dataset", name)
    return plugin(argument)


def _is_path(name: str) -> bool:
    return ".py:" in name


def _load(kind: Kind, name: str) -> type[Any]:
    """The plug-in class.

    Raises:
        UnknownNameError: if no plug-in has the name.
        PluginError: if it cannot be imported or is not of its kind.
    """
    if _is_path(name):
        plugin = _from_file(kind, name)
    else:
        point = _point(kind, name)
        try:
            with kept_running(f"{kind} '{name}' ({point.value})"):
                plugin = getattr(importlib.import_module(_module(point)), point.attr)
        except RunFailed:
            raise
        except Exception as error:
            raise PluginError(
                f"{kind} '{name}' ({point.value}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
    base = _base(kind)
    if not (isinstance(plugin, type) and issubclass(plugin, base)):
        raise PluginError(f"{kind} '{name}' is not a subclass of ppattack.{base.__name__}.")
    _check_class(kind, name, plugin)
    return plugin


def _check_class(kind: Kind, name: str, plugin: type[Any]) -> None:
    """Refuse a class that lacks what every plug-in of its kind has.

    Raises:
        PluginError: saying what to add.
    """
    if not hasattr(plugin, "card"):
        raise PluginError(f"{kind} '{name}' has no card.")
    if kind != "dataset" and not dataclasses.is_dataclass(getattr(plugin, "Config", None)):
        raise PluginError(
            f"{kind} '{name}' has no Config: give class {plugin.__qualname__} a frozen dataclass "
            "'Config' of its settings, an empty one if it has none."
        )
    if kind == "attack" and not hasattr(plugin, "presets"):
        raise PluginError(
            f"{kind} '{name}' has no presets: give class {plugin.__qualname__} "
            "presets = {'smoke': {}, 'standard': {}, 'paper': {}}."
        )
    missing = sorted(getattr(plugin, "__abstractmethods__", ()))
    if missing:
        raise PluginError(
            f"{kind} '{name}' does not define {', '.join(missing)}: add them to class "
            f"{plugin.__qualname__}."
        )
    settings = getattr(getattr(plugin, "Config", None), "__dataclass_fields__", ())
    check_names(kind, name, getattr(plugin.card, "name", None), settings)


def source_file(kind: Kind, name: str) -> Path | None:
    """The file that a plug-in is written in, found without running it; None if it is not found.

    Raises:
        UnknownNameError: if no plug-in has the name.
    """
    if _is_path(name):
        return Path(name.rpartition(":")[0]).resolve()
    found, inside = None, None
    module = _module(_point(kind, name)).split(".")
    for depth in range(len(module)):  # importlib.util.find_spec would import the packages above
        whole = ".".join(module[: depth + 1])
        finders = (finder.find_spec(whole, inside) for finder in sys.meta_path)
        found = next((each for each in finders if each is not None), None)
        if whole == OWN_SCHEMES:
            found = sys.modules[whole].__spec__
        if found is None:
            return None
        inside = found.submodule_search_locations
    return Path(found.origin) if found is not None and found.origin else None


def is_third_party(kind: Kind, name: str) -> bool:
    """Whether a plug-in comes from outside this package.

    Raises:
        UnknownNameError: if no plug-in has the name.
    """
    if _is_path(name):
        return True
    return not _is_ours(_point(kind, name))


def _point(kind: Kind, name: str) -> EntryPoint:
    points = _points(kind)
    if kind == "target" and not name:
        raise UnknownNameError(
            "no target: name one with --target NAME or --target path/to/file.py:Class, or a "
            "program with --oracle 'CMD {in} {out}'."
        )
    if name not in points:
        listed = points.keys() - {FUNCTION, ARRAYS}
        raise UnknownNameError(
            f"there is no {kind} '{name}'; the nearest are: {nearest(name, listed)}. "
            f"'ppattack list {kind}s' shows all; path/to/file.py:Class loads your own."
        )
    return points[name]


def _module(point: EntryPoint) -> str:
    """The module of a plug-in, whatever package of the user's has the name of our schemes'."""
    package, _, rest = point.module.partition(".")
    place = Path(__file__).parents[2] / SCHEMES / "__init__.py"
    if package != SCHEMES or not _is_ours(point) or not place.is_file():
        return point.module
    found = importlib.util.find_spec(SCHEMES)
    if found is not None and found.origin and Path(found.origin).resolve() == place.resolve():
        return point.module
    if OWN_SCHEMES not in sys.modules:
        spec = importlib.util.spec_from_file_location(OWN_SCHEMES, place)
        if spec is None or spec.loader is None:
            return point.module
        module = importlib.util.module_from_spec(spec)
        sys.modules[OWN_SCHEMES] = module
        spec.loader.exec_module(module)
    return f"{OWN_SCHEMES}.{rest}"


def _is_ours(point: EntryPoint) -> bool:
    ours = any(point.value in places.values() for places in HIDDEN.values())
    return ours or (point.dist is not None and _package_name(point.dist) == "ppattack")


@cache
def _package_name(installed: Distribution) -> str:
    """The name of an installed package; each time that it is asked, its whole description is read.

    Packages are compared by identity, and all entry points of one name the same object.
    """
    return installed.name


def _base(kind: Kind) -> type[Any]:
    if kind == "target":
        from ppattack.target.base import Target

        return Target
    if kind == "attack":
        from ppattack.attack import Attack

        return Attack
    from ppattack.data.source import ImageSource

    return ImageSource


class _AsItIs(SourceFileLoader):
    """Loads the text of a file, never a compiled copy: that can be of the text before an edit."""

    @override
    def path_stats(self, path: Any) -> NoReturn:
        """Say nothing that a copy could be compared with."""
        raise OSError


def _from_file(kind: Kind, spec: str) -> Any:
    path_text, _, class_name = spec.rpartition(":")
    path = Path(path_text).resolve()
    if not path.is_file():
        raise PluginError(f"{kind} '{spec}': there is no file {path}.")
    module_name = f"ppattack_plugin_{path.stem}"
    loader = _AsItIs(module_name, str(path)) if path.suffix == ".py" else None
    spec_found = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    if spec_found is None or spec_found.loader is None:
        raise PluginError(f"{kind} '{spec}': {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec_found)
    sys.modules[module_name] = module
    try:
        with kept_running(f"{kind} '{spec}'"):
            spec_found.loader.exec_module(module)
    except RunFailed:
        sys.modules.pop(module_name, None)
        raise
    except Exception as error:
        sys.modules.pop(module_name, None)
        raise PluginError(
            f"{kind} '{spec}' cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, class_name):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise PluginError(
            f"{kind} '{spec}': {path.name} has no class '{class_name}'; "
            f"the nearest are: {nearest(class_name, classes)}."
        )
    return getattr(module, class_name)
