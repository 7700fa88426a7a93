from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.errors import ReportError
from ppattack.render.html import report_html
from ppattack.reports.found import read_image_scores, read_missing, read_runs
from ppattack.reports.sweep import Cell, Outcome, Sweep
from tests.support.page import Page
from tests.support.saved import report, save

HOSTILE = "<script>alert(1)</script>"


def test_runs_are_found_at_any_depth_and_each_once(tmp_path: Path) -> None:
    one = save(tmp_path / "a", report(identity="a" * 12)).folder
    two = save(tmp_path / "a" / "b", report(identity="b" * 12)).folder
    assert {run.folder for run in read_runs([tmp_path])} == {one, two}
    assert [run.folder for run in read_runs([two, tmp_path])] == [two, one]
    assert [run.report.id for run in read_runs([one / "report.json", one])] == ["a" * 12]


def test_runs_are_found_through_links_once(tmp_path: Path) -> None:
    far = save(tmp_path / "elsewhere", report(identity="a" * 12)).folder
    near = save(tmp_path / "runs", report(identity="b" * 12)).folder
    (tmp_path / "runs" / "linked").symlink_to(far)
    (tmp_path / "runs" / "linked again").symlink_to(far)
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    found = read_runs([tmp_path / "runs", far])
    assert [run.report.id for run in found] == ["b" * 12, "a" * 12]
    assert found[0].folder == near


def test_unfinished_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    kept = save(tmp_path, report()).folder
    save(tmp_path / ".controls", report(identity="b" * 12))
    save(tmp_path / "x.partial", report(identity="c" * 12))
    assert [run.folder for run in read_runs([tmp_path])] == [kept]


def test_a_place_without_runs_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no finished run"):
        read_runs([tmp_path])
    with pytest.raises(ReportError, match="there is no .*nowhere"):
        read_runs([tmp_path / "nowhere"])


def test_image_scores_are_read_back(tmp_path: Path) -> None:
    folder = save(tmp_path, report(), images=2).folder
    found = read_image_scores(folder)
    assert found is not None
    assert found.names == ("00000.png", "00001.png")
    assert found.columns == {"ssim.reconstruction": (0.0, 0.1)}
    (folder / "scores.csv").unlink()
    assert read_image_scores(folder) is None


@pytest.mark.parametrize("content", ["", "image,a\nx\n", "image,a\nx,y\n", "image,a\n\n"])
def test_damaged_image_scores_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "scores.csv").write_text(content)
    with pytest.raises(ReportError, match=r"scores\.csv is damaged"):
        read_image_scores(tmp_path)


def test_cells_without_a_run_are_found(tmp_path: Path) -> None:
    cells = tuple(
        Cell(
            attack=f"a{place}",
            target="t",
            key_scope=None,
            seed=0,
            isolated=False,
            command=HOSTILE,
            outcome=outcome,
        )
        for place, outcome in enumerate(
            [None, Outcome(state="failed", reason=HOSTILE), Outcome(state="done", run="r")]
        )
    )
    save(tmp_path / "m", report())
    (tmp_path / "m" / "bench-0.json").write_text(Sweep(id="0", cells=cells).model_dump_json())
    missing = read_missing([tmp_path, tmp_path / "m"])
    assert [(cell.attack, cell.state) for cell in missing] == [("a0", "queued"), ("a1", "failed")]
    page = Page(report_html(read_runs([tmp_path]), None, missing))
    assert not page.all("script")
    row = next(row for row in page.all("tr") if "a1" in row.text)
    assert [cell.text for cell in row.children] == ["t", "a1", "failed", HOSTILE, HOSTILE]
    (tmp_path / "m" / "bench-0.json").write_text("{}")
    with pytest.raises(ReportError, match=r"bench-0\.json"):
        read_missing([tmp_path])
