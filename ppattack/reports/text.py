"""Text from elsewhere, made safe for whoever reads it: spreadsheets, terminals, pages."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from contextlib import suppress

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV text; None is empty.

    Text that a spreadsheet would compute (``=1+1``, ``@SUM``) gets an apostrophe in front;
    numbers stay numbers, also those written as text (``-0.3``).
    """
    lines = []
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(value) for value in row])  # CR and LF are quoted so
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value)
    with suppress(ValueError):
        float(text)
        if text == text.strip():
            return text
    return "'" + text if _FORMULA.match(text) else text


def cell_text(cell: str) -> str:
    """The text that :func:`csv_text` wrote as a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def visible(text: str) -> str:
    r"""Text whose control characters are written out (``\x1b``); tabs and line ends stay."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
