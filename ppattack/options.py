"""Fields of a request that the command line can set: one table, read from the request itself."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError


class Flag:
    """The option of the command line that sets a field of a request.

    Args:
        names: as they are typed, the one for messages and commands first.
        metavar: what stands for the value in the help; None for its type.
        unit: of the number, for messages.
        repeats: whether the command that repeats a run names it; where a run writes to changes no
            result.
    """

    __slots__ = ("metavar", "names", "repeats", "unit")

    def __init__(
        self, *names: str, metavar: str | None = None, unit: str = "", repeats: bool = True
    ) -> None:
        self.names, self.metavar, self.unit, self.repeats = names, metavar, unit, repeats


@dataclass(frozen=True)
class Option:
    """A field of a request that the command line can set.

    Args:
        name: of the field.
        type: without what is said about it.
        flag: how it is typed.
        interval: its range, or None.
        help: what it means.
        default: ``dataclasses.MISSING`` if it must be given.
    """

    name: str
    type: Any
    flag: Flag
    interval: Interval | None
    help: str
    default: Any


def options(cls: type[Any]) -> Iterator[Option]:
    """The fields of a request that the command line can set, in their order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    for each in dataclasses.fields(cls):
        kind, *said = typing.get_args(hints[each.name]) or (hints[each.name],)
        for flag in said:
            if isinstance(flag, Flag):
                interval = next((one for one in said if isinstance(one, Interval)), None)
                text = " ".join(one.text for one in said if isinstance(one, Doc))
                yield Option(each.name, kind, flag, interval, text, each.default)


def check_range(option: Option, value: Any) -> None:
    """Refuse a value of an option that is out of its range.

    Raises:
        ConfigError: naming the flag and the range.
    """
    bounds = option.interval
    if bounds is None or value is None:
        return
    if bounds.ge is not None and bounds.le is not None:
        valid, words = bounds.ge <= value <= bounds.le, f"{bounds.ge} to {bounds.le}"
    elif bounds.ge is not None:
        valid, words = value >= bounds.ge, f"at least {bounds.ge}"
    elif bounds.gt is not None:
        valid, words = value > bounds.gt, f"above {bounds.gt}"
    else:
        raise TypeError(f"the range of '{option.name}' has no words: give it ge, ge and le, or gt.")
    if not valid:
        raise ConfigError(
            f"{option.flag.names[0]} {value} is not valid: it must be {words}{option.flag.unit}."
        )
