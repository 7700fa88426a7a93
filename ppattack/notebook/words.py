"""Errors of the command line in the words of a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ppattack.errors import PpattackError
from ppattack.options import options
from ppattack.request import RunRequest


@contextmanager
def words_of_python() -> Iterator[None]:
    """Errors that name fields of a call, not flags of the command line."""
    try:
        yield
    except PpattackError as error:
        if error.args:
            error.args = (in_python(str(error.args[0])), *error.args[1:])
        raise


def in_python(message: str) -> str:
    """A message of the command line in the words of a call: ``-n 5`` is ``victims=5``."""
    for option in options(RunRequest):
        for flag in option.flag.names:
            name = {"data": "images", "target": "encrypt"}.get(option.name, option.name)
            message = re.sub(rf"(?<![\w-]){flag} (\d+)", rf"{name}=\1", message)
            message = re.sub(rf"(?<![\w-]){flag}(?![\w-])", name, message)
    return re.sub(r"--set (target|attack)\.(\w+)", r"\1_settings \2", message)
