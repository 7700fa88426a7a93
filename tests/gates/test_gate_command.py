from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.program import in_process
from tests.support.saved import report, save

RUN = "run -q --attack fr --target one-time-pad -n 12 --adversary 24"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run that resists and one that decides nothing."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    save(tmp_path / "runs" / "a", report("itn", "etc", "RESISTED", gain=0.02))
    save(tmp_path / "runs" / "b", report("itn", "le", "INCONCLUSIVE", gain=0.02))
    (tmp_path / "policy.toml").write_text('[[rule]]\nfail_on = "ssim.gain > 0.1"\n')
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        ("runs/a --policy policy.toml", 0, "gate passed: 1 passed, 0 violated, 0 inconclusive"),
        ("runs --policy policy.toml", 4, "gate inconclusive: 1 passed, 0 violated, 1 inconclusive"),
        ("runs/a --fail-on 'ssim.gain > 0.01'", 1, "gate violated: 0 passed, 1 violated, 0 "),
        ("runs/a --policy policy.toml --fail-on 'verdict == RESISTED'", 1, "gate violated: 1 "),
    ],
)
def test_exit_code_and_words(runs: Path, arguments: str, code: int, last: str) -> None:
    found, out, errors = in_process(f"gate {arguments}", runs)
    assert (found, out) == (code, "")
    assert errors.splitlines()[-1].startswith(last)


def test_files_and_the_summary_of_a_ci_step(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runs / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(runs / "summary.md"))
    code, _, _ = in_process("gate runs --policy policy.toml --junit j.xml --sarif s.json", runs)
    assert code == 4
    assert ET.parse(runs / "j.xml").getroot()[0].attrib["errors"] == "1"
    (result,) = json.loads((runs / "s.json").read_text())["runs"][0]["results"]
    assert result["message"]["text"].startswith("itn on le: ssim.gain is 0.020, but the run")
    summary = (runs / "summary.md").read_text()
    assert summary.startswith("before\n## ppattack: gate inconclusive")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(runs))
    code, _, errors = in_process("gate runs --policy policy.toml", runs)
    assert code == 2
    assert "cannot write" in errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("gate runs", "a gate needs rules"),
        ("gate nowhere --policy policy.toml", "there is no nowhere"),
        ("gate runs --policy none.toml --junit j.xml", "cannot read the policy"),
        ("gate runs --fail-on 'ssim > 0' --junit j.xml", "there is no score 'ssim'"),
        (f"{RUN} --fail-on 'ssim > 0'", "there is no score 'ssim'"),
        (f"{RUN} --fail-on 'failures > 0' --curve attack.pairs=1,2", "leave out --curve"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(runs: Path, arguments: str, words: str) -> None:
    before = sorted(runs.rglob("*"))
    code, out, errors = in_process(arguments, runs)
    assert (code, out) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


@pytest.mark.parametrize(
    ("condition", "code"),
    [("ssim.gain < 0.1", 1), ("ssim.gain > 0.1", 0), ("key.index > 0.5", 4)],
)
def test_a_run_is_held_against_a_condition(runs: Path, condition: str, code: int) -> None:
    found, out, errors = in_process(f"{RUN} --out done --fail-on '{condition}'", runs)
    assert found == code
    assert "report: " in out
    assert errors.splitlines()[-1].startswith("gate ")


@pytest.mark.parametrize("flags", ["--junit policy.toml", "--junit a --sarif a"])
def test_no_output_is_written_over_the_policy_or_another(runs: Path, flags: str) -> None:
    policy = (runs / "policy.toml").read_bytes()
    code, out, errors = in_process(f"gate runs --policy policy.toml {flags}", runs)
    assert (code, out) == (2, "")
    assert "name the same file" in errors
    assert (runs / "policy.toml").read_bytes() == policy
    assert not (runs / "a").exists()
