"""``ppattack probe``: what kind of cipher a target is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.request import RunRequest
from ppattack_cli import options
from ppattack_cli.option_table import from_table
from ppattack_cli.streams import print_json

if TYPE_CHECKING:
    from ppattack.reports.probe import ProbeReport

KEPT = ("target", "oracle", "oracle_shell", "size", "key_scope", "seed")


@from_table(RunRequest, after={"oracle_shell": ("set_",)}, only=KEPT)
def probe(
    request: RunRequest,
    set_: options.Settings = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Find out in seconds what kind of cipher a target is, and which attacks follow from that."""
    del set_, verbose
    from ppattack.runs.probing import probe as probed

    found = probed(request)
    if as_json:
        print_json(found.to_json())
    else:
        print_probe(found)


def print_probe(found: ProbeReport) -> None:
    """One row per property, the kind of cipher, and what to try."""
    from rich.markup import escape

    from ppattack_cli.tables import console, table

    screen = console()
    size = "x".join(str(edge) for edge in found.shape[::-1])
    keys = "one key for all images" if found.key_scope == "dataset" else "one key per image"
    screen.print(f"{found.target}, {size}, {keys}: {found.images} chosen images", markup=False)
    rows = table("property", "found", "value", "bar", "in words")
    marks = {True: "yes", False: "no", None: "-"}
    for each in found.properties:
        rows.add_row(
            each.name, marks[each.holds], _number(each.value), _number(each.bar), escape(each.words)
        )
    screen.print(rows)
    screen.print(f"kind: {found.kind}: {found.words}", markup=False)
    for one in found.attacks:
        screen.print(f"try {one.attack}: {one.why}", markup=False)
        screen.print(f"    {one.command}", markup=False, soft_wrap=True)
    if not found.attacks and found.weakness:
        words = f"no attack here applies to it, but that is no strength. {found.weakness}"
        screen.print(words, markup=False)
    elif not found.attacks:
        screen.print("no generic attack applies to it; that is no proof of strength", markup=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
