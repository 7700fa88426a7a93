"""Findings of a gate as JUnit XML: one suite per rule, one case per run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from ppattack.gates.rules import Finding
from ppattack.render.matrix import labels
from ppattack.reports.leaks import verdict_words

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KIND = {"violated": "failure", "inconclusive": "error"}


def junit_xml(findings: Sequence[Finding], when: datetime) -> str:
    """The document, after the schema of Ant's JUnit task.

    What is inconclusive is an error, or skipped if the rule lets it pass.

    Args:
        findings: of all rules, in order.
        when: the time that it shows.
    """
    root = ET.Element("testsuites")
    names = labels(finding.run for finding in findings if finding.run)
    rules = list(dict.fromkeys(finding.rule for finding in findings))
    for place, rule in enumerate(rules):
        own = [finding for finding in findings if finding.rule is rule]
        suite = ET.SubElement(
            root,
            "testsuite",
            id=str(place),
            name=_clean(rule.name),
            package="ppattack.gate",
            timestamp=when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            hostname="localhost",
            tests=str(len(own)),
            failures=str(sum(_outcome(finding) == "failure" for finding in own)),
            errors=str(sum(_outcome(finding) == "error" for finding in own)),
            skipped=str(sum(_outcome(finding) == "skipped" for finding in own)),
            time=f"{sum(_seconds(finding) for finding in own):.3f}",
        )
        ET.SubElement(suite, "properties")
        for finding in own:
            _add(suite, finding, names)
        out = ET.SubElement(suite, "system-out")
        out.text = _clean("; ".join(_outcomes(own, names))) or None
        ET.SubElement(suite, "system-err")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _add(suite: ET.Element, finding: Finding, names: dict[str, str]) -> None:
    run = finding.run
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(run.report.target.name if run else "gate"),
        name=_clean(names[str(run.folder)] if run else finding.subject),
        time=f"{_seconds(finding):.3f}",
    )
    outcome = _outcome(finding)
    if outcome == "skipped":
        ET.SubElement(case, outcome, message=_clean(finding.words))
    elif outcome:
        problem = ET.SubElement(case, outcome, type=finding.state, message=_clean(finding.words))
        problem.text = _clean(f"{run.folder / 'report.json'}" if run else finding.words)


def _outcomes(findings: Sequence[Finding], names: dict[str, str]) -> list[str]:
    """What each run ended in."""
    runs = {str(each.run.folder): each.run.report for each in findings if each.run}
    return [
        f"{names[place]}: {verdict_words(report.verdict, report.leak)}"
        for place, report in runs.items()
    ]


def _outcome(finding: Finding) -> str:
    if finding.state == "passed":
        return ""
    return _KIND[finding.state] if finding.blocks else "skipped"


def _seconds(finding: Finding) -> float:
    return finding.run.report.timing.get("attack", 0.0) if finding.run else 0.0


def _clean(text: str) -> str:
    """Text without what XML cannot hold, on one line."""
    return " ".join(_NOT_XML.sub("?", text).split())
