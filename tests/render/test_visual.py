"""Visual information: runs that attacked nothing, kept apart from the attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.evaluation.statistics import summarise
from ppattack.files import write_text
from ppattack.render.html import report_html
from ppattack.render.tables import report_latex, report_markdown
from ppattack.render.visual import box_plots, split, table_rows
from ppattack.reports.found import SavedRun, read_runs
from ppattack.reports.run import DataPart, scores_csv
from ppattack.reports.scores import MetricScores, Scores
from tests.support.page import Page
from tests.support.program import in_process
from tests.support.saved import report, save

HOSTILE = "<script>alert(1)</script>"
COUNT = 40


def unattacked(
    folder: Path,
    target: str = "etc",
    *,
    edge: int = 32,
    level: float = 0.2,
    lpips: bool = True,
    identity: str = "0123456789ab",
    **changes: Any,
) -> tuple[SavedRun, dict[str, np.ndarray]]:
    """A run of ``none`` whose numbers are drawn, and those numbers by metric."""
    rng = np.random.default_rng(edge)
    values = {"ssim": rng.normal(level, 0.01, COUNT), "psnr": rng.normal(9, 0.1, COUNT)}
    if lpips:
        values["lpips"] = rng.normal(2 * level, 0.02, COUNT)
    scores = {name: _scores(name, column) for name, column in values.items()}
    size = DataPart(
        name="photos", hash="ab", shape=(3, edge, edge), victims=COUNT, adversary=0, notes=[]
    )
    content = report(
        "none",
        target,
        "INCONCLUSIVE",
        identity=identity,
        **{
            "data": size,
            "scores": Scores(**scores),
            "absent": {} if lpips else {"lpips": "no weights"},
            **changes,
        },
    )
    run = save(folder, content)
    names = [f"{i:05d}" for i in range(COUNT)]
    columns = {f"{name}.reconstruction": column.tolist() for name, column in values.items()}
    write_text(run.folder / "scores.csv", scores_csv(names, columns))
    return run, values


def _scores(name: str, values: np.ndarray) -> MetricScores:
    return MetricScores(
        better="lower" if name == "lpips" else "higher",
        ciphertext=None,
        baseline=None,
        baseline_name=None,
        gain=None,
        reconstruction=summarise({"x": values}, 0)["x"],
    )


def test_small_images_come_first_and_every_box_is_that_of_its_images(tmp_path: Path) -> None:
    large, _ = unattacked(tmp_path, "ele", edge=224)
    small, values = unattacked(tmp_path, "pe")
    other, _ = unattacked(tmp_path, "ele")
    rows = table_rows([large, small, other])
    assert [row.label for row in rows] == ["ele 32x32", "pe 32x32", "ele 224x224"]
    plots = box_plots(rows)
    assert [plot.metric.split(",")[0] for plot in plots] == ["LPIPS", "SSIM"]
    for plot, metric in zip(plots, ("lpips", "ssim"), strict=True):
        box = plot.boxes[1]
        q1, median, q3 = np.quantile(values[metric], [0.25, 0.5, 0.75])
        assert (box.q1, box.median, box.q3) == pytest.approx((q1, median, q3), abs=1e-5)
        reach = 1.5 * (q3 - q1)
        inside = values[metric][np.abs(values[metric] - (q1 + q3) / 2) <= reach + (q3 - q1) / 2]
        assert (box.low, box.high) == pytest.approx((inside.min(), inside.max()), abs=1e-5)
        assert len(box.outside) == COUNT - len(inside)


def test_namesakes_are_told_apart() -> None:
    runs = [
        SavedRun(Path(str(block)), report("none", target_config={"block_size": block}))
        for block in (4, 16)
    ]
    assert [row.label for row in table_rows(runs)] == [
        "etc 8x8 (block_size=16)",
        "etc 8x8 (block_size=4)",
    ]
    twins = [SavedRun(Path(name), report("none", identity=name * 12)) for name in "ab"]
    assert [row.label for row in table_rows(twins)] == ["etc 8x8 " + name * 12 for name in "ab"]


def test_they_are_no_attacks(tmp_path: Path) -> None:
    unattacked(tmp_path, "etc")
    unattacked(tmp_path, "pe")
    save(tmp_path, report("itn", "etc"))
    page = Page(report_html(read_runs([tmp_path])))
    assert [cell.text for cell in page.all("th")[:3]] == ["target", "itn", "etc"]
    assert page.all("title")[0].text == "ppattack: 1 broken of 1 runs"
    assert [head.text for head in page.all("h2")] == ["Summary", "Visual information", "etc"]
    assert "0 INCONCLUSIVE" in page.all("ul")[0].text
    boxes = [svg.attributes["aria-label"] for svg in page.all("svg") if "role" in svg.attributes]
    assert [words.split(":")[0] for words in boxes[:4]] == ["etc 32x32", "pe 32x32"] * 2
    changed = report_markdown(read_runs([tmp_path]), read_runs([tmp_path]))
    assert "Nothing, in 1 experiments." in changed
    assert len(split(read_runs([tmp_path]))[1]) == 2


def test_a_page_of_nothing_else_has_no_matrix(tmp_path: Path) -> None:
    unattacked(tmp_path / "runs")
    page = Page(report_html(read_runs([tmp_path])))
    assert [head.text for head in page.all("h2")] == ["Visual information"]
    assert "No attack was run." in page.all("header")[0].text
    assert "ppattack run --attack none --target etc -n 20" in page.all("pre")[0].text
    for options in ("--html page.html", "--md - --csv runs.csv --latex table.tex"):
        assert in_process(f"report runs {options}", tmp_path)[0] == 0
    latex = (tmp_path / "table.tex").read_text()
    assert latex.count("\\begin{tabular}") == 2
    assert "SSIM & Baseline" not in latex


def test_tables_hold_the_means(tmp_path: Path) -> None:
    _, values = unattacked(tmp_path, "a_b|c")
    text = report_markdown(read_runs([tmp_path]))
    (row,) = (line for line in text.splitlines() if line.startswith(r"| a\_b\|c 32x32 |"))
    assert f"| {COUNT} | {values['lpips'].mean():.3f} " in row
    assert f"| {values['ssim'].mean():.3f} " in row
    assert row.endswith(f"| {values['psnr'].mean():.3f} |")
    latex = report_latex(read_runs([tmp_path]))
    assert f"a\\_b|c 32x32 & {COUNT} & {values['lpips'].mean():.3f} [" in latex


def test_without_weights_the_reason_stands_there(tmp_path: Path) -> None:
    unattacked(tmp_path, lpips=False)
    page = Page(report_html(read_runs([tmp_path])))
    assert "LPIPS of etc 32x32 is missing: no weights." in page.all("main")[0].text
    assert [caption.text.split(",")[0] for caption in page.all("figcaption")] == ["SSIM"]


def test_whatever_a_run_says_is_text(tmp_path: Path) -> None:
    unattacked(
        tmp_path, HOSTILE, lpips=False, absent={"lpips": HOSTILE}, target_config={HOSTILE: HOSTILE}
    )
    unattacked(tmp_path, HOSTILE, identity="b" * 12)
    page = Page(report_html(read_runs([tmp_path])))
    assert not page.all("script", "img")
    assert page.all("th")[-2].text.startswith(HOSTILE)
