"""Docstrings as Markdown."""

from __future__ import annotations

import inspect
import re

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`~?([^`]+)`")
SECTION = re.compile(
    r"(?P<name>Threat model|Deviations|References?|Models|Limits): (?P<rest>.+)", re.DOTALL
)
MARKED = re.compile(r"`[^`]+`(?:(?:, | and )`[^`]+`)*: ")


def code_marks(text: str) -> str:
    """Roles and double backticks of docstrings as the single ones of Markdown."""
    return re.sub(r"``([^`]+)``", r"`\1`", ROLE.sub(r"`\1`", text))


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown: sections become paragraphs that begin with their name in bold."""
    text = code_marks(inspect.cleandoc(docstring or ""))
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", text) if part.strip())


def _paragraph(text: str) -> str:
    first, _, rest = text.strip("\n").partition("\n")
    if first.startswith("    "):
        return _code_or_text(text)
    if first.endswith("::"):
        return first[:-1] + (f"\n\n{_code_or_text(rest)}" if rest else "")
    indented = bool(rest) and all(line.startswith("    ") for line in rest.splitlines())
    if first.endswith(":") and indented:
        return f"**{first}**\n\n{_items(inspect.cleandoc(rest))}"
    found = SECTION.fullmatch(text)
    return f"**{found['name']}**: {found['rest']}" if found else text


def _code_or_text(text: str) -> str:
    """Indented lines: a formula or a program as it is, sentences as text."""
    block = inspect.cleandoc(text)
    if re.search(r"[.:] *$", block.splitlines()[-1]) and "  " not in block and "=" not in block:
        return block
    return f"```text\n{block}\n```"


def _items(block: str) -> str:
    """What a section lists: one item per line that is not indented."""
    items: list[str] = []
    begins = MARKED if MARKED.match(block) else re.compile(r"\w+: ")
    for line in block.splitlines():
        if begins.match(line) or not items:
            items.append(line.strip())
        else:
            items[-1] += f" {line.strip()}"
    return "\n".join(f"- {item}" for item in items)
