"""The page of the leaderboard, and the command that writes it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from ppattack.render.leaderboard import leaderboard_html
from ppattack.reports.found import SavedRun
from ppattack.reports.leaderboard import Leaderboard, leaderboard
from tests.support.leaderboards import several
from tests.support.page import Element, Page
from tests.support.program import in_process
from tests.support.saved import report, save

HOSTILE = "<script>alert(1)</script>"


def _board(page: Page) -> Element:
    return next(each for each in page.all("table") if each.attributes.get("id") == "board")


def test_the_table_shows_levels_attacks_and_numbers() -> None:
    page = Page(leaderboard_html(several()))
    rows = [row for row in page.all("tr") if row.parent in _board(page).children]
    cells = [[" ".join(cell.text.split()) for cell in row.children] for row in rows]
    assert cells[0] == ["scheme", "keys", "worst", "ciphertexts only", "known pairs", "published"]
    assert cells[1][0].startswith("le LE: learnable image encryption")
    assert cells[1][2:5] == [
        "✗ the key", "✗ the key covariance-matching, 64 ciphertexts; fewer not tried", "not run"
    ]  # fmt: skip
    assert cells[2][2:5] == [
        "✗ identity", "✓ nothing shown 2 attacks, 20 ciphertexts",
        "✗ identity known-plaintext, 3 pairs; not with 2",
    ]  # fmt: skip
    assert [row[2] for row in cells[1:]] == ["✗ the key", "✗ identity", "? undecided"]


def test_columns_are_buttons_with_their_order_and_cells_have_keys() -> None:
    page = Page(leaderboard_html(several()))
    heading = next(each for each in _board(page).children if each.tag == "thead").children[0]
    heads = heading.children
    assert all(head.children[0].tag == "button" for head in heads)
    assert [head.attributes.get("aria-sort", "") for head in heads].count("descending") == 1
    body = next(each for each in _board(page).children if each.tag == "tbody")
    assert all("data-order" in cell.attributes for row in body.children for cell in row.children)


def test_every_cell_leads_to_its_command_and_version() -> None:
    page = Page(leaderboard_html(several()))
    rows = {row.attributes["id"]: row.text for row in page.all("tr") if "id" in row.attributes}
    links = [each.attributes["href"] for each in page.all("a")]
    assert set(links) == {"#main", *(f"#{anchor}" for anchor in rows)}
    assert len(rows) == 4
    assert all("ppattack run --attack" in text for text in rows.values())


def test_only_its_own_script_runs() -> None:
    page = Page(leaderboard_html(several()))
    (script,) = page.all("script")
    policy = next(each.attributes["content"] for each in page.all("meta")
                  if each.attributes.get("http-equiv") == "Content-Security-Policy")  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_text_is_escaped() -> None:
    hostile = report("fr", HOSTILE, leak="key", target_config={HOSTILE: HOSTILE})
    text = leaderboard_html(leaderboard([SavedRun(Path("a"), hostile)]))
    assert HOSTILE not in text
    assert len(Page(text).all("script")) == 1


def test_the_command_writes_a_page_or_prints_json(tmp_path: Path) -> None:
    save(tmp_path / "runs", report("fr", "le", leak="key"))
    code, out, errors = in_process("leaderboard runs", tmp_path)
    assert (code, out, errors) == (0, "leaderboard: leaderboard.html\n", "")
    page = (tmp_path / "leaderboard.html").read_text()
    code, out, _ = in_process("leaderboard runs --json", tmp_path)
    (tmp_path / "board.json").write_text(out)
    assert code == 0
    assert len(Leaderboard.model_validate(json.loads(out)).rows) == 1
    assert in_process("leaderboard board.json -o again.html", tmp_path)[0] == 0
    assert (tmp_path / "again.html").read_text() == page


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    save(tmp_path / "runs", report("fr", "le", leak="key"))
    save(tmp_path / "shown", report("none", "le", "INCONCLUSIVE", gain=None))
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd.json").write_text("[]")
    for words, said in (
        ("leaderboard empty", "holds no finished run"),
        ("leaderboard shown", "nothing in shown is of a scheme"),
        ("leaderboard nowhere", "there is no nowhere"),
        ("leaderboard odd.json", "is not a ppattack leaderboard"),
        ("leaderboard runs -o empty", "is a folder: name a file"),
        ("leaderboard runs -o a.json", "--json > a.json"),
    ):
        code, _, errors = in_process(words, tmp_path)
        assert code == 2
        assert said in errors
        assert len(errors.splitlines()) == 1
