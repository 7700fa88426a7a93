"""JUnit and SARIF, held against what their schemas ask of the parts that are used."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from ppattack.gates.conditions import VERDICTS
from ppattack.gates.junit import junit_xml
from ppattack.gates.rules import Finding, judge, read_policy, rule
from ppattack.gates.sarif import sarif_json
from ppattack.gates.tables import gate_markdown
from ppattack.reports.found import SavedRun
from ppattack.reports.leaks import LEAKS
from tests.support.saved import report

WHEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
POLICY = """
[[rule]]
name = "Nothing comes back: <b> & \\u0007"
fail_on = "ssim.gain > 0.1"
[[rule]]
name = "nothing comes back b"
fail_on = "lpips.gain > 0.1"
targets = ["none", "e*"]
[[rule]]
fail_on = "lpips.gain > 0.1"
allow_inconclusive = true
"""


@pytest.fixture
def findings(tmp_path: Path) -> list[Finding]:
    """Every kind of finding."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    reports = [
        report("itn", "<etc> \x00"),
        report("fr", "le", "RESISTED", gain=0.0),
        report("fr", "pe", "INCONCLUSIVE", gain=0.0),
    ]
    runs = [SavedRun(Path("runs") / f"a b{i}", each) for i, each in enumerate(reports)]
    return judge(runs, read_policy(path))


SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")


def test_junit_follows_its_schema_and_counts_its_cases(findings: list[Finding]) -> None:
    text = junit_xml(findings, WHEN)
    SCHEMA.validate(text)
    root = ET.fromstring(text)
    for place, suite in enumerate(root):
        assert suite.attrib["id"] == str(place)
        cases = suite.findall("testcase")
        outcomes = [outcome.tag for case in cases for outcome in case]
        for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.attrib[name] == str(outcomes.count(kind))
        assert suite.attrib["tests"] == str(len(cases))
        assert all("message" in outcome.attrib for case in cases for outcome in case)
    numbers = [[s.attrib[k] for k in ("tests", "failures", "errors", "skipped")] for s in root]
    assert numbers == [["3", "1", "1", "0"], ["1", "0", "1", "0"], ["3", "0", "0", "3"]]
    assert root[0].attrib["timestamp"] == "2030-01-02T03:04:05"


def test_junit_of_rules_that_cover_nothing_follows_it_too(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rule]]\nfail_on = "ssim.gain > 0.1"\ntargets = ["nothing"]\n')
    run = SavedRun(tmp_path, report("itn", "etc"))
    SCHEMA.validate(junit_xml(judge([run], read_policy(policy)), WHEN))
    SCHEMA.validate(junit_xml([], WHEN))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tests="3"', 'tests="three"'),
        ('timestamp="2030-01-02T03:04:05"', 'timestamp="2030-01-02T03:04:05Z"'),
        ("<system-err", "<system-error"),
        ('type="violated"', 'kind="violated"'),
        ('id="1"', 'id="0"'),
    ],
)
def test_the_schema_notices_what_breaks_it(findings: list[Finding], old: str, new: str) -> None:
    text = junit_xml(findings, WHEN)
    assert old in text
    assert not SCHEMA.is_valid(text.replace(old, new, 1))


TEXT = {"text": str}
LOCATION = {
    "physicalLocation": {"artifactLocation": {"uri": str}, "region": {"startLine": int}},
}
LEVELS = {"none", "note", "warning", "error"}
SARIF = {
    "$schema": str,
    "version": {"2.1.0"},
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": str,
                    "version": str,
                    "rules": [
                        {
                            "id": str,
                            "shortDescription": TEXT,
                            "fullDescription": TEXT,
                            "defaultConfiguration": {"level": LEVELS},
                        }
                    ],
                }
            },
            "columnKind": {"utf16CodeUnits", "unicodeCodePoints"},
            "results": [
                {
                    "ruleId": str,
                    "ruleIndex": int,
                    "level": LEVELS,
                    "message": TEXT,
                    "partialFingerprints": {"cell/v1": str},
                    "locations?": [LOCATION],
                    "properties?": {"verdict": set(VERDICTS), "leak": {*LEAKS, None}},
                }
            ],
        }
    ],
}


def _follows(value: Any, schema: Any, where: str = "") -> None:
    """Types, allowed words, required and no other properties."""
    if isinstance(schema, type):
        assert type(value) is schema, where
    elif isinstance(schema, set):
        assert value in schema, where
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for place, item in enumerate(value):
            _follows(item, schema[0], f"{where}[{place}]")
    else:
        assert isinstance(value, dict), where
        allowed = {name.rstrip("?") for name in schema}
        assert {name for name in schema if not name.endswith("?")} <= set(value) <= allowed, where
        for name, item in value.items():
            _follows(item, schema.get(name, schema.get(f"{name}?")), f"{where}.{name}")


def test_sarif_follows_its_schema(findings: list[Finding]) -> None:
    document = json.loads(sarif_json(findings, Path("security policy.toml")))
    _follows(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    identities = [rule["id"] for rule in rules]
    assert len(set(identities)) == len(identities) == 3
    for result in run["results"]:
        assert identities[result["ruleIndex"]] == result["ruleId"]
        (location,) = result["locations"]
        assert " " not in location["physicalLocation"]["artifactLocation"]["uri"]
    assert [result["level"] for result in run["results"]] == [
        "error", "warning", "warning", "note", "note", "note",
    ]  # fmt: skip
    prints = [result["partialFingerprints"]["cell/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    assert run["results"][3]["message"]["text"].endswith("lpips.gain is not known (no weights).")


def test_markdown_shows_what_blocks_first_and_takes_text_as_text(findings: list[Finding]) -> None:
    lines = gate_markdown(findings).splitlines()
    assert lines[0] == "## ppattack: gate violated: 1 passed, 1 violated, 5 inconclusive"
    assert lines[4].startswith(r"| ✗ violated | Nothing comes back: \<b\> &")
    assert "<" not in "".join(lines).replace(r"\<", "")


def test_both_carry_what_leaks() -> None:
    saved = SavedRun(Path("run"), report("itn", "etc", leak="state"))
    findings = judge([saved], [rule("leak > class"), rule("failures > 0")])
    (result,) = json.loads(sarif_json(findings))["runs"][0]["results"]
    assert result["properties"] == {"verdict": "BROKEN", "leak": "state"}
    root = ET.fromstring(junit_xml(findings, WHEN))
    said = [suite.findtext("system-out") for suite in root]
    assert said == ["itn on etc: BROKEN: images up to a global state"] * 2
