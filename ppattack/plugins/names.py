"""The names that a plug-in gives itself: they become names of folders."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ppattack.errors import PluginError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def check_names(kind: str, spec: str, name: object, settings: Iterable[object] = ()) -> None:
    """Refuse names that cannot be part of the name of a folder, or of a setting.

    Args:
        kind: ``attack``, ``target`` or ``dataset``, for the message.
        spec: what the user called the plug-in.
        name: on its card.
        settings: names of its settings.

    Raises:
        PluginError: if one of them is not text that every system takes for a single name.
    """
    fits = isinstance(name, str) and _NAME.fullmatch(name) and not name.endswith(".")
    if not fits or _DEVICE.fullmatch(str(name)):
        raise PluginError(
            f"{kind} {_shown(spec)}: the name on its card, {_shown(name)}, is not valid: use 1 to "
            "64 ASCII letters, digits and . _ + -, a letter or digit first, no dot at the end, and "
            "none of the names that Windows keeps (con, nul, com1, ...)."
        )
    for setting in settings:
        if not (isinstance(setting, str) and _SETTING.fullmatch(setting)):
            raise PluginError(
                f"{kind} {_shown(spec)}: the setting {_shown(setting)} is not valid: use 1 to 64 "
                "ASCII letters, digits and _, no digit first."
            )


def _shown(text: object) -> str:
    """Any text on one short line."""
    shown = ascii(text)
    return shown if len(shown) <= 80 else shown[:77] + "..."
