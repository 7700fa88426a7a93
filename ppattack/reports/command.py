"""The command that repeats a run, or the call if it was one of Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ppattack.options import options
from ppattack.plugins.registry import ARRAYS, FUNCTION
from ppattack.request import RunRequest


def command(request: Mapping[str, Any], cls: type[Any] = RunRequest) -> str:
    """The command that repeats a run, one line for a shell; defaults are left out.

    Of images or a function that a program held, the call: only that program can repeat it.

    Args:
        request: the fields of a ``RunRequest``, as in ``provenance.request`` of a report.
        cls: the class whose fields they are.
    """
    if _is_call(request):
        return _call(request, cls)
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


def _is_call(request: Mapping[str, Any]) -> bool:
    """Whether images or cipher were those of a calling program."""
    source = str(request.get("data") or "").partition(":")[0]
    return request.get("target") == FUNCTION or source == ARRAYS


def _call(request: Mapping[str, Any], cls: type[Any]) -> str:
    """The call, with what is not a default."""
    settings = dict(request.get("target_settings") or {})
    function = settings.pop("function", None)
    cipher = function if request.get("target") == FUNCTION else repr(request.get("target"))
    source = str(request.get("data"))
    words = ["images" if source.startswith(f"{ARRAYS}:") else repr(source), f"encrypt={cipher}"]
    for option in options(cls):
        value = request.get(option.name)
        left_out = option.name in ("target", "data", "victims", "adversary", "threads")
        if option.flag.repeats and not left_out and value not in (None, option.default):
            words.append(f"{option.name}={value!r}")
    if request.get("attack_settings"):
        words.append(f"attack_settings={dict(request['attack_settings'])!r}")
    if settings and request.get("target") != FUNCTION:
        words.append(f"target_settings={settings!r}")
    return f"ppattack.attack({', '.join(words)})"


def plain_text(value: object) -> str:
    """A setting as it is written in a command: ``true``, ``none``, ``4``."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, default=str)
