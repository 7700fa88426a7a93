"""The reference: the public API from its stub file, and the commands from their own help."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from docsite.links import ROOT

STUB = ROOT / "ppattack" / "__init__.pyi"
FOLDER = "reference"
WIDTH = 96
"""Columns of the help of commands."""


def sections() -> dict[str, dict[str, str]]:
    """The public names by the comment that they stand below: name to where it is defined."""
    found: dict[str, dict[str, str]] = {}
    title = ""
    for line in STUB.read_text(encoding="utf-8").splitlines():
        if re.match(r"# [A-Z][^,.]*(, [^.]*)?$", line):
            title = line.removeprefix("# ")
        named = re.match(r"from \.(?P<module>[\w.]*) import (?P<name>\w+) as \w+$", line)
        if named:
            place = f"ppattack.{named['module']}." if named["module"] else "ppattack."
            found.setdefault(title, {})[named["name"]] = place + named["name"]
    return found


def pages() -> dict[str, str]:
    """Every page of the reference, by its path on the site."""
    made = {f"{FOLDER}/{_file(title)}.md": _api(title, names) for title, names in _titled()}
    made[f"{FOLDER}/commands.md"] = "\n\n".join(_commands()) + "\n"
    made[f"{FOLDER}/index.md"] = _index()
    return made


def _titled() -> Iterator[tuple[str, Mapping[str, str]]]:
    yield from sections().items()
    yield "Security tests", {"testing": "ppattack.testing"}


def _file(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower())


def _api(title: str, names: Mapping[str, str]) -> str:
    """One page of public names, which mkdocstrings fills from the docstrings."""
    parts = [f"# {title}"]
    public = {each for named in sections().values() for each in named}
    for name, place in names.items():
        options = [f"heading: ppattack.{name}", "show_root_heading: true"]
        if place == f"ppattack.{name}":  # a module: what it holds may have its place elsewhere
            others = "|".join(sorted(public - {name}))
            options.append(f'filters: ["!^_", "!^({others})$"]')
        parts.append(
            "\n".join([f"::: {place}", "    options:", *(f"      {each}" for each in options)])
        )
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    rows = []
    for title, names in _titled():
        links = ", ".join(f"[`{name}`][{place}]" for name, place in names.items())
        rows.append(f"| {title} | {links} |")
    head = [
        "# Reference",
        "",
        "From the docstrings of what `import ppattack` gives, and the [commands](commands.md).",
        "",
        "| for | names |",
        "|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _commands() -> Iterator[str]:
    """The help of every command, in the order of ``ppattack --help``."""
    from ppattack_cli.main import COMMANDS

    yield "# Commands\n\nWhat `ppattack COMMAND --help` prints."
    for group, commands in COMMANDS.items():
        yield f"## {group}"
        for name in commands:
            yield from _command(name)


def _command(name: str) -> Iterator[str]:
    from typer.main import get_command

    from ppattack_cli import main

    program: Any = get_command(main._program(name))
    context = program.context_class(
        program, info_name="ppattack", terminal_width=WIDTH, max_content_width=WIDTH
    )
    yield from _help(program.get_command(context, name), [name], context)


def _help(command: Any, path: list[str], context: Any) -> Iterator[str]:
    """The help of a command, or of each of its own commands."""
    own = command.context_class(command, parent=context, info_name=path[-1])
    inner = getattr(command, "commands", {})
    for name, each in inner.items():
        yield from _help(each, [*path, name], own)
    if not inner:
        yield f"### `ppattack {' '.join(path)}`\n\n```text\n{command.get_help(own)}\n```"
