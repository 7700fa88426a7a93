from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from ppattack.errors import ReportError
from ppattack.render.html import report_html
from ppattack.reports.found import read_runs
from tests.support.page import Page
from tests.support.saved import report, save, summary

HOSTILE = "<script>alert(1)</script>"
LINKING = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "style"}


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Two attacks on two targets, one cell of them twice, with images."""
    save(tmp_path, report("itn", "etc"), images=3)
    save(tmp_path, report("itn", "etc", "RESISTED", gain=0.0, seed=1, identity="b" * 12))
    save(tmp_path, report("fr", "etc", "INCONCLUSIVE", gain=None))
    save(tmp_path, report("fr", "le", "RESISTED", gain=-0.1))
    return Page(report_html(read_runs([tmp_path])))


def test_the_matrix_shows_the_strongest_result_in_words(page: Page) -> None:
    matrix = page.all("table")[0]
    rows = [element for element in page.all("tr") if element.parent in matrix.children]
    cells = [[" ".join(cell.text.split()) for cell in row.children] for row in rows]
    assert cells == [
        ["target", "fr", "itn"],
        ["etc", "? INCONCLUSIVE not scored", "✗ BROKEN ssim +0.300, 2 runs"],
        ["le", "✓ nothing shown ssim -0.100", "not run"],
    ]


def test_headings_descend_without_a_gap_and_tables_have_scopes(page: Page) -> None:
    levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.all("th")
    assert all(head.attributes.get("scope") in ("col", "row") for head in page.all("th"))


def test_every_picture_has_words_and_every_scroll_area_a_name_and_a_focus(page: Page) -> None:
    assert len(page.all("img")) == 3 * 3 + 1
    assert all(image.attributes["alt"] for image in page.all("img"))
    drawn = [svg for svg in page.all("svg") if svg.attributes.get("role") == "img"]
    assert drawn
    assert all("median" in svg.attributes["aria-label"] for svg in drawn)
    areas = [area for area in page.all("div") if area.attributes.get("class") == "scroll"]
    assert areas
    for area in areas:
        assert area.attributes["tabindex"] == "0"
        assert area.attributes["aria-label"]


def test_links_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    targets = [link.attributes["href"] for link in page.all("a")]
    assert {target[1:] for target in targets} <= set(ids)
    labelled = [e.attributes["aria-labelledby"] for e in page.elements if
                "aria-labelledby" in e.attributes]  # fmt: skip
    assert set(labelled) <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    assert not page.all("script", "link", "iframe", "object", "embed", "form")
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in LINKING & set(element.attributes):
            assert element.attributes[name].startswith(("#", "data:image/")), element
    style = page.all("style")[0].text
    assert "@import" not in style
    assert "url(" not in style
    policy = [m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_whatever_a_report_says_is_text(tmp_path: Path) -> None:
    """Names, settings, notes, reasons and provenance come from plug-ins and files."""
    content = report(
        HOSTILE,
        HOSTILE,
        attack_config={HOSTILE: HOSTILE},
        target_config={'"><img src=x onerror=alert(1)>': HOSTILE},
        reason=HOSTILE,
        absent={HOSTILE: HOSTILE},
        failures={HOSTILE: HOSTILE},
        provenance={"request": {"attack": HOSTILE}, HOSTILE: HOSTILE, "seed": HOSTILE},
    )
    save(tmp_path, content)
    page = Page(report_html(read_runs([tmp_path])))
    assert not page.all("script", "img")
    assert page.all("h2")[1].text == HOSTILE


def test_a_verdict_has_a_colour_in_both_schemes(page: Page) -> None:
    style = page.all("style")[0].text
    light, dark = style.split("prefers-color-scheme: dark")
    for verdict in ("broken", "resisted", "inconclusive"):
        for part in (light, dark):
            front, back = (
                _luminance(re.search(rf"--{name}: (#\w+)", part)) for name in
                (verdict, f"{verdict}-soft")
            )  # fmt: skip
            assert (max(front, back) + 0.05) / (min(front, back) + 0.05) >= 4.5


def _luminance(match: re.Match[str] | None) -> float:
    assert match
    parts = [int(match[1][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_several_counts_make_a_curve(tmp_path: Path) -> None:
    for place, (count, key) in enumerate([(10, 0.2), (100, 0.5), (1000, 1.0)]):
        content = report("cm", victims=count, key=key, identity=f"{place:012d}")
        save(tmp_path, content)
    page = Page(report_html(read_runs([tmp_path])))
    (curve,) = (svg for svg in page.all("svg") if "viewbox" in svg.attributes)
    assert (
        "key recovered: 0.200 at 10, 0.500 at 100, 1.000 at 1000"
        in (curve.attributes["aria-label"])
    )
    lines = [line.attributes for line in page.all("polyline")]
    points = next(line["points"] for line in lines if line["class"] == "curve key")
    xs, ys = zip(*(map(float, pair.split(",")) for pair in points.split()), strict=True)
    assert xs[2] - xs[1] == pytest.approx(xs[1] - xs[0], abs=0.2)
    assert ys[0] > ys[1] > ys[2]


def test_two_settings_that_change_together_make_no_curve(tmp_path: Path) -> None:
    save(tmp_path, report(victims=10, attack_config={"pairs": 1}, identity="a" * 12))
    save(tmp_path, report(victims=20, attack_config={"pairs": 2}, identity="b" * 12))
    assert not Page(report_html(read_runs([tmp_path]))).all("polyline")


def test_one_run_with_scores_among_others_makes_no_curve(tmp_path: Path) -> None:
    save(tmp_path, report(victims=10, identity="a" * 12))
    save(tmp_path, report(victims=20, gain=None, identity="b" * 12))
    assert not Page(report_html(read_runs([tmp_path]))).all("polyline")


def test_changes_against_an_earlier_set(tmp_path: Path) -> None:
    save(tmp_path / "a", report("itn", "etc", "RESISTED", gain=0.0))
    save(tmp_path / "a", report("fr", "etc", "RESISTED", gain=0.0))
    save(tmp_path / "b", report("itn", "etc", "BROKEN", gain=0.2))
    save(tmp_path / "b", report("fr", "etc", "RESISTED", gain=0.0))
    now, then = read_runs([tmp_path / "b"]), read_runs([tmp_path / "a"])
    text = " ".join(Page(report_html(now, then)).all("main")[0].text.split())
    assert "1 of 2 experiments differ from the earlier set; 1 changed their verdict." in text
    assert "✓ nothing shown✗ BROKEN+0.000+0.200+0.200" in text


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    save(tmp_path, report(), images=2)
    assert report_html(read_runs([tmp_path])) == report_html(read_runs([tmp_path]))


@pytest.mark.parametrize("name", ["scores.csv", "samples/0-00000-plain.png"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    run = save(tmp_path, report(), images=1)
    (run.folder / name).write_text("image,ssim.reconstruction\n00000.png,x\n")
    with pytest.raises(ReportError, match=name):
        report_html(read_runs([tmp_path]))


def test_a_bar_says_what_leaks_and_who_shows_it(tmp_path: Path) -> None:
    save(tmp_path, report("audit", "etc", leak="identity"))
    save(tmp_path, report("fr", "etc", leak="identity"))
    save(tmp_path, report("itn", "etc", "RESISTED", gain=0.0, leak="nothing"))
    save(tmp_path, report("itn", "le", "RESISTED", gain=0.0, leak="nothing"))
    save(tmp_path, report("itn", "pe", "RESISTED", gain=0.0))  # from before there were levels
    page = Page(report_html(read_runs([tmp_path])))
    matrix = page.all("table")[0]
    rows = [row for row in page.all("tr") if row.parent in matrix.children]
    assert [" ".join(row.children[1].text.split()) for row in rows] == [
        "what leaks", "identity", "nothing shown", "",
    ]  # fmt: skip
    bars = [bar for bar in page.all("ol") if bar.attributes.get("class") == "leaks"]
    assert len(bars) == 2
    assert [" ".join(item.text.split()) for item in bars[0].children] == [
        "✗ class leaks fr",
        "✗ identity leaks fr",
        "✓ images up to a global state not shown fr",
        "✓ images not shown fr",
        "✓ the key not shown fr",
    ]
    anchors = {element.attributes["id"] for element in page.all("h3")}
    items = [item for bar in bars for item in bar.children]
    links = [link.attributes["href"] for link in page.all("a") if link.parent in items]
    assert links
    assert {link.removeprefix("#") for link in links} <= anchors


def test_images_up_to_a_state_are_shown_by_their_best_state(tmp_path: Path) -> None:
    save(tmp_path, report("jigsaw", "etc", gain=0.0, leak="state", best_state_ssim=summary(0.9)))
    matrix = Page(report_html(read_runs([tmp_path]))).all("table")[0]
    words = " ".join(matrix.text.split())
    assert "✗ BROKEN: images up to a global state ssim 0.900 in the best state" in words
