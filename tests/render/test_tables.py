from __future__ import annotations

import csv
import io
from pathlib import Path

from ppattack.render.tables import CSV_COLUMNS, report_csv, report_latex, report_markdown
from ppattack.reports.found import SavedRun, read_runs
from tests.support.saved import report, save


def _runs(folder: Path) -> list[SavedRun]:
    save(folder, report("itn", "etc"))
    save(folder, report("a_b|c", "50%", "RESISTED", gain=-0.1))
    return read_runs([folder])


def test_markdown_holds_the_matrix_and_takes_text_as_text(tmp_path: Path) -> None:
    lines = report_markdown(_runs(tmp_path)).splitlines()
    assert "1 ✗ BROKEN, 1 ✓ nothing shown, 0 ? INCONCLUSIVE, 0 – NOTHING APPLIED." in lines
    assert r"| target | a\_b\|c | itn |" in lines
    assert "| etc |  | ✗ BROKEN, ssim +0.300 |" in lines
    assert "| 50% | ✓ nothing shown, ssim -0.100 |  |" in lines
    found = r"| itn | ✗ BROKEN | 0.400 | 0.100 | +0.300 \[+0.275, +0.325\] |  |  | 1.5 |"
    assert found in lines


def test_csv_has_a_row_a_run(tmp_path: Path) -> None:
    heading, first, second = csv.reader(io.StringIO(report_csv(_runs(tmp_path))))
    assert tuple(heading) == CSV_COLUMNS
    row = dict(zip(heading, second, strict=True))
    assert (row["target"], row["attack"], row["verdict"]) == ("etc", "itn", "BROKEN")
    assert float(row["gain"]) == 0.3
    assert float(row["gain_low"]) == 0.3 - 0.025
    assert row["lpips"] == row["key"] == ""
    assert row["command"] == "ppattack run --attack itn --target etc -n 20"
    assert dict(zip(heading, first, strict=True))["target"] == "50%"


def test_csv_and_markdown_show_what_changed(tmp_path: Path) -> None:
    save(tmp_path / "base", report("itn", "etc", "RESISTED", gain=0.0))
    save(tmp_path / "base", report("fr", "etc"))
    now, base = _runs(tmp_path / "now"), read_runs([tmp_path / "base"])
    rows = list(csv.DictReader(io.StringIO(report_csv(now, base))))
    assert [(row["verdict_before"], row["gain_before"]) for row in rows] == [
        ("", ""),
        ("RESISTED", "0.0"),
    ]
    text = report_markdown(now, base)
    assert "| etc | itn | ✓ nothing shown | ✗ BROKEN | +0.000 | +0.300 |" in text
    assert "| etc | fr | ✗ BROKEN | not run | +0.300 |  |" in text
    assert "Nothing, in 2 experiments." in report_markdown(now, now)


def test_latex_is_a_booktabs_table_without_bare_specials(tmp_path: Path) -> None:
    text = report_latex(_runs(tmp_path))
    assert text.index("\\toprule") < text.index("\\midrule") < text.index("\\bottomrule")
    assert "etc & itn & 0.400 & 0.100 & $+0.300$ [$+0.275$, $+0.325$] & broken \\\\" in text
    assert "50\\% & a\\_b|c & 0.000" in text


def test_latex_shows_what_changed_in_a_second_table(tmp_path: Path) -> None:
    save(tmp_path / "base", report("itn", "etc", "RESISTED", gain=0.0))
    save(tmp_path / "base", report("f_r", "etc"))
    now, base = _runs(tmp_path / "now"), read_runs([tmp_path / "base"])
    text = report_latex(now, base)
    assert text.startswith(report_latex(now).rstrip("\n"))
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 2
    changes = text[text.index("% what changed") :]
    assert "etc & itn & nothing shown & broken & $+0.000$ & $+0.300$ \\\\" in changes
    assert "etc & f\\_r & broken & not run & $+0.300$ &  \\\\" in changes
    assert "50\\% & a\\_b|c & not run & nothing shown &  & $-0.100$ \\\\" in changes
    same = report_latex(now, now)
    assert same.count("\\begin{tabular}") == 1
    assert "Nothing, in 2 experiments." in same


def test_what_leaks_is_in_every_table_and_a_change_of_it_is_a_change(tmp_path: Path) -> None:
    save(tmp_path / "base", report("itn", "etc", leak="identity"))
    save(tmp_path / "now", report("itn", "etc", leak="images"))
    now, base = read_runs([tmp_path / "now"]), read_runs([tmp_path / "base"])
    (row,) = csv.DictReader(io.StringIO(report_csv(now)))
    assert row["leak"] == "images"
    assert "| etc | ✗ BROKEN: images, ssim +0.300 |" in report_markdown(now)
    assert "& broken: images \\\\" in report_latex(now)
    text = report_markdown(now, base)
    assert "| etc | itn | ✗ BROKEN: identity | ✗ BROKEN: images | +0.300 | +0.300 |" in text
    # A report that does not say what leaks differs in nothing.
    save(tmp_path / "old", report("itn", "etc"))
    assert "Nothing, in 1 experiments." in report_markdown(now, read_runs([tmp_path / "old"]))
