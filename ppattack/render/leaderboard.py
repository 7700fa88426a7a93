"""The leaderboard as one HTML file: a table that sorts, and how each cell was measured."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import ppattack
from ppattack.render.environment import environment
from ppattack.render.matrix import distinguish
from ppattack.render.numbers import SYMBOLS, number
from ppattack.reports.leaderboard import (
    ADVERSARIES,
    HEADINGS,
    Adversary,
    BoardCell,
    Leaderboard,
)
from ppattack.reports.leaks import MEANING, WORDS, rank

VERDICTS = {"INCONCLUSIVE": "undecided", "NOTHING APPLIED": "nothing applied"}
ANSWERS: Mapping[Adversary, str] = {"pairs": "pair", "chosen": "chosen plaintext"}
UNKNOWN = 0.5
"""Sorts what is broken at a level that is not on record."""


@dataclass(frozen=True)
class CellView:
    """One cell, as the page shows it.

    Args:
        cell: the cell.
        anchor: id of the row that says how it was measured.
        words: the result.
        needed: what the attack was given.
        order: sorts by the level; the larger the worse for the scheme.
    """

    cell: BoardCell
    anchor: str
    words: str
    needed: str
    order: float


@dataclass(frozen=True)
class RowView:
    """One row: scheme, keys, published claim, one cell or None for each adversary.

    Without cells, ``undecided`` says in a word why, and ``without`` in words.
    """

    label: str
    title: str
    source: str
    keys: str
    claim: str
    cells: tuple[CellView | None, ...]
    order: float
    undecided: str
    without: str


def leaderboard_html(found: Leaderboard) -> str:
    """The page.

    Args:
        found: the schemes.
    """
    templates = environment()
    templates.filters["number"] = number
    rows = _rows(found)
    used = [place for place, _ in enumerate(ADVERSARIES) if any(row.cells[place] for row in rows)]
    script = (files("ppattack.render") / "templates" / "leaderboard.js").read_text("utf-8")
    return templates.get_template("leaderboard.html").render(
        rows=rows,
        used=used,
        headings=[HEADINGS[name] for name in ADVERSARIES],
        symbols=SYMBOLS,
        level_words=WORDS,
        level_meaning=MEANING,
        script=script,
        script_hash=_hash(script),
        version=ppattack.__version__,
    )


def _hash(script: str) -> str:
    """What the page's policy lets run: this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _rows(found: Leaderboard) -> list[RowView]:
    facts: list[dict[str, Any]] = [
        {"name": row.scheme, **row.settings, "jpeg": row.jpeg} for row in found.rows
    ]
    views = []
    for place, (row, label) in enumerate(zip(found.rows, distinguish(facts), strict=True)):
        cells = tuple(
            _view(name, row.cells[name], f"cell-{place}-{name}") if name in row.cells else None
            for name in ADVERSARIES
        )
        worst = max((cell.order for cell in cells if cell is not None), default=-1.0)
        said = VERDICTS.get(row.verdict or "", "undecided") if not row.cells else ""
        about = (label, row.title, row.source, row.keys, row.claim)
        views.append(RowView(*about, cells, worst, said, row.without))
    return sorted(views, key=lambda view: -view.order)


def _view(adversary: Adversary, cell: BoardCell, anchor: str) -> CellView:
    order = -0.5
    if cell.verdict == "BROKEN":
        words = "BROKEN" if cell.leak is None else WORDS[cell.leak]
        order = UNKNOWN if cell.leak is None else float(rank(cell.leak))
    elif cell.verdict == "RESISTED":
        words = WORDS["nothing"]
        order = -1.0
    else:
        words = VERDICTS[cell.verdict]
    return CellView(cell, anchor, words, _needed(adversary, cell), order)


def _needed(adversary: Adversary, cell: BoardCell) -> str:
    """What the attack was given, and whether less is known to be too little."""
    given = cell.answers or cell.ciphertexts
    kind = ANSWERS.get(adversary, "answer") if cell.answers else "ciphertext"
    words = f"{given} {kind}{'s' * (given != 1)}"
    if cell.verdict != "BROKEN" or given == 1:
        return words
    return f"{words}; " + (
        "fewer not tried" if cell.too_few is None else f"not with {cell.too_few}"
    )
