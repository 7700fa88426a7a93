"""The pages in Chromium, where playwright and a browser are: no error, keys, colours, print, axe.

axe-core is not part of this repository: name its file ``axe.min.js`` in ``PPATTACK_AXE`` to run it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.render.html import report_html
from ppattack.render.identification import identification_html
from ppattack.render.leaderboard import leaderboard_html
from ppattack.reports.found import read_runs
from ppattack.reports.leaderboard import read_leaderboard
from ppattack.runs.identifying import look_at
from tests.conftest import smooth_images
from tests.support.leaderboards import several
from tests.support.saved import report, save

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.slow, pytest.mark.process]
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = os.environ.get("PPATTACK_AXE")
PAGES = ("report", "identification", "leaderboard", "ours")
FOCUSABLE = "a[href], button, summary, [tabindex='0']"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome here")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three kinds of page."""
    from ppattack.data.image_files import write_png

    place = tmp_path_factory.mktemp("pages")
    save(place / "runs", report("itn", "etc", leak="images", key=0.5), images=8)
    save(place / "runs", report("fr", "le", "RESISTED", gain=0.0, leak="nothing"), images=3)
    (place / "report.html").write_text(report_html(read_runs([place / "runs"])))
    for number, image in enumerate(smooth_images(16, 32)):
        shuffled = image.flatten()[np.random.default_rng(1).permutation(image.numel())]
        write_png(place / "files" / f"{number}.png", shuffled.reshape(image.shape))
    looked = look_at(place / "files")
    text = identification_html(looked.report, looked.read.arrays)
    (place / "identification.html").write_text(text)
    (place / "leaderboard.html").write_text(leaderboard_html(several()))
    ours = read_leaderboard(Path(__file__).parents[2] / "docs" / "results")
    (place / "ours.html").write_text(leaderboard_html(ours))
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_it_opens_without_an_error_in_both_colours(
    browser: Any, folder: Path, name: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    page.goto((folder / f"{name}.html").as_uri())
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(19, 23, 28)"}[scheme]
    if AXE:
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found
                if each["impact"] in SERIOUS] == []  # fmt: skip
    assert said == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_everything_is_reached_by_the_keyboard(browser: Any, folder: Path, name: str) -> None:
    page = browser.new_page()
    page.goto((folder / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    wanted = page.evaluate(
        f'[...document.querySelectorAll("{FOCUSABLE}")].map((each, i) => each.dataset.n = i)'
    )
    reached = set()
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.n"))
    assert {str(number) for number in wanted} <= reached
    assert len(wanted) >= 2
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_prints(browser: Any, folder: Path, name: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto((folder / f"{name}.html").as_uri())
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="print")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(27, 31, 36)"  # dark on white paper, whatever the screen shows
    page.set_viewport_size({"width": 1040, "height": 720})  # landscape A4 less its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 1040
    page.close()


def test_columns_of_the_leaderboard_sort_by_mouse_and_key(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    page.goto((folder / "leaderboard.html").as_uri())
    rows = (
        "[...document.querySelectorAll('#board tbody tr')].map(row => row.cells[0].dataset.order)"
    )
    assert page.evaluate(rows) == ["le", "etc", "my-cipher"]
    page.locator("#board thead button", has_text="scheme").click()
    assert page.evaluate(rows) == ["etc", "le", "my-cipher"]
    page.keyboard.press("Enter")
    assert page.evaluate(rows) == ["my-cipher", "le", "etc"]
    head = page.locator("#board thead th").first
    assert head.get_attribute("aria-sort") == "descending"
    assert page.locator("#board [aria-sort]").count() == 1
    assert page.inner_text("#sorted") == "Sorted by scheme, descending."
    page.locator("#board thead button", has_text="known pairs").press(" ")
    assert page.evaluate(rows)[0] == "etc"
    page.close()
