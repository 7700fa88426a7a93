"""``matches/``: for a few ciphertexts the likeliest candidates, with pictures."""

from __future__ import annotations

from pathlib import Path

from ppattack.errors import ReportError
from ppattack.reports.parts import Part

FOLDER = "matches"
FILE = "matches.json"


class ShownMatch(Part):
    """One ciphertext and its likeliest candidates, the best first.

    Args:
        ciphertext: its name.
        p_value: of the best match, or None.
        candidates: their names.
        right: place of the right one among them, from 0; None if it is not there or not known.
        known: whether the right answer is known.
        absent: whether the image is known not to be among the candidates.
        truth: whether there is one of the encrypted image, ``<number>-truth.png``.
    """

    ciphertext: str
    p_value: float | None
    candidates: tuple[str, ...]
    right: int | None
    known: bool
    absent: bool
    truth: bool


class ShownMatches(Part):
    """``matches.json``."""

    matches: tuple[ShownMatch, ...]


def read_matches(folder: Path) -> tuple[ShownMatch, ...]:
    """Those of a run's folder; none if the run matched nothing.

    Raises:
        ReportError: if the file is damaged.
    """
    path = folder / FOLDER / FILE
    if not path.is_file():
        return ()
    try:
        return ShownMatches.model_validate_json(path.read_bytes()).matches
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} is damaged: {str(error).splitlines()[0]}.") from None
