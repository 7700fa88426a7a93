"""The command that repeats a run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ppattack.options import options
from ppattack.request import RunRequest


def command(request: Mapping[str, Any], cls: type[Any] = RunRequest) -> str:
    """The command that repeats a run, one line for a shell; defaults are left out.

    Args:
        request: the fields of a ``RunRequest``, as in ``provenance.request`` of a report.
        cls: the class whose fields they are.
    """
    words, switches = ["ppattack", "run"], []
    for option in options(cls):
        value = request.get(option.name)
        implied = option.name == "target" and request.get("oracle") is not None
        if not option.flag.repeats or value is None or implied:
            continue
        if option.type is bool:
            switches += [option.flag.names[0]] if value else []
        elif value != option.default or (option.name == "data" and request.get("ciphertexts")):
            words += [option.flag.names[0], str(value)]
    for part in ("target", "attack"):
        for name, value in (request.get(f"{part}_settings") or {}).items():
            if part == "target" and request.get("oracle") and name in ("command", "shell"):
                continue
            if part == "attack" and request.get("link") and name == "link":
                continue
            words += ["--set", f"{part}.{name}={plain_text(value)}"]
    words += switches
    saved = request.get("save_images", RunRequest.save_images)
    if saved != RunRequest.save_images and not request.get("ciphertexts"):
        words += ["--save-images", "all" if saved is None else str(saved or "none")]
    return shlex.join(words)


def plain_text(value: object) -> str:
    """A setting as it is written in a command: ``true``, ``none``, ``4``."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, default=str)
