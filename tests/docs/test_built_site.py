"""The site as it is built: no warning, no dead link, search without a network, for everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docsite.check import faults
from tests.support.site import BROWSER, HAS_MKDOCS, axe_file, build, shown, violations

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_MKDOCS, reason="no mkdocs: pip install '.[docs]'"),
]
PAGES = (
    "index start tutorial how-to glossary targets targets/etc attacks/index attacks/fr "
    "metrics/ssim reference/index reference/write-a-target reference/commands verdicts changelog"
).split()
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome here")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("site")
    return folder, build(folder)


def test_it_builds_without_a_warning_or_a_dead_link(built: tuple[Path, str]) -> None:
    folder, said = built
    assert "WARNING" not in said
    assert faults(folder) == []
    assert all((folder / f"{page}.html").is_file() for page in PAGES)


def test_no_page_names_a_script_or_a_font_elsewhere(built: tuple[Path, str]) -> None:
    pages = list(built[0].rglob("*.html"))
    assert len(pages) > 150
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""<(?:script|link)[^>]+(?:src|href)=["']?https?:""", text), page


@needs_browser
def test_search_works_without_a_server(built: tuple[Path, str], tmp_path: Path) -> None:
    address = (built[0] / "index.html").as_uri()
    page = shown(f"{address}?q=one-time%20pad", tmp_path)
    found = re.search(r"md-search-result__meta\">(\d+) matching", page)
    assert found, "no result"
    assert int(found[1]) > 5


@needs_browser
@pytest.mark.skipif(
    axe_file() is None,
    reason="no axe-core: PPATTACK_AXE, or pip install --no-deps axe-playwright-python",
)
@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_nothing_serious_keeps_anybody_out(
    built: tuple[Path, str], tmp_path: Path, scheme: str
) -> None:
    found = violations(built[0], [f"{page}.html" for page in PAGES], scheme, tmp_path)
    assert [each for each in found if each[1] in ("serious", "critical")] == []
