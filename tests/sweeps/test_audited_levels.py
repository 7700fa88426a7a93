"""The lines of an audit: one per level and kind of key, with the attack that needs least."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ppattack.reports.audit import read_audit
from ppattack.reports.leaks import LEVELS, LeakName
from ppattack.reports.run import Report
from ppattack.reports.scores import ReidentificationScores, Summary
from ppattack.request import RunRequest
from ppattack.sweeps.audited_levels import audited_levels
from ppattack.sweeps.executors import InThisProcess
from ppattack.sweeps.merged_audit import merge
from ppattack.sweeps.sweep import run_sweep
from tests.support.saved import report
from tests.support.sweeps import Watch


def granted(attack: str, leak: LeakName, **threat: object) -> Report:
    made = report(attack, "pe", leak=leak)
    return made.model_copy(update={"threat": made.threat.model_copy(update=threat)})


def test_the_attack_that_needs_least_stands_for_a_level() -> None:
    reports = [
        granted("chosen", "key", chosen=3),
        granted("known", "key", pairs=2),
        granted("matching", "identity", public="candidates"),
    ]
    for order in (reports, reports[::-1]):
        lines = {one.level: one for one in audited_levels(order)}
        assert list(lines) == list(LEVELS)
        assert lines["key"].attack == lines["images"].attack == "known"
        assert lines["identity"].attack == lines["class"].attack == "matching"
        assert all(one.state == "shown" for one in lines.values())


def test_nobody_measured_what_no_attack_returns() -> None:
    images_only = granted("fr", "nothing")
    levels = {name: level for name, level in images_only.levels.items() if name == "images"}
    found = audited_levels([images_only.model_copy(update={"levels": levels})])
    assert {one.level: one.state for one in found} == {
        "key": "not measured",
        "images": "not shown",
        "state": "not measured",
        "identity": "not measured",
        "class": "not measured",
    }
    assert audited_levels([]) == ()


def named(share: float) -> Summary:
    low = max(0.0, share - 0.05)
    return Summary(n=256, mean=share, median=0, q1=0, q3=0, min=0, max=1, ci95=(low, share + 0.05))


@pytest.mark.parametrize(("share", "said"), [(0.207, True), (0.002, False)])
def test_what_the_ciphertexts_name_is_said_and_credited_to_no_attack(
    share: float, said: bool
) -> None:
    found = ReidentificationScores(
        better="higher",
        reconstruction=named(0.1),
        ciphertext=named(share),
        baseline=named(0.2),
        baseline_name="ciphertext",
        gain=named(0.0),
        rank1=0.1,
        rank10=0.2,
        wilson95=(0.05, 0.15),
        candidates=1000,
        chance=0.001,
        by="blocks",
        kinds={},
    )
    made = granted("fr", "nothing")
    scores = made.scores.model_copy(update={"reidentification": found})
    lines = {one.level: one for one in audited_levels([made.model_copy(update={"scores": scores})])}
    assert not any(one.shown for one in lines.values())
    words = "the ciphertexts as they are, without an attack, name 20.7% of 256 among 1000"
    assert (words in lines["identity"].words) is said
    assert words not in lines["class"].words


def test_what_was_matched_is_said_where_nobody_knows_the_truth() -> None:
    told = "the true matching is not known, but of 20 ciphertexts 10 are of exact copies"
    made = [
        granted("fr", "nothing").model_copy(update={"absent": {"matching": "not for this"}}),
        granted("candidate-matching", "nothing").model_copy(update={"absent": {"matching": told}}),
    ]
    lines = {one.level: one for one in audited_levels(made)}
    assert lines["identity"].words.endswith(f"candidate-matching: {told}")
    assert not lines["identity"].shown
    assert told not in lines["class"].words


@pytest.mark.long
def test_an_audit_says_what_leaks(tmp_path: Path) -> None:
    asked = RunRequest("", "pe", victims=12, adversary=24, size=16, preset="smoke", out=tmp_path)
    requests = [replace(asked, attack=attack) for attack in ("known-plaintext", "fr")]
    sweep, _ = run_sweep(requests, InThisProcess(), Watch())
    done = merge(sweep, asked)
    assert done.report.leak == "key"
    assert [(one.level, one.state) for one in done.report.levels][:3] == [
        ("key", "shown"),
        ("images", "shown"),
        ("state", "follows"),
    ]
    whole = json.loads((done.folder / "report.json").read_text())
    assert whole["leak"] == "key"
    assert whole["levels"]["key"]["words"] == "known-plaintext: the attack recovered the exact key"
    assert read_audit(done.folder) == done.report
    old = json.loads((done.folder / "audit.json").read_text())
    for name in ("leak", "levels"):
        del old[name]
    (done.folder / "audit.json").write_text(json.dumps(old))
    assert read_audit(done.folder).leak is None
