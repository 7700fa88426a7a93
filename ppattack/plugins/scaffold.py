"""The first files of your own plug-in: a plug-in that works, and its tests."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from typing import Literal

from ppattack.errors import ConfigError
from ppattack.files import write_text
from ppattack.plugins import registry

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(kind: Literal["target", "attack"], name: str, folder: Path) -> list[Path]:
    """Write a plug-in and its tests.

    Args:
        kind: of the plug-in.
        name: lower-case letters, digits and hyphens: ``my-cipher``.
        folder: where the files go.

    Returns:
        the two files, ``my_cipher.py`` and ``test_my_cipher.py``.

    Raises:
        ConfigError: for a name that is invalid or taken, or if a file exists already.
        DataError: if the folder cannot be written.
    """
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module):
        raise ConfigError(
            f"'{name}' is not a valid name: use lower-case letters, digits and hyphens, my-cipher."
        )
    if name in registry.names(kind):
        raise ConfigError(f"there is a {kind} '{name}' already: choose another name.")
    words = name.split("-")
    known = {
        "slug": name,
        "module": module,
        "name": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    parts = {
        folder / f"{module}.py": f"{kind}.py.txt",
        folder / f"test_{module}.py": f"test_{kind}.py.txt",
    }
    for path in parts:
        if path.exists():
            raise ConfigError(f"{path} exists already: nothing was written.")
    templates = files("ppattack.plugins") / "templates"
    for path, template in parts.items():
        write_text(path, (templates / template).read_text(encoding="utf-8").format(**known))
    return list(parts)
