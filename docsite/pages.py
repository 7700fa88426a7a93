"""One page per attack, target, metric and image source, made from the registry."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docsite import pictures
from docsite.links import ROOT
from docsite.prose import markdown
from ppattack.card import KEYS_IN_WORDS, Reference
from ppattack.config import describe
from ppattack.metrics import IMAGE_METRICS, OTHER_METRICS, MetricCard
from ppattack.plugins import registry

FOLDERS: dict[registry.Kind, str] = {"attack": "attacks", "target": "targets", "dataset": "data"}
METRICS = "metrics"
METRIC_PLACES = {
    "ssim": ("ppattack.metrics.ssim", "running.md#what-is-printed"),
    "ssim_wang2004": ("ppattack.metrics.ssim", "running.md#what-is-printed"),
    "psnr": ("ppattack.metrics.psnr:psnr", "running.md#what-is-printed"),
    "mse": ("ppattack.metrics.psnr:mse", "running.md#what-is-printed"),
    "lpips": ("ppattack.metrics.lpips:Lpips", "install.md#weights-for-lpips"),
    "key": ("ppattack.metrics.keys:key_agreement", "verdicts.md#what-leaks"),
    "matching": ("ppattack.evaluation.matching", "attacks/candidate-matching.md"),
    "puzzle": ("ppattack.metrics.puzzle", "attacks/jigsaw.md"),
    "reidentification": ("ppattack.evaluation.reidentification", "verdicts.md#identity"),
    "recognisability": ("ppattack.evaluation.reidentification", "verdicts.md#identity"),
    "classification": ("ppattack.evaluation.classes", "verdicts.md#class"),
}
"""Where a metric is written, ``module`` or ``module:name``, and where pages explain its use."""
HANDWRITTEN = "docs/attacks/README.md"


def plugin_pages(pages: Mapping[str, str]) -> dict[str, str]:
    """The pages of plug-ins that have none yet, by their path on the site.

    Args:
        pages: the written pages, by path relative to the repository.
    """
    made = {}
    for kind, folder in FOLDERS.items():
        for entry in registry.entries(kind):
            path = f"{folder}/{entry.name}.md"
            if entry.plugin is not None and f"docs/{path}" not in pages:
                made[path] = plugin_page(kind, entry.name, entry.plugin, pages)
    for card in (*IMAGE_METRICS.values(), *OTHER_METRICS.values()):
        made[f"{METRICS}/{card.name}.md"] = metric_page(card)
    made[f"{METRICS}/index.md"] = metric_index()
    return made


def plugin_page(kind: registry.Kind, name: str, plugin: Any, pages: Mapping[str, str]) -> str:
    """The whole page of a plug-in."""
    parts = [f"# `{name}`: {_lower(plugin.card.title)}", card(kind, name, plugin)]
    more = told_elsewhere(name, pages) if kind == "attack" else ""
    parts += [f"[How it works, figures]({more})."] if more else []
    if kind == "target" and name not in pictures.LEFT_OUT:
        parts.append(f"![Photographs, and their ciphertexts under {name}]({name}.png)")
        parts.append("*Photographs, and what the default settings make of them.*")
    parts += ["## How it works", module_text(plugin), markdown(plugin.__doc__)]
    parts += [settings(kind, plugin), users(kind, name, pages)]
    return "\n\n".join(part for part in parts if part) + "\n"


def completed(name: str, page: str) -> str:
    """The written page of an attack: its card under the heading, its settings at the end."""
    plugin = registry.attack(name)
    heading, _, rest = page.partition("\n")
    made = [heading, card("attack", name, plugin), rest.strip(), settings("attack", plugin)]
    return "\n\n".join(made) + "\n"


def _lower(title: str) -> str:
    """A title inside a sentence: names and abbreviations keep their capitals."""
    first = title.split(" ", 1)[0]
    return title if len(first) < 2 or not first[1:].islower() else title[0].lower() + title[1:]


def card(kind: registry.Kind, name: str, plugin: Any) -> str:
    """What a plug-in is, as a table."""
    rows = dict(_facts(kind, name, plugin))
    lines = [f"| **{what}** | {text} |" for what, text in rows.items() if text]
    return "\n".join([f"| `{kind}:{name}` | |", "|---|---|", *lines])


def _facts(kind: registry.Kind, name: str, plugin: Any) -> Iterator[tuple[str, str]]:
    about = plugin.card
    if kind == "attack":
        yield "threat model", about.requires.in_words()
        yield "recovers", ", ".join(about.recovers)
    if kind == "target":
        tokens = about.cipher == "tokens"
        yield "ciphertexts", "vectors" if tokens else "images"
        yield (
            "threat model",
            (
                "everybody knows the algorithm and its settings, nobody the key; "
                + " or ".join(KEYS_IN_WORDS[scope] for scope in about.key_scopes)
            ),
        )
        yield "decryption", "exact" if about.invertible else "not exact, or none"
        yield "channels", " or ".join(map(str, about.channels))
    if kind == "dataset":
        argument = f":{about.argument}" if about.argument else ""
        yield "on the command line", f"`--data {name}{argument}`"
    yield "source", sources(about.reference)
    file = registry.source_file(kind, name)
    if file is not None and file.is_relative_to(ROOT):
        path = file.relative_to(ROOT).as_posix()
        yield "code", f"[`{path}`](../../{path})"


def sources(reference: Reference) -> str:
    """A reference with its links."""
    text = str(reference)
    if reference.doi:
        link = f"[doi:{reference.doi}](https://doi.org/{reference.doi})"
        return text.replace(f"doi:{reference.doi}", link)
    if reference.arxiv:
        link = f"[arXiv:{reference.arxiv}](https://arxiv.org/abs/{reference.arxiv})"
        return text.replace(f"arXiv:{reference.arxiv}", link)
    return text


def module_text(plugin: Any) -> str:
    """What the module of a plug-in says of it, without its first line."""
    text = markdown(sys.modules[plugin.__module__].__doc__)
    return text.partition("\n\n")[2]


def settings(kind: registry.Kind, plugin: Any) -> str:
    """The settings of a plug-in with their ranges, and what its presets change."""
    if kind == "dataset":
        return ""
    rows = describe(plugin.Config)
    if not rows:
        return "## All settings\n\nNone."
    table = ["| setting | default | values | meaning |", "|---|---|---|---|"]
    for row in rows:
        values = "; ".join(str(row[key]) for key in ("type", "range") if row[key])
        cells = (f"`{kind}.{row['name']}`", f"`{row['default']}`", values, str(row["doc"]))
        table.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(["## All settings", "", *table, *_presets(plugin)])


def _presets(plugin: Any) -> Iterator[str]:
    changed = {name: values for name, values in getattr(plugin, "presets", {}).items() if values}
    if changed:
        yield ""
        for name, values in changed.items():
            shown = ", ".join(f"`{setting}={value}`" for setting, value in values.items())
            yield f"- `--preset {name}`: {shown}"


def users(kind: registry.Kind, name: str, pages: Mapping[str, str]) -> str:
    """The pages with commands that use a plug-in."""
    flag = {"attack": "attack", "target": "target", "dataset": "data"}[kind]
    asked = re.compile(rf"--{flag} {re.escape(name)}(?![\w-])")
    found = [
        f"- [{title(text)}](../../{path})"
        for path, text in pages.items()
        if path.startswith("docs/") and asked.search(text)
    ]
    return "\n".join(["## Pages with commands for it", "", *found]) if found else ""


def title(page: str) -> str:
    """The first heading of a page."""
    return page.partition("\n")[0].lstrip("# ")


def told_elsewhere(name: str, pages: Mapping[str, str]) -> str:
    """Where the table of attacks leads for an attack without a page of its own."""
    for row in pages[HANDWRITTEN].splitlines():
        found = re.match(rf"\| \[[^\]]*`{re.escape(name)}`[^\]]*\]\((?P<to>[^)]+)\)", row)
        if found:
            return found["to"]
    return ""


def metric_page(card: MetricCard) -> str:
    """The page of a metric."""
    place, page = METRIC_PLACES[card.name]
    module, _, name = place.partition(":")
    loaded = importlib.import_module(module)
    path = Path(str(loaded.__file__)).relative_to(ROOT).as_posix()
    blind = "" if card.blind is None else f"{card.blind[0]:g} to {card.blind[1]:g}"
    rows = {
        "better": card.better,
        "exact recovery": f"{card.perfect:g}",
        "blind guesses, on photographs": blind,
        "code": f"[`{path}`](../../{path})",
        "how to read it": f"[{page.partition('#')[0]}](../{page})",
    }
    lines = [f"| **{what}** | {text} |" for what, text in rows.items() if text]
    texts = [markdown(loaded.__doc__), markdown(getattr(loaded, name).__doc__) if name else ""]
    parts = [f"# `{card.name}`: {card.title}", "\n".join(["| | |", "|---|---|", *lines])]
    return "\n\n".join([*parts, "## What it measures", *filter(None, texts)]) + "\n"


def metric_index() -> str:
    """The list of metrics."""
    rows = [
        f"| [`{card.name}`]({card.name}.md) | {card.title} | {card.better} |"
        for card in (*IMAGE_METRICS.values(), *OTHER_METRICS.values())
    ]
    return "\n".join(
        ["# Metrics", "", "| metric | measures | better |", "|---|---|---|", *rows, ""]
    )
