"""The site: a page for everything that is registered or public, and the build itself."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

import ppattack
from docsite import pages, reference
from docsite.check import faults
from docsite.content import site_pages
from docsite.links import LINK, ROOT, written_pages
from docsite.notebook import notebook_page
from docsite.prose import markdown
from ppattack.config import describe
from ppattack.metrics import IMAGE_METRICS, OTHER_METRICS
from ppattack.plugins import registry
from ppattack_cli.main import COMMANDS

KINDS: tuple[registry.Kind, ...] = ("attack", "target", "dataset")


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return site_pages()


@pytest.mark.parametrize("kind", KINDS)
def test_everything_registered_has_a_page_with_card_and_settings(
    site: dict[str, str], kind: registry.Kind
) -> None:
    for entry in registry.entries(kind):
        page = site[f"{pages.FOLDERS[kind]}/{entry.name}.md"]
        assert entry.plugin is not None
        assert f"`{kind}:{entry.name}`" in page
        assert entry.plugin.card.reference.title in page
        assert "](../source/" in page, "no link to the code"
        if kind != "dataset":
            assert "threat model" in page
            for row in describe(entry.plugin.Config):
                assert f"`{kind}.{row['name']}`" in page
        text = [line for line in page.splitlines() if line and line[0] not in "#|-*"]
        assert len(" ".join(text).split()) > 8, f"{entry.name} says nothing about itself"


def test_every_metric_has_a_page(site: dict[str, str]) -> None:
    for card in (*IMAGE_METRICS.values(), *OTHER_METRICS.values()):
        page = site[f"metrics/{card.name}.md"]
        assert card.title in page
        assert len(page.partition("## What it measures")[2].split()) > 8


def test_every_public_name_has_its_place_in_the_reference(site: dict[str, str]) -> None:
    named = {
        name: place for names in reference.sections().values() for name, place in names.items()
    }
    assert set(named) == set(ppattack.__all__)
    text = "".join(page for path, page in site.items() if path.startswith("reference/"))
    for place in named.values():
        assert f"::: {place}\n" in text
        assert f"[{place}]" in site["reference/index.md"]


def test_every_command_has_its_help_in_the_reference(site: dict[str, str]) -> None:
    page = site["reference/commands.md"]
    for name in (name for group in COMMANDS.values() for name in group):
        assert f"### `ppattack {name}" in page
    assert "--key-scope" in page


def test_every_command_is_shown_on_a_page() -> None:
    text = "".join(text for path, text in written_pages().items() if path.startswith("docs/"))
    for name in (name for group in COMMANDS.values() for name in group):
        assert f"ppattack {name}" in text


def test_every_page_is_in_the_navigation(site: dict[str, str]) -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = re.findall(r"[\w/*.-]+\.md", nav)
    shown = [path for path in site if not path.startswith("source/")]
    assert [path for path in shown if not any(fnmatch(path, each) for each in named)] == []
    lost = [each for each in named if "*" not in each and each not in site]
    assert lost == []


def test_pages_of_the_site_link_to_pages_of_the_site(site: dict[str, str]) -> None:
    for path, text in site.items():
        for found in LINK.finditer(text):
            assert "../../docs/" not in found["to"], path
            assert not found["to"].endswith((".py", ".toml")), path


def test_the_front_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 110


def test_docstrings_become_paragraphs_lists_and_code() -> None:
    text = """One line with :class:`ppattack.Target`.

    Variants:
        ``a``: the first
        of two.
        ``b``: the second.

    So it is::

        y = x + 1

    Threat model: ciphertexts.
    """
    assert markdown(text) == (
        "One line with `ppattack.Target`.\n\n**Variants:**\n\n- `a`: the first of two.\n"
        "- `b`: the second.\n\nSo it is:\n\n```text\ny = x + 1\n```\n\n"
        "**Threat model**: ciphertexts."
    )


def test_a_notebook_becomes_a_page() -> None:
    outputs = [
        {"output_type": "stream", "text": ["1\n"]},
        {"output_type": "execute_result", "data": {"text/html": ["<b>x</b>"], "text/plain": "x"}},
        {"output_type": "display_data", "data": {"image/png": "QUJD\n", "text/plain": "y"}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# T\n", "text"]},
        {"cell_type": "code", "source": "print(1)", "outputs": outputs},
    ]
    page = notebook_page({"cells": cells})
    assert page.startswith("# T\ntext\n\n```python\nprint(1)\n```\n\n```text\n1\n```")
    assert "<b>x</b>" in page
    assert 'src="data:image/png;base64,QUJD"' in page


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="nothing.html">x</a>', "there is no such file"),
        ('<a href="other.html#b">x</a>', "no such place"),
        ('<img src="https://example.org/x.png">', "loads https://example.org/x.png"),
        ('<script src="//cdn.example.org/x.js"></script>', "loads //cdn.example.org/x.js"),
        ('<img src="x.png">', "there is no such file"),
    ],
)
def test_a_fault_of_a_built_page_is_seen(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "other.html").write_text('<h1 id="a">A</h1><a href="https://example.org">x</a>')
    (tmp_path / "index.html").write_text(f'{body}<a href="other.html#a">good</a>')
    found = faults(tmp_path)
    assert len(found) == 1
    assert fault in found[0]
