"""``ppattack report``: many runs as one page, and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppattack_cli import options


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders that hold some at any depth.")
    ],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="One HTML file with everything in it. [default: report.html]"),
    ] = None,
    md: Annotated[Path | None, typer.Option("--md", help="Markdown tables.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="A CSV file, one row per run.")] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", help="LaTeX tables for booktabs.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="BASE", help="Show what changed against these runs."),
    ] = None,
    verbose: options.Verbose = False,
) -> None:
    """Put runs together: one page with matrix, plots and samples, or tables ('-' for stdout)."""
    from ppattack.render.pages import write_pages

    if not (html or md or csv or latex):
        html = Path("report.html")
    asked = {"html": html, "md": md, "csv": csv, "latex": latex}
    wanted = {kind: path for kind, path in asked.items() if path is not None}
    for text in write_pages(runs, wanted, compare):
        typer.echo(text, nl=False)
    for path in wanted.values():
        if str(path) != "-":
            typer.echo(f"report: {path}", err="-" in map(str, wanted.values()))
