"""Turns of phrase that a native reader stumbles over stay out of code and documentation."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ppattack", "ppattack_cli", "targets", "examples", "benchmarks")
SOURCES = sorted(file for name in PACKAGES for file in (ROOT / name).rglob("*.py"))
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "ppattack").rglob("*.html"),
        *(ROOT / "ppattack").rglob("*.md"),
    ]
)
PER = "keys?|rows?|codes?|files?|vectors?|tables?|pictures?|seeds?|seconds?|bytes"
THING = "image|patch|block|ciphertext|photograph|cell|run|plug-in|scheme|command"
DISTRIBUTIVE = re.compile(rf"\b({PER}) an? ({THING})\b")
RIDDLE = re.compile(r"\bis another\.$")


def flowing(text: str) -> str:
    return " ".join(text.split())


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Those of modules, classes and functions, and texts that stand below a constant."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield flowing(text)


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield flowing(ast.unparse(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield flowing(node.value)


def comments(source: str) -> str:
    """Comments one after the other, so that a phrase may cross a line."""
    found = tokenize.generate_tokens(io.StringIO(source).readline)
    return flowing(
        " ".join(token.string.lstrip("# ") for token in found if token.type == tokenize.COMMENT)
    )


def paragraphs(page: str) -> list[str]:
    return [flowing(part) for part in re.split(r"\n\s*\n", page)]


def objections(text: str) -> list[str]:
    found = [f"write 'per': {hit.group()}" for hit in DISTRIBUTIVE.finditer(text)]
    return found + [f"a riddle: {text[-60:]}" for _ in RIDDLE.finditer(text)]


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_messages_and_comments_read_well(package: str) -> None:
    files = [file for file in SOURCES if file.is_relative_to(ROOT / package)]
    found = []
    for file in files:
        source = file.read_text(encoding="utf-8")
        tree, name = ast.parse(source), file.relative_to(ROOT)
        documented = list(docstrings(tree))
        found += [f"{name}: {text[:60]}" for text in documented if text.startswith("Of ")]
        for text in {*documented, *strings(tree), comments(source)}:
            found += [f"{name}: {each}" for each in objections(text)]
    assert len(files) > 2
    assert not found, "\n".join(found)


def test_pages_read_well() -> None:
    found = [
        f"{page.relative_to(ROOT)}: {each}"
        for page in PAGES
        for text in paragraphs(page.read_text(encoding="utf-8"))
        for each in objections(text)
    ]
    assert len(PAGES) > 10
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["one key an image", "30 seconds a run", "The record is another.", "one file a cell"]
)
def test_guard_hears_what_it_should(text: str) -> None:
    assert objections(text)


def test_guard_lets_plain_english_pass() -> None:
    assert not objections("One key per image; a key of another run; it names an image.")
