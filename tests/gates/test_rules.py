from __future__ import annotations

from pathlib import Path

import pytest

from ppattack.errors import ConfigError
from ppattack.gates.rules import exit_code, judge, read_policy, rule
from ppattack.reports.found import MissingRun, SavedRun
from ppattack.reports.leaks import LeakName
from ppattack.reports.run import Report
from tests.support.saved import report

BROKEN = report("itn", "etc", gain=0.3)
RESISTED = report("fr", "etc-gray", "RESISTED", gain=0.0)
UNDECIDED = report("fr", "le", "INCONCLUSIVE", gain=0.04)


def _runs(*reports: Report) -> list[SavedRun]:
    return [SavedRun(Path(f"run{i}"), each) for i, each in enumerate(reports)]


@pytest.mark.parametrize(
    ("reports", "condition", "code"),
    [
        ([RESISTED], "ssim.gain > 0.1", 0),
        ([BROKEN], "ssim.gain > 0.1", 1),
        ([BROKEN], "ssim.gain > 0.5", 0),
        ([UNDECIDED], "ssim.gain > 0.1", 4),
        ([UNDECIDED], "ssim.gain > 0.01", 1),
        ([RESISTED], "lpips.gain > 0.1", 4),
        ([RESISTED, UNDECIDED], "ssim.gain > 0.1", 4),
        ([RESISTED, UNDECIDED, BROKEN], "ssim.gain > 0.1", 1),
    ],
)
def test_exit_codes(reports: list[Report], condition: str, code: int) -> None:
    assert exit_code(judge(_runs(*reports), [rule(condition)])) == code


def test_words_hold_the_numbers_and_the_reason() -> None:
    violated, unscored, undecided = (
        judge(_runs(each), [rule(condition)])[0].words
        for each, condition in (
            (BROKEN, "ssim.gain > 0.1"),
            (RESISTED, "lpips.gain > 0"),
            (UNDECIDED, "ssim.gain > 0.1"),
        )
    )
    assert violated == "ssim.gain is 0.300: ssim.gain > 0.1."
    assert unscored == "lpips.gain is not known (no weights)."
    assert undecided == "ssim.gain is 0.040, but the run: for a reason."


POLICY = """
[[rule]]
name = "gray"
fail_on = "ssim.gain > 0.1"
targets = ["etc-*", "pe"]

[[rule]]
fail_on = "ssim.gain > 0.5"
attacks = ["i?n", "none"]
"""


def _policy(folder: Path, text: str) -> Path:
    path = folder / "security.toml"
    path.write_text(text)
    return path


def test_rules_cover_what_they_name(tmp_path: Path) -> None:
    rules = read_policy(_policy(tmp_path, POLICY))
    assert [each.name for each in rules] == ["gray", "ssim.gain > 0.5"]
    found = judge(_runs(BROKEN, RESISTED, UNDECIDED), rules)
    assert [(f.rule.name, f.subject, f.state) for f in found] == [
        ("gray", "fr on etc-gray", "passed"),
        ("ssim.gain > 0.5", "itn on etc", "passed"),
    ]


def test_a_rule_without_runs_decides_nothing(tmp_path: Path) -> None:
    rules = read_policy(_policy(tmp_path, POLICY))
    found = judge(_runs(BROKEN), rules)
    assert found[0].run is None
    assert exit_code(found) == 4


def test_cells_without_a_run_count() -> None:
    cells = [
        MissingRun("itn", "pe", state, "why.", "ppattack run")
        for state in ("failed", "queued", "not applicable")
    ]
    found = judge(_runs(RESISTED), [rule("ssim.gain > 0.1")], cells)
    assert [(each.subject, each.state, each.words) for each in found[1:]] == [
        ("itn on pe", "inconclusive", "failed: why."),
        ("itn on pe", "inconclusive", "queued: why."),
    ]
    assert exit_code(found) == 4
    assert exit_code(judge(_runs(RESISTED), [rule("ssim.gain > 0.1")], cells[2:])) == 0


