from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from ppattack.reports.found import read_image_scores
from ppattack.reports.run import scores_csv
from ppattack.reports.text import cell_text, csv_text, visible

FORMULAS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-x",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "-0.3+0.1",
    "'=1",
    "''-a",
)
NUMBERS = (-0.3, 5, "-0.3", "+0.3", "-1e-05", "00012", True)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_compute_is_quoted_and_comes_back(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_text([[text]]), newline=""))
    assert cell == "'" + text
    assert cell_text(cell) == text


@pytest.mark.parametrize("value", [*NUMBERS, "plain", "a=b", "'quoted'", "x-y", ""])
def test_numbers_and_other_text_stay_as_they_are(value: object) -> None:
    ((cell, empty),) = csv.reader(io.StringIO(csv_text([[value, None]])))
    assert cell == str(value)
    assert cell_text(cell) == cell
    assert empty == ""


def test_names_of_images_come_back_from_their_scores(tmp_path: Path) -> None:
    names = ("=a.png", "-1.png", "b.png", "'+.png")
    text = scores_csv(names, {"ssim.reconstruction": [-0.25, 0.5, 1.0, 0.0]})
    (tmp_path / "scores.csv").write_text(text, "utf-8")
    assert text.splitlines()[1] == "'=a.png,-0.25"
    found = read_image_scores(tmp_path)
    assert found is not None
    assert found.names == names
    assert found.columns["ssim.reconstruction"] == (-0.25, 0.5, 1.0, 0.0)


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31mb\x07\x00\x9b\u202e\r") == r"a\x1b[31mb\x07\x00\x9b\u202e\r"
    assert visible("ä\tline\nnext 漢") == "ä\tline\nnext 漢"
    assert visible("\udcff") == r"\udcff"
