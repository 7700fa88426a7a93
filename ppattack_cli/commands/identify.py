"""``ppattack identify``: what a folder of ciphertexts is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import options
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.reports.identification import Identification


def identify(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of ciphertexts, images or NPY files; or a file of many: NPY, NPZ, tar."
        ),
    ],
    public: Annotated[
        Path | None,
        typer.Option(
            "--public", help="Folder of public images: files that are among them are named."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page with the evidence as pictures ('-' for stdout)."),
    ] = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Say in seconds what encrypted a folder of files, and what to try on it."""
    del verbose
    from ppattack.errors import ConfigError
    from ppattack.files import user_path

    alone = str(html) == "-"
    if alone and as_json:
        raise ConfigError("--html - and --json both write to stdout: name a file for the page.")
    from ppattack.runs.identifying import look_at
    from ppattack_cli.console import say_what_is_learned

    say_what_is_learned()
    others = None if public is None else user_path(str(public))
    looked = look_at(user_path(str(folder)), others)
    if html is not None:
        from ppattack.files import write_text
        from ppattack.render.identification import identification_html

        page = identification_html(looked.report, looked.read.arrays)
        if alone:
            typer.echo(page, nl=False)
        else:
            write_text(html, page)
    if alone:
        return
    if as_json:
        print_json(looked.report.to_json())
    else:
        print_identification(looked.report)


def print_identification(found: Identification) -> None:
    """One row per property, the schemes that fit, and what to try."""
    from rich.markup import escape

    from ppattack_cli.tables import console, table

    screen = console()
    files = "1 file" if found.files == 1 else f"{found.files} files"
    size = "x".join(str(edge) for edge in found.shape)
    part = "" if found.looked_at == found.files else f", {found.looked_at} of them looked at"
    crop = ", the upper left part of each" if found.cropped else ""
    if found.sizes > 1:
        size, crop = f"{found.sizes} sizes", f", {size} of the upper left of each"
    screen.print(f"{found.folder}: {files} of {size}{part}{crop}", markup=False)
    rows = table("property", "answer", "value", "bar", "p", "in words")
    for each in found.properties:
        rows.add_row(
            each.name,
            each.answer,
            _number(each.value),
            _number(each.bar),
            _number(each.p),
            escape(each.words),
        )
    screen.print(rows)
    for odd in found.foreign:
        line = f"does not belong: {odd.name} {odd.why}".replace("\n", "\\n")
        screen.print(line, markup=False)
    screen.print(found.words, markup=False)
    if found.compression is not None:
        screen.print(f"JPEG {found.compression}, {found.compressed}", markup=False)
    for scheme in found.schemes:
        likely = "fits" if scheme.likely else "not ruled out"
        screen.print(f"{likely}: {scheme.options}", markup=False, soft_wrap=True)
    if found.attacks:
        screen.print(f"attacks to try, in order: {', '.join(found.attacks)}", markup=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