def test_a_rule_may_let_the_undecided_pass(tmp_path: Path) -> None:
    text = "[[rule]]\nfail_on = 'ssim.gain > 0.1'\nallow_inconclusive = true\n"
    rules = read_policy(_policy(tmp_path, text))
    assert exit_code(judge(_runs(UNDECIDED), rules)) == 0
    assert exit_code(judge(_runs(UNDECIDED, BROKEN), rules)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no rules"),
        ("rule = 3", "has no rules"),
        ("rule = []", "has no rules"),
        ("[[rules]]\nfail_on = 'failures > 0'", "has a part 'rules'; the only one is [[rule]]"),
        (
            "[[rule]]\nname = 'a'",
            "rule 1 needs either 'fail_on', the condition that no run may meet",
        ),
        ("[[rule]]\nfail_on = 'failures > 0'\nrequire = 'failures < 1'", "rule 1 needs either"),
        ("[[rule]]\nrequire = 'a > 0'", "rule 1: 'a > 0' is not a condition"),
        ("[[rule]]\nfail_on = 'a > 0'", "rule 1: 'a > 0' is not a condition"),
        ("[[rule]]\nfail_on = 'failures > 0'\nfoo = 1", "no setting 'foo'"),
        ("[[rule]]\nfail_on = 'failures > 0'\ntargets = 'etc'", "targets='etc' is not valid"),
        ("[[rule]", "is not TOML"),
    ],
)
def test_a_policy_that_is_none_is_explained(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policy(_policy(tmp_path, text))
    assert words in str(caught.value)


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the policy"):
        read_policy(tmp_path / "none.toml")


def test_a_policy_may_begin_with_the_mark_of_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'[[rule]]\nfail_on = "ssim.gain > 0.1"\n')
    assert len(read_policy(path)) == 1


def test_a_name_where_a_list_belongs_is_explained(tmp_path: Path) -> None:
    text = '[[rule]]\nfail_on = "ssim.gain > 0.1"\ntargets = "pe"\n'
    with pytest.raises(
        ConfigError, match=r"targets='pe' .* must be a list, for example \[\"pe\"\]"
    ):
        read_policy(_policy(tmp_path, text))


@pytest.mark.parametrize(("runs", "code"), [(1, 0), (2, 0), (3, 4)])
def test_a_rule_may_ask_for_a_number_of_runs(tmp_path: Path, runs: int, code: int) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[[rule]]\nfail_on = "ssim.gain > 0.1"\nruns = {runs}\nallow_inconclusive = true\n'
    )
    findings = judge(_runs(RESISTED, RESISTED), read_policy(policy))
    assert exit_code(findings) == code
    words = [finding.words for finding in findings if finding.run is None]
    assert words == (["the rule covers 2 runs, not 3 or more."] if code else [])


def test_no_runs_keep_the_gate_shut_whatever_is_allowed(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nfail_on = "ssim.gain > 0.1"\nallow_inconclusive = true\n')
    assert exit_code(judge([], read_policy(policy))) == 4


def test_a_number_of_runs_below_one_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nfail_on = "ssim.gain > 0.1"\nruns = 0\n')
    with pytest.raises(ConfigError, match="runs"):
        read_policy(policy)


@pytest.mark.parametrize(
    ("leak", "code"),
    [("nothing", 0), ("class", 0), ("identity", 1), ("state", 1), ("images", 1), ("key", 1)],
)
def test_a_policy_says_how_much_may_leak(tmp_path: Path, leak: LeakName, code: int) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nrequire = "leak <= class"\n')
    (wanted,), forbidden = read_policy(policy), rule("leak > class")
    assert wanted.name == "not (leak <= class)"
    run = report("fr", "etc", "RESISTED" if leak == "nothing" else "BROKEN", leak=leak)
    for each in (wanted, forbidden):
        findings = judge(_runs(run), [each])
        assert exit_code(findings) == code
        assert f"leak is {leak}" in findings[0].words


def test_a_report_that_does_not_say_what_leaks_decides_nothing() -> None:
    assert exit_code(judge(_runs(BROKEN), [rule("leak > class")])) == 4
    undecided = report("fr", "le", "INCONCLUSIVE", leak="nothing")
    assert exit_code(judge(_runs(undecided), [rule("leak > class")])) == 4
