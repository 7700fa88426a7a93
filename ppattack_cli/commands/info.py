"""``ppattack info``: one plug-in, its source and its settings."""

from __future__ import annotations

import json
from typing import Annotated, Any, get_args

import typer

from ppattack.errors import UnknownNameError
from ppattack_cli import options
from ppattack_cli.streams import print_json


def info(
    name: Annotated[
        str, typer.Argument(help="attack:itn, target:etc, dataset:photos; or a name alone.")
    ],
    as_json: options.AsJson = False,
) -> None:
    """Describe one attack, target or dataset: reference, threat model, settings, presets."""
    from ppattack.plugins import registry

    loaders: dict[str, Any] = {"attack": registry.attack, "target": registry.target}
    kinds = get_args(registry.Kind)
    called = [each for each in kinds if name in registry.names(each)]
    kind, colon, rest = (f"{called[0]}:{name}" if len(called) == 1 else name).partition(":")
    if not colon or kind not in kinds:
        raise UnknownNameError(
            f"'{name}' is not of the form attack:NAME, target:NAME or dataset:NAME."
        )
    plugin = type(registry.dataset(rest)) if kind == "dataset" else loaders[kind](rest)
    facts = _facts(kind, plugin)
    if as_json:
        print_json(json.dumps(facts, indent=2, default=str))
    else:
        _print(facts)


def _facts(kind: str, plugin: Any) -> dict[str, Any]:
    from ppattack.config import describe

    card = plugin.card
    facts: dict[str, Any] = {
        "kind": kind,
        "name": card.name,
        "title": card.title,
        "reference": str(card.reference),
    }
    if kind == "attack":
        facts["recovers"] = list(card.recovers)
        facts["requires"] = card.requires.in_words()
        facts["presets"] = {name: dict(changes) for name, changes in plugin.presets.items()}
    if kind == "target":
        facts["ciphertexts"] = card.cipher
        facts["key scopes"] = list(card.key_scopes)
    facts["description"] = (plugin.__doc__ or "").strip()
    if kind != "dataset":
        facts["settings"] = describe(plugin.Config)
    return facts


def _print(facts: dict[str, Any]) -> None:
    from ppattack_cli.tables import console, table

    screen = console()
    settings = facts.pop("settings", None)
    for name, value in facts.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        screen.print(f"{name}: {text}", markup=False, soft_wrap=True)
    if settings:
        made = table("setting", "default", "type", "range", "meaning")
        for row in settings:
            made.add_row(*(str(row[key]) for key in ("name", "default", "type", "range", "doc")))
        screen.print(made, markup=False)
    elif settings is not None:
        screen.print("settings: none")
