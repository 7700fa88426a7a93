"""Findings of a gate for people: lines for a terminal, Markdown for the summary of a CI step."""

from __future__ import annotations

from collections.abc import Sequence

from ppattack.gates.rules import PASSED, VIOLATED, Finding, exit_code
from ppattack.render.matrix import labels
from ppattack.render.tables import markdown_table
from ppattack.reports.text import visible

SYMBOLS = {"passed": "✓", "violated": "✗", "inconclusive": "?"}


def gate_lines(findings: Sequence[Finding]) -> list[str]:
    """One line per finding, then the outcome."""
    names = labels(finding.run for finding in findings if finding.run)
    lines = []
    for finding in findings:
        subject = names[str(finding.run.folder)] if finding.run else finding.subject
        words = f"{SYMBOLS[finding.state]} {subject}: {finding.words}"
        lines.append(visible(" ".join(words.split())))
    return [*lines, outcome(findings)]


def outcome(findings: Sequence[Finding]) -> str:
    """The gate in one line."""
    code = exit_code(findings)
    counts = ", ".join(
        f"{sum(finding.state == state for finding in findings)} {state}" for state in SYMBOLS
    )
    word = {PASSED: "passed", VIOLATED: "violated"}.get(code, "inconclusive")
    return f"gate {word}: {counts}"


def gate_markdown(findings: Sequence[Finding]) -> str:
    """Every finding; those that keep the gate shut come first."""
    names = labels(finding.run for finding in findings if finding.run)
    order = ("violated", "inconclusive", "passed")
    rows = [
        (
            f"{SYMBOLS[finding.state]} {finding.state}",
            finding.rule.name,
            names[str(finding.run.folder)] if finding.run else finding.subject,
            finding.words,
        )
        for finding in sorted(findings, key=lambda found: order.index(found.state))
    ]
    table = markdown_table(("", "rule", "run", "why"), rows)
    return "\n".join([f"## ppattack: {outcome(findings)}", "", *table, ""])
