"""The names of the files that results are written to."""

from __future__ import annotations

from pathlib import Path

from ppattack.errors import DataError


def output_name(name: str) -> str:
    """The file name under which a reconstruction is written: the ciphertext's, as PNG."""
    return Path(name).stem + ".png"


def check_output_names(names: tuple[str, ...]) -> None:
    """Refuse files whose results would be written under one name.

    Raises:
        DataError: naming the first two.
    """
    seen: dict[str, str] = {}
    for name in names:
        written = output_name(name)
        if written in seen:
            raise DataError(
                f"'{seen[written]}' and '{name}' would both be written as '{written}': rename one."
            )
        seen[written] = name
