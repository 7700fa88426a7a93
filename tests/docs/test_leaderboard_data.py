"""Our leaderboard: readable, every built-in scheme in it, a command and a version in every cell."""

from __future__ import annotations

from pathlib import Path

from ppattack.plugins import registry
from ppattack.render.leaderboard import leaderboard_html
from ppattack.reports.leaderboard import read_leaderboard
from tests.support.page import Page

PLACE = Path(__file__).parents[2] / "docs" / "results"


def test_every_built_in_scheme_is_in_it() -> None:
    board = read_leaderboard(PLACE)
    ours = {
        name for name in registry.names("target") if not registry.is_third_party("target", name)
    }
    assert {row.scheme for row in board.rows} == ours
    cells = [cell for row in board.rows for cell in row.cells.values()]
    assert len(cells) > 50
    assert all(cell.command.startswith("ppattack run --attack ") for cell in cells)
    assert all(cell.version for cell in cells)
    assert not any(
        mark in PLACE.joinpath("leaderboard.json").read_text() for mark in ("/tmp", "/home")
    )
    assert len(Page(leaderboard_html(board)).all("tr")) > len(board.rows) + len(cells)
