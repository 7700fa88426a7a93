"""The pages and tables of a set of runs, all written or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ppattack.errors import DataError
from ppattack.files import check_apart, write_text
from ppattack.render.summary_table import schemes
from ppattack.reports.found import FILES, read_collection, read_missing, read_runs


def write_pages(
    places: Sequence[Path], wanted: Mapping[str, Path], base: Path | None = None
) -> list[str]:
    """Read the runs, make every page, and only then write.

    Args:
        places: run folders, or folders that hold some: attacks, classifications, compressions.
        wanted: path by kind, ``html``, ``md``, ``csv`` or ``latex``; ``-`` is stdout.
        base: an earlier set to compare with, or None.

    Returns:
        what belongs on stdout.

    Raises:
        ReportError: for places without runs and damaged files.
        DataError: if a page cannot be written.
    """
    check_apart({f"--{kind}": path for kind, path in wanted.items()})
    collection = read_collection(places)
    runs, rows = collection.runs, schemes(collection)
    earlier = None if base is None else read_runs([base])
    texts = {}
    for kind, path in wanted.items():
        if path.is_dir():
            raise DataError(f"--{kind} {path} is a folder: name a file.")
        if path.name in FILES and path.is_file():
            raise DataError(f"--{kind} {path} is the report of a run: name another file.")
        if kind == "html":
            from ppattack.render.html import report_html

            texts[kind] = report_html(runs, earlier, read_missing(places), rows)
            continue
        from ppattack.render import tables

        if kind == "csv":
            texts[kind] = tables.report_csv(runs, earlier)
        else:
            make = {"md": tables.report_markdown, "latex": tables.report_latex}
            texts[kind] = make[kind](runs, earlier, rows)
    for kind, path in wanted.items():
        if str(path) != "-":
            write_text(path, texts[kind])
    return [texts[kind] for kind, path in wanted.items() if str(path) == "-"]
