"""The strongest result of each adversary, and the fewest ciphertexts that show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ppattack.errors import ReportError
from ppattack.render.leaderboard import leaderboard_html
from ppattack.reports.audit import Audit
from ppattack.reports.found import SavedRun, read_runs
from ppattack.reports.leaderboard import Leaderboard, leaderboard, read_leaderboard
from ppattack.reports.run import Report, ThreatPart
from tests.support.saved import report, save


def threat(**changes: object) -> ThreatPart:
    given = report().threat.model_dump()
    return ThreatPart(**{**given, **changes})


def board(*reports: Report) -> Leaderboard:
    return leaderboard([SavedRun(Path(f"run-{i}"), each) for i, each in enumerate(reports)])


def test_a_row_is_a_scheme_its_settings_and_its_keys() -> None:
    found = board(
        report(target="le"),
        report(target="le", target_config={"block_size": 8}),
        report(target="le", threat=threat(key_scope="image")),
        report(target="le", seed=1),
        report("none", "pe", "INCONCLUSIVE", gain=None),
    )
    assert [(row.settings, row.key_scope) for row in found.rows] == [
        ({"block_size": 8}, "dataset"), ({}, "dataset"), ({}, "image"),
    ]  # fmt: skip
    assert "Tanaka" in found.rows[0].source


def test_files_of_somebody_else_say_nothing_of_a_scheme() -> None:
    given = report("fr", "le", leak="images")
    facts = {**given.provenance, "request": {"ciphertexts": "files"}}
    assert len(board(given).rows) == 1
    assert not board(given.model_copy(update={"provenance": facts})).rows


def test_the_strongest_level_with_the_fewest_answers_and_ciphertexts() -> None:
    strong: dict[str, Any] = {"target": "le", "leak": "key"}
    (row,) = board(
        report("itn", "le", leak="identity", victims=4),
        report("fr", victims=256, **strong),
        report("covariance-matching", victims=64, **strong),
        report("covariance-matching", victims=128, **strong),
        report("jigsaw", "le", "RESISTED", gain=0.0, victims=2),
    ).rows
    cell = row.cells["ciphertexts"]
    assert (cell.leak, cell.attack, cell.ciphertexts) == ("key", "covariance-matching", 64)
    assert cell.attacks == ("covariance-matching", "fr", "itn", "jigsaw")
    assert cell.command.startswith("ppattack run --attack covariance-matching --target le")
    assert cell.version == "0"


def test_too_few_is_what_the_same_attack_was_tried_with_in_vain() -> None:
    strong: dict[str, Any] = {"target": "le", "leak": "key"}
    weak: dict[str, Any] = {"target": "le", "verdict": "INCONCLUSIVE", "gain": 0.0}
    fr = (report("fr", victims=64, **strong), report("jigsaw", victims=32, **weak))
    (row,) = board(*fr).rows
    assert row.cells["ciphertexts"].too_few is None
    (row,) = board(*fr, *(report("fr", victims=count, **weak) for count in (1, 16, 99))).rows
    assert row.cells["ciphertexts"].too_few == 16
    (row,) = board(*fr, report("fr", "le", leak="identity", victims=8)).rows
    assert row.cells["ciphertexts"].too_few == 8

    def pairs(count: int, victims: int, level: dict[str, Any]) -> Report:
        return report("known-plaintext", victims=victims, threat=threat(pairs=count), **level)

    (row,) = board(pairs(4, 64, strong), pairs(3, 64, weak), pairs(4, 2, weak)).rows
    cell = row.cells["pairs"]
    assert (cell.answers, cell.too_few, cell.ciphertexts) == (4, 3, 64)
    (row,) = board(report("fr", "le", "RESISTED", gain=0.0), report("fr", victims=2, **weak)).rows
    assert row.cells["ciphertexts"].too_few is None


def test_what_is_undecided_outweighs_what_was_resisted() -> None:
    (row,) = board(
        report("itn", "le", "RESISTED", gain=0.0), report("fr", "le", "INCONCLUSIVE", gain=0.0)
    ).rows
    assert row.cells["ciphertexts"].verdict == "INCONCLUSIVE"
    (row,) = board(report("itn", "le", "RESISTED", gain=0.0)).rows
    assert row.cells["ciphertexts"].verdict == "RESISTED"


@pytest.mark.parametrize(
    ("changes", "adversary"),
    [
        ({}, "ciphertexts"),
        ({"public": "none"}, "ciphertexts"),
        ({"public": "candidates"}, "candidates"),
        ({"pairs": 3}, "pairs"),
        ({"pairs": 3, "chosen": 2}, "chosen"),
        ({"model": True, "chosen": 2}, "model"),
    ],
)
def test_adversaries_are_told_by_the_strongest_thing_they_have(
    changes: dict[str, object], adversary: str
) -> None:
    (row,) = board(report(threat=threat(**changes))).rows
    assert list(row.cells) == [adversary]
    assert row.cells[adversary].answers == changes.get("pairs", changes.get("chosen", 0))  # type: ignore[index]


def test_an_audit_counts_only_without_its_runs() -> None:
    audit = report("audit", "le", leak="key", threat=threat(chosen=6))
    assert list(board(audit).rows[0].cells) == ["chosen"]
    assert list(board(audit, report("fr", "le")).rows[0].cells) == ["ciphertexts"]


def test_a_scheme_on_which_nothing_applied_has_a_row_without_cells() -> None:
    bare = Audit(
        target="one-time-pad", verdict="NOTHING APPLIED", reason="No attack.", attacks=(),
        key_scope="image",
    )  # fmt: skip
    found = leaderboard([SavedRun(Path("a"), report("fr", "le"))], [bare, bare])
    assert [(row.scheme, row.key_scope, row.without) for row in found.rows] == [
        ("le", "dataset", ""), ("one-time-pad", "image", "No attack."),
    ]  # fmt: skip
    known = report("fr", "one-time-pad", threat=threat(key_scope="image"))
    assert len(leaderboard([SavedRun(Path("a"), known)], [bare]).rows) == 1
    assert "nothing applied" in leaderboard_html(found)


def test_older_reports_are_read(tmp_path: Path) -> None:
    saved = save(tmp_path, report(target="le", leak="images"))
    older = json.loads((saved.folder / "report.json").read_text())
    for name in ("leak", "levels", "refuted", "spread", "shifted", "best_state_gain"):
        older.pop(name)
    for name in ("model", "tuned", "linked", "labels", "public_labels", "absent"):
        older["threat"].pop(name)
    older["schema_version"] = "1.0"
    older["provenance"] = {}
    (saved.folder / "report.json").write_text(json.dumps(older))
    (row,) = leaderboard(read_runs([tmp_path])).rows
    cell = row.cells["ciphertexts"]
    assert (cell.verdict, cell.leak, cell.command, cell.version) == ("BROKEN", None, "", "")


def test_what_was_published_stands_beside_it() -> None:
    le, unknown = board(report(target="le"), report(target="my-cipher")).rows
    assert le.claim == (
        "2^64 keys; median SSIM of attacks: fr 0.052, gan 0.657, itn 0.003 "
        "(arXiv:2204.07707, Fig. 8)"
    )
    assert (unknown.claim, unknown.title, unknown.source) == ("2^64 keys", "", "")


def test_it_is_read_again(tmp_path: Path) -> None:
    found = board(report(target="le", leak="key"), report(target="pe"))
    (tmp_path / "leaderboard.json").write_text(found.to_json())
    assert read_leaderboard(tmp_path) == found
    (tmp_path / "leaderboard.json").write_text("{}")
    with pytest.raises(ReportError, match="is not a ppattack leaderboard"):
        read_leaderboard(tmp_path / "leaderboard.json")
