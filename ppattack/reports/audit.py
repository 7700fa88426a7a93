"""``audit.json``: the verdict on a target over all attacks."""

from __future__ import annotations

from pathlib import Path

from ppattack.card import KEYS_IN_WORDS, KeyScope
from ppattack.errors import ReportError
from ppattack.reports.leaks import LeakName
from ppattack.reports.leaks import State as LeakState
from ppattack.reports.parts import Part
from ppattack.reports.probe import ProbeReport
from ppattack.reports.run import VerdictName
from ppattack.reports.sweep import State

AUDIT = "audit"
"""The name that stands for all attacks in the report."""
FILE = "audit.json"
SCHEMA_VERSION = "1.2"


class AuditedAttack(Part):
    """The outcome of one attack.

    Args:
        attack: its name.
        state: ``done``, ``failed``, ``not applicable`` or ``left out``.
        threat: what it was granted, in words.
        verdict: of its run.
        leak: the strongest level that it showed.
        metric: the metric that the verdict rests on.
        gain: mean gain in it over the best blind baseline.
        strongest_on: images on which no attack did better.
        run: name of its folder.
        reason: of the verdict; why it failed, does not apply or was left out.
    """

    attack: str
    state: State
    threat: str | None
    verdict: VerdictName | None
    leak: LeakName | None = None
    metric: str | None
    gain: float | None
    strongest_on: int
    run: str | None
    reason: str


class AuditedLevel(Part):
    """One level over all attacks.

    Args:
        level: its name.
        state: ``shown``, ``follows`` from a stronger level, ``not shown`` or ``not measured``.
        attack: that shows it, the one that needs least; or one that measured it.
        words: its numbers.
    """

    level: LeakName
    state: LeakState
    attack: str | None
    words: str

    @property
    def shown(self) -> bool:
        """Whether it leaks."""
        return self.state in ("shown", "follows")


class Audit(Part):
    """``audit.json``: the verdict over all attacks, which are in the order in which they ran.

    ``leak`` is the strongest level that any attack showed, and ``levels`` all of them, the
    strongest first; null and empty in audits from before schema 1.2. ``probe`` is what the probes
    said of the scheme before; null for an audit without them.
    ``key_scope`` is that of its rows; null in audits of before, which used the target's default.
    An audit that was asked for no key scope answers for one key for all images, and in
    ``per_image`` for a key per image; that part lies in the folder ``per_image_folder`` too.
    """

    schema_version: str = SCHEMA_VERSION
    target: str
    verdict: VerdictName
    reason: str
    leak: LeakName | None = None
    levels: tuple[AuditedLevel, ...] = ()
    probe: ProbeReport | None = None
    attacks: tuple[AuditedAttack, ...]
    key_scope: KeyScope | None = None
    per_image: Audit | None = None
    per_image_folder: str | None = None

    @property
    def keys(self) -> str:
        """The key scope in words; empty if it is not on record."""
        return "" if self.key_scope is None else KEYS_IN_WORDS[self.key_scope]

    def to_json(self) -> str:
        """The text of its file."""
        return self.model_dump_json(indent=2) + "\n"


def read_audit(folder: Path) -> Audit:
    """Read the audit of a folder.

    Raises:
        ReportError: if it is missing or of another schema.
    """
    path = folder / FILE
    try:
        return Audit.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} is not an audit: {str(error).splitlines()[0]}.") from None
