"""Gates: runs held against the rules of a policy."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from ppattack.config import Doc, Interval, resolve
from ppattack.errors import ConfigError
from ppattack.gates.conditions import Condition, Negated, parse, value_of
from ppattack.render.numbers import number
from ppattack.reports.found import MissingRun, SavedRun
from ppattack.reports.run import OPEN
from ppattack.reports.sweep import NO_RESULT

PASSED, VIOLATED, UNDECIDED = 0, 1, 4
"""Exit codes of a gate."""
State = Literal["passed", "violated", "inconclusive"]


@dataclass(frozen=True)
class RuleConfig:
    """A rule, as a policy writes it: with ``fail_on`` or with ``require``."""

    fail_on: Annotated[str, Doc("condition that no run may meet")] = ""
    require: Annotated[str, Doc("condition that every run must meet")] = ""
    name: Annotated[str, Doc("what the rule is called")] = ""
    targets: Annotated[tuple[str, ...], Doc("names of targets, * and ? stand for any letters")] = (
        "*",
    )
    attacks: Annotated[tuple[str, ...], Doc("names of attacks, likewise")] = ("*",)
    allow_inconclusive: Annotated[bool, Doc("whether a run that decides nothing may pass")] = False
    runs: Annotated[int, Interval(ge=1), Doc("how many runs the rule must cover at least")] = 1


@dataclass(frozen=True)
class Rule:
    """A rule that can be applied.

    Args:
        config: as it was written.
        condition: that no run may meet.
    """

    config: RuleConfig
    condition: Condition

    @property
    def name(self) -> str:
        """Its name, or its condition."""
        return self.config.name or self.text

    @property
    def text(self) -> str:
        """What no run may meet, in words."""
        return self.config.fail_on or f"not ({self.config.require})"

    def covers(self, attack: str, target: str) -> bool:
        """Whether the rule is about this attack on this target."""
        return _matches(target, self.config.targets) and _matches(attack, self.config.attacks)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Finding:
    """What a rule says about a run.

    Args:
        rule: the rule.
        run: the run, or None if the finding is about runs that are not there.
        state: whether the run meets what no run may meet.
        words: why.
        missing: the cell that has no run, if there is one.
    """

    rule: Rule
    run: SavedRun | None
    state: State
    words: str
    missing: MissingRun | None = None

    @property
    def blocks(self) -> bool:
        """Whether it keeps the gate shut; too few runs do so always."""
        if self.run is None and self.missing is None:
            return True
        if self.state == "inconclusive":
            return not self.rule.config.allow_inconclusive
        return self.state == "violated"

    @property
    def subject(self) -> str:
        """What it is about."""
        if self.missing is not None:
            return f"{self.missing.attack} on {self.missing.target}"
        if self.run is None:
            return "runs"
        return f"{self.run.report.attack.name} on {self.run.report.target.name}"


def rule(fail_on: str) -> Rule:
    """A rule for every run.

    Raises:
        ConfigError: if the text is not a condition.
    """
    return Rule(RuleConfig(fail_on), parse(fail_on))


def read_policy(path: Path) -> list[Rule]:
    """The rules of a TOML file, each a table ``[[rule]]``.

    Raises:
        ConfigError: if it is missing, is not TOML, or holds anything else.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the policy {path}: {error}.") from None
    except (ValueError, RecursionError) as error:  # also for numbers of too many digits
        raise ConfigError(f"the policy {path} is not TOML: {error}.") from None
    for name in document:
        if name != "rule":
            raise ConfigError(f"the policy {path} has a part '{name}'; the only one is [[rule]].")
    tables = document.get("rule", [])
    if not (isinstance(tables, list) and tables and all(isinstance(t, dict) for t in tables)):
        raise ConfigError(f"the policy {path} has no rules: write them as tables [[rule]].")
    return [_rule(table, f"{path} rule {place}") for place, table in enumerate(tables, 1)]


def _rule(table: dict[str, Any], where: str) -> Rule:
    if ("fail_on" in table) == ("require" in table):
        raise ConfigError(
            f"{where} needs either 'fail_on', the condition that no run may meet, or 'require', "
            "the one that every run must meet."
        )
    config = resolve(RuleConfig, table, where)
    try:
        if "require" in table:
            return Rule(config, Negated(parse(config.require)))
        return Rule(config, parse(config.fail_on))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def judge(
    runs: Sequence[SavedRun], rules: Sequence[Rule], missing: Sequence[MissingRun] = ()
) -> list[Finding]:
    """Hold every run against every rule.

    A rule that covers too few runs decides nothing, and neither does a run whose own verdict is
    INCONCLUSIVE or NOTHING APPLIED, or that lacks a score: unless it meets the condition all the
    same.

    Args:
        runs: the runs.
        rules: the rules.
        missing: cells without a run; those whose attack does not apply, or was left out because
            an audit had decided, do not count.
    """
    findings = []
    for each in rules:
        covered = [
            run for run in runs if each.covers(run.report.attack.name, run.report.target.name)
        ]
        findings += [_finding(each, run) for run in covered]
        for cell in missing:
            if cell.state not in NO_RESULT and each.covers(cell.attack, cell.target):
                words = f"{cell.state}: {cell.reason}"
                findings.append(Finding(each, None, "inconclusive", words, cell))
        if len(covered) < each.config.runs:
            words = f"the rule covers {len(covered)} runs, not {each.config.runs} or more."
            findings.append(Finding(each, None, "inconclusive", words))
    return findings


def _finding(rule: Rule, run: SavedRun) -> Finding:
    report = run.report
    holds = rule.condition.holds(report)
    known = {name: value_of(report, name) for name in rule.condition.names()}
    words = ", ".join(f"{name} is {_text(value)}" for name, value in known.items())
    if holds:
        return Finding(rule, run, "violated", f"{words}: {rule.text}.")
    if holds is None:
        missing = [name for name, value in known.items() if value is None]
        reasons = [report.absent.get(name.split(".")[0]) for name in missing]
        why = next((f" ({reason})" for reason in reasons if reason), "")
        return Finding(rule, run, "inconclusive", f"{words}{why}.")
    if report.verdict in OPEN:
        return Finding(rule, run, "inconclusive", f"{words}, but the run: {report.reason}")
    return Finding(rule, run, "passed", f"{words}.")


def _text(value: float | str | None) -> str:
    if value is None:
        return "not known"
    return value if isinstance(value, str) else number(value)


def exit_code(findings: Sequence[Finding]) -> int:
    """0 if the gate opens, 1 if a rule is violated, 4 if that cannot be said."""
    shut = [finding for finding in findings if finding.blocks]
    if not shut:
        return PASSED
    return VIOLATED if any(finding.state == "violated" for finding in shut) else UNDECIDED
