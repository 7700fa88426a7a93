"""The command that repeats a run, from the request that its report holds."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from ppattack.render.numbers import plain_text
from ppattack.request import RunRequest

_FLAGS = {
    "attack": "--attack",
    "target": "--target",
    "data": "--data",
    "size": "--size",
    "victims": "-n",
    "adversary": "--adversary",
    "key_scope": "--key-scope",
    "preset": "--preset",
    "seed": "--seed",
    "device": "--device",
    "ciphertexts": "--ciphertexts",
    "truth": "--truth",
    "jpeg": "--jpeg",
    "lpips_net": "--lpips-net",
    "lpips_weights": "--lpips-weights",
    "time_limit": "--time-limit",
    "memory_limit": "--memory-limit",
}
"""Fields of a request and their options. Where it writes to changes no result."""
_SWITCHES = {"overlap": "--published-overlap", "download": "--download", "isolate": "--isolate"}


def command(request: Mapping[str, Any]) -> str:
    """One line for a shell; what is the default anyway is left out.

    Args:
        request: the fields of a ``RunRequest``, as in ``provenance.request`` of a report.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(RunRequest)}
    words = ["ppattack", "run"]
    for name, flag in _FLAGS.items():
        value = request.get(name)
        with_ciphertexts = name == "data" and request.get("ciphertexts")
        if value is not None and (value != defaults[name] or with_ciphertexts):
            words += [flag, str(value)]
    for part in ("target", "attack"):
        for name, value in (request.get(f"{part}_settings") or {}).items():
            words += ["--set", f"{part}.{name}={plain_text(value)}"]
    words += [flag for name, flag in _SWITCHES.items() if request.get(name)]
    saved = request.get("save_images", defaults["save_images"])
    if saved != defaults["save_images"] and not request.get("ciphertexts"):
        words += ["--save-images", "all" if saved is None else str(saved or "none")]
    return shlex.join(words)
