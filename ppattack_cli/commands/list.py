"""``ppattack list``: what is installed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ppattack.errors import UnknownNameError, nearest
from ppattack.reports.text import visible
from ppattack_cli import options
from ppattack_cli.streams import print_json

KINDS = {"attacks": "attack", "targets": "target", "datasets": "dataset"}


def list_(
    kind: Annotated[str, typer.Argument(help="attacks, targets, datasets or metrics.")],
    as_json: options.AsJson = False,
) -> None:
    """List attacks, targets, datasets or metrics."""
    if kind == "metrics":
        rows = _metrics()
    elif kind in KINDS:
        rows = _plugins(KINDS[kind])
    else:
        kinds = [*KINDS, "metrics"]
        raise UnknownNameError(
            f"there is no list of '{kind}'; the nearest: {nearest(kind, kinds)}."
        )
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    # Plain text, not a rich table: importing rich would double the time of the answer.
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        title = f"broken: {row['broken']}" if row["broken"] else row["title"]
        typer.echo(visible(f"{row['name']:<{width}}  {title}"))


def _plugins(kind: Any) -> list[dict[str, str]]:
    from ppattack.plugins import registry

    rows = []
    for entry in registry.entries(kind):
        title = entry.plugin.card.title if entry.plugin is not None else ""
        rows.append({"name": entry.name, "title": title, "broken": entry.broken})
    return rows


def _metrics() -> list[dict[str, str]]:
    from ppattack.metrics import IMAGE_METRICS, OTHER_METRICS

    cards = {**IMAGE_METRICS, **OTHER_METRICS}
    return [{"name": name, "title": card.title, "broken": ""} for name, card in cards.items()]
