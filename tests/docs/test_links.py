"""Links of the pages that people write lead to files and headings that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from docsite.links import anchors, broken, links, on_site, rewritten, slug, written_pages

PAGES = written_pages()


def test_no_link_is_broken() -> None:
    assert sum(len(list(links(path, text))) for path, text in PAGES.items()) > 200
    assert broken(PAGES) == []


def test_every_picture_of_the_docs_is_shown() -> None:
    shown = {link.path for path, text in PAGES.items() for link in links(path, text)}
    root = Path(__file__).parents[2]
    pictures = {path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.png")}
    assert pictures
    assert pictures <= shown


@pytest.mark.parametrize(
    ("markdown", "fault"),
    [
        ("[x](nothing.md)", "there is no docs/nothing.md"),
        ("[x](verdicts.md#nothing)", "has no such heading"),
        ("[x](#nothing)", "has no such heading"),
        ("![x](images/nothing.png)", "there is no docs/images/nothing.png"),
        ("a [long\ntext](nothing.md) on two lines", "there is no"),
        ("[x](../../outside.md)", "there is no ../outside.md"),
    ],
)
def test_a_broken_link_is_seen(markdown: str, fault: str) -> None:
    found = broken({"docs/page.md": markdown})
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "markdown",
    [
        "`[x](nothing.md)`",
        "```\n[x](nothing.md)\n```",
        "<!-- [x](nothing.md) -->",
        "# A b\n[x](#a-b)",
    ],
)
def test_code_and_comments_hold_no_links(markdown: str) -> None:
    assert broken({"docs/page.md": markdown}) == []


def test_anchors_are_those_of_the_site() -> None:
    assert slug("`fr`: feature reconstruction, by *mode*") == "fr-feature-reconstruction-by-mode"
    assert slug("Keys [that](x.md) decide") == "keys-that-decide"
    assert anchors("# A\n```\n# not one\n```\n## Ü b\n<a id='y'></a><a id=\"z\"></a>") == {
        "a",
        "ü-b",
        "z",
    }


def test_links_are_moved_to_the_site() -> None:
    met: list[str] = []
    text = "[a](docs/verdicts.md#what-leaks) `[b](docs/x.md)` [c](https://example.org) [d](#e)"
    moved = rewritten("README.md", text, met.append)
    assert moved == text.replace("docs/verdicts", "verdicts")
    assert met == ["docs/verdicts.md"]
    inside = rewritten("docs/attacks/fr.md", "[a](../../benchmarks/itn_pairs.py)", met.append)
    assert inside == "[a](../source/benchmarks/itn_pairs.py.md)"
    assert on_site("examples/ci") == "source/examples/ci/index.md"
    assert on_site("ARCHITECTURE.md") == "architecture.md"
