"""What a sweep covers: attacks × targets × key scopes × seeds, from a TOML file or from flags."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from ppattack.config import Doc, Interval, resolve
from ppattack.errors import ConfigError, DataError, nearest
from ppattack.plugins import registry
from ppattack.request import RunRequest

ALL = "all"
PRESETS = ("quick", "standard", "paper")
Scope = Literal["dataset", "image"]
Settings = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Matrix:
    """A matrix of runs."""

    attacks: Annotated[tuple[str, ...], Doc("names or path/to/file.py:Class; all: every one")]
    targets: Annotated[tuple[str, ...], Doc("likewise")]
    key_scopes: Annotated[
        tuple[Scope, ...], Doc("dataset, image; none: each target's default")
    ] = ()
    seeds: Annotated[tuple[int, ...], Doc("one run for each")] = (0,)
    preset: Annotated[str, Doc("of every attack: smoke, standard or paper")] = "standard"
    data: Annotated[str, Doc("image source")] = "photos"
    size: Annotated[int | None, Interval(ge=1, le=4096), Doc("edge of the images, pixels")] = None
    victims: Annotated[int, Interval(ge=1), Doc("images to encrypt and score")] = 256
    adversary: Annotated[int, Interval(ge=0), Doc("public images")] = 2000
    attack: Annotated[Settings, Doc("settings over the preset, by attack")] = field(
        default_factory=dict
    )
    target: Annotated[Settings, Doc("settings over the defaults, by target")] = field(
        default_factory=dict
    )


def read_matrix(source: str | None, changes: Mapping[str, Any]) -> Matrix:
    """The matrix of a preset or of a TOML file, with some of its fields changed.

    Args:
        source: ``quick``, ``standard``, ``paper``, a path, or None for the changes alone.
        changes: field to value.

    Raises:
        ConfigError: for an unknown field or preset, a value out of range, or an empty matrix.
        DataError: if the file cannot be read or is not TOML.
    """
    values = {**({} if source is None else _toml(source)), **changes}
    for name in ("attacks", "targets"):
        if not values.get(name):
            raise ConfigError(f"the matrix names no {name}: give --{name[:-1]}, or {name} = [...].")
    return resolve(Matrix, values, f"matrix {source}" if source else "matrix")


def _toml(source: str) -> dict[str, Any]:
    if source in PRESETS:
        package = files("ppattack.sweeps")
        text = package.joinpath(f"matrices/{source}.toml").read_text(encoding="utf-8")
        return tomllib.loads(text)
    if not source.endswith(".toml"):
        raise ConfigError(
            f"there is no matrix '{source}'; the nearest: {nearest(source, PRESETS)}. "
            "A file of your own is named *.toml."
        )
    try:
        return tomllib.loads(Path(source).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # also for numbers of too many digits
        raise DataError(f"{source} is not TOML: {error}.") from None


def requests(matrix: Matrix, base: RunRequest) -> tuple[RunRequest, ...]:
    """One request per cell, target by target, each cell once.

    Args:
        matrix: what to cover.
        base: where to write, the device, limits: what all cells share.

    Raises:
        UnknownNameError: for an unknown attack or target.
        ConfigError: for settings of a plug-in that the matrix does not hold.
    """
    attacks, targets = _names("attack", matrix.attacks), _names("target", matrix.targets)
    _check_settings("attack", matrix.attack, attacks)
    _check_settings("target", matrix.target, targets)
    scopes: tuple[Scope | None, ...] = matrix.key_scopes or (None,)
    return tuple(
        RunRequest(
            **{
                **vars(base),
                "attack": attack,
                "target": target,
                "key_scope": scope,
                "seed": seed,
                "preset": matrix.preset,
                "data": matrix.data,
                "size": matrix.size,
                "victims": matrix.victims,
                "adversary": matrix.adversary,
                "attack_settings": matrix.attack.get(attack, {}),
                "target_settings": matrix.target.get(target, {}),
            }
        )
        for target in targets
        for scope in dict.fromkeys(scopes)
        for seed in dict.fromkeys(matrix.seeds)
        for attack in attacks
    )


def _names(kind: registry.Kind, given: tuple[str, ...]) -> list[str]:
    """The names, each once; ``all`` stands for every registered one."""
    every = registry.attacks() if kind == "attack" else registry.names(kind)
    found: dict[str, None] = {}
    for name in given:
        found |= dict.fromkeys(every if name == ALL else [name])
    for name in found:
        registry.source_file(kind, name)
    return list(found)


def _check_settings(kind: str, settings: Settings, names: list[str]) -> None:
    for name in settings:
        if name not in names:
            raise ConfigError(
                f"the matrix has settings [{kind}.{name}], but no such {kind}; the nearest: "
                f"{nearest(name, names)}."
            )
