"""How every page is filled in: what comes from outside is escaped and has no control characters."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from ppattack.reports.text import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    """Templates of ``render/templates``; a name that is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("ppattack.render"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """Text without control characters; what is marked as safe is our own."""
    if isinstance(value, str | PurePath) and not hasattr(value, "__html__"):
        return visible(str(value))
    return value
