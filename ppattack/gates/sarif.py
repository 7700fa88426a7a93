"""Findings of a gate as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ppattack
from ppattack.gates.rules import Finding, Rule
from ppattack.render.matrix import labels

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"violated": "error", "inconclusive": "warning"}


def sarif_json(findings: Sequence[Finding], policy: Path | None = None) -> str:
    """The document: every rule, and a result for whatever did not pass.

    Args:
        findings: of all rules, in order.
        policy: the file of the rules; results without a run point to it.
    """
    names = labels(finding.run for finding in findings if finding.run)
    rules = list(dict.fromkeys(finding.rule for finding in findings))
    identities = _identities(rules)
    driver = {
        "name": "ppattack",
        "version": ppattack.__version__,
        "rules": [_rule(rule, identities[rule]) for rule in rules],
    }
    results = [
        {
            "ruleId": identities[finding.rule],
            "ruleIndex": rules.index(finding.rule),
            **_result(finding, names, policy),
        }
        for finding in findings
        if finding.state != "passed"
    ]
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _rule(rule: Rule, identity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": f"No run may meet: {rule.text}"},
        "defaultConfiguration": {"level": "error"},
    }


def _identities(rules: Sequence[Rule]) -> dict[Rule, str]:
    """A machine-readable name for each rule, all different."""
    found: dict[Rule, str] = {}
    for rule in rules:
        words = re.sub(r"[^a-z0-9]+", "-", rule.name.lower()).strip("-") or "rule"
        taken = sum(other == words or other.startswith(f"{words}-") for other in found.values())
        found[rule] = f"{words}-{taken + 1}" if taken else words
    return found


def _result(finding: Finding, names: dict[str, str], policy: Path | None) -> dict[str, Any]:
    run = finding.run
    subject = names[str(run.folder)] if run else finding.subject
    where = run.folder / "report.json" if run else policy
    identity = f"{finding.rule.text}|{subject}"
    result: dict[str, Any] = {
        "level": _LEVELS[finding.state] if finding.blocks else "note",
        "message": {"text": f"{subject}: {finding.words}"},
        "partialFingerprints": {"cell/v1": hashlib.sha256(identity.encode()).hexdigest()[:32]},
    }
    if run is not None:
        result["properties"] = {"verdict": run.report.verdict, "leak": run.report.leak}
    if where is not None:
        location = {"artifactLocation": {"uri": _uri(where)}, "region": {"startLine": 1}}
        result["locations"] = [{"physicalLocation": location}]
    return result


def _uri(path: Path) -> str:
    """A path as a URI reference; a relative path stays relative."""
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
