"""``ppattack leaderboard``: saved runs as a table of schemes by adversary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.reports.leaderboard import Leaderboard

PAGE = Path("leaderboard.html")


def leaderboard(
    places: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of runs and audits at any depth, or one leaderboard.json.",
            metavar="DIR...",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The HTML file. [default: leaderboard.html]"),
    ] = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Show what leaks from which scheme to whom, beside what was published of it.

    With --json the table is printed as JSON, and a page is written only to a file named by -o.
    """
    del verbose
    found = _found(places)
    if as_json:
        print_json(found.to_json())
    if out is not None or not as_json:
        from ppattack.files import write_text
        from ppattack.render.leaderboard import leaderboard_html

        place = _checked(out or PAGE)
        write_text(place, leaderboard_html(found))
        typer.echo(f"leaderboard: {place}", err=as_json)


def _found(places: list[Path]) -> Leaderboard:
    """The table of one file, or of the runs of folders.

    Raises:
        ReportError: if they say nothing of any scheme.
    """
    from ppattack.errors import ReportError
    from ppattack.reports.audit import FILE, read_audit
    from ppattack.reports.found import paths_below, read_runs
    from ppattack.reports.leaderboard import leaderboard as made
    from ppattack.reports.leaderboard import read_leaderboard

    if len(places) == 1 and places[0].is_file() and places[0].name != "report.json":
        return read_leaderboard(places[0])
    audits = [path for place in places if place.is_dir() for path in paths_below(place, FILE)]
    found = made(read_runs(places), [read_audit(path.parent) for path in audits])
    if not found.rows:
        raise ReportError(
            f"nothing in {', '.join(map(str, places))} is of a scheme: runs of 'none', and those "
            "on files of somebody else (--ciphertexts), are left out."
        )
    return found


def _checked(place: Path) -> Path:
    """A file that may be written.

    Raises:
        DataError: for a folder, or a JSON file, which is no page.
    """
    from ppattack.errors import DataError

    if place.is_dir():
        raise DataError(f"--out {place} is a folder: name a file.")
    if place.suffix == ".json":
        raise DataError(f"--out {place} would be a page: use --json > {place} for JSON.")
    return place
