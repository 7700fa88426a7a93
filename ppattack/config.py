"""Typed, frozen plug-in configurations.

A plug-in declares ``Config`` as a frozen dataclass whose fields carry their range and meaning::

    @dataclass(frozen=True)
    class Config:
        block_size: Annotated[int, Interval(ge=2, le=256), Doc("edge of a block, pixels")] = 16

Values are checked by pydantic when the plug-in is built, not when its module is imported.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from ppattack.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pydantic import TypeAdapter

C = TypeVar("C")


class Doc:
    """What a configuration field means, with its unit.

    Args:
        text: a phrase for people to read.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Interval:
    """The range of a configuration field; bounds that are left out do not apply.

    It is what ``annotated_types.Interval`` is to pydantic, without loading that package (and
    dataclasses for each of its kinds) to answer ``ppattack list``.

    Args:
        gt: the value is greater.
        ge: the value is at least this.
        lt: the value is less.
        le: the value is at most this.
    """

    __slots__ = ("ge", "gt", "le", "lt")
    __is_annotated_types_grouped_metadata__ = True

    def __init__(
        self,
        *,
        gt: float | None = None,
        ge: float | None = None,
        lt: float | None = None,
        le: float | None = None,
    ) -> None:
        self.gt, self.ge, self.lt, self.le = gt, ge, lt, le

    def __iter__(self) -> Iterator[Any]:
        import annotated_types

        yield annotated_types.Interval(gt=self.gt, ge=self.ge, lt=self.lt, le=self.le)


@cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(typing.cast(Any, cls))


@cache
def _named_none(cls: Hashable) -> frozenset[str]:
    """The fields with a choice called ``none``, which text cannot tell from None."""
    hints = typing.get_type_hints(cls)
    return frozenset(name for name, hint in hints.items() if "none" in typing.get_args(hint))


def resolve(cls: type[C], values: Mapping[str, Any], where: str) -> C:
    """Build and check a configuration.

    Args:
        cls: a frozen dataclass.
        values: field name to value; text is converted to the field's type, and None to a choice
            called ``none`` if there is one.
        where: how to name the place in an error, for example ``"target.etc"``.

    Raises:
        ConfigError: for an unknown field (names the nearest ones), a wrong type, or a value
            out of range.
    """
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in names:
            hint = f"the nearest are: {nearest(name, names)}" if names else "it has no settings"
            raise ConfigError(f"{where} has no setting '{name}'; {hint}.")
    from pydantic import ValidationError

    named = _named_none(typing.cast(Hashable, cls))
    given = {
        name: "none" if value is None and name in named else value for name, value in values.items()
    }
    try:
        checked: C = _adapter(typing.cast(Hashable, cls)).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "configuration"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "tuple_type":
            message = f"it must be a list, for example [{json.dumps(first['input'], default=str)}]"
        raise ConfigError(
            f"{where}.{field}={first.get('input')!r} is not valid: {message}."
        ) from None
    return checked


def as_dict(config: Any) -> dict[str, Any]:
    """The configuration as plain values (JSON-ready)."""
    return dataclasses.asdict(config)


def describe(cls: type[Any]) -> list[dict[str, Any]]:
    """One row per field: ``name``, ``type``, ``default``, ``range`` and ``doc``."""
    hints = typing.get_type_hints(cls, include_extras=True)
    rows = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        base = typing.get_args(hint)[0] if extras else hint
        text = " ".join(extra.text for extra in extras if isinstance(extra, Doc))
        ranges = [_range_text(extra) for extra in extras if not isinstance(extra, Doc)]
        rows.append(
            {
                "name": field.name,
                "type": _type_text(base),
                "default": field.default,
                "range": " ".join(filter(None, ranges)),
                "doc": text,
            }
        )
    return rows


def _type_text(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(hint))
    return getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else str(hint)


def _range_text(extra: Any) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "multiple of"}
    found = {key: getattr(extra, key, None) for key in signs}
    return ", ".join(f"{signs[key]} {value}" for key, value in found.items() if value is not None)
