"""``ppattack gate``: hold runs against a policy, for CI."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack.errors import ConfigError
from ppattack_cli import options

if TYPE_CHECKING:
    from ppattack.gates.rules import Finding


def gate(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or folders that hold some at any depth.")
    ],
    policy: Annotated[
        Path | None, typer.Option("--policy", help="TOML file with tables [[rule]].")
    ] = None,
    fail_on: options.FailOn = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="JUnit XML.")] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="SARIF 2.1.0.")] = None,
    verbose: options.Verbose = False,
) -> None:
    """Exit with 1 if a run breaks a rule, with 4 if that cannot be said, else with 0."""
    from ppattack.files import check_apart, write_text
    from ppattack.gates.junit import junit_xml
    from ppattack.gates.rules import judge, read_policy, rule
    from ppattack.gates.sarif import sarif_json
    from ppattack.reports.found import read_missing, read_runs

    named = {"--policy": policy, "--junit": junit, "--sarif": sarif}
    check_apart({flag: path for flag, path in named.items() if path is not None})
    rules = [*(read_policy(policy) if policy else []), *(rule(text) for text in fail_on or [])]
    if not rules:
        raise ConfigError("a gate needs rules: name a --policy or a --fail-on condition.")
    findings = judge(read_runs(runs), rules, read_missing(runs))
    if junit is not None:
        write_text(junit, junit_xml(findings, datetime.now(UTC)))
    if sarif is not None:
        write_text(sarif, sarif_json(findings, policy))
    finish(findings)


def finish(findings: Sequence[Finding]) -> None:
    """Show what was found, here and in the summary of a CI step, and exit with its code."""
    from ppattack.files import append_text
    from ppattack.gates.rules import exit_code
    from ppattack.gates.tables import gate_lines, gate_markdown

    for line in gate_lines(findings):
        typer.echo(line, err=True)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        append_text(Path(summary), gate_markdown(findings))
    code = exit_code(findings)
    if code:
        raise typer.Exit(code)
