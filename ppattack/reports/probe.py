"""What the probes say of a cipher, as JSON."""

from __future__ import annotations

from typing import Any

from ppattack.reports.parts import Part, VersionedReport

SCHEMA_VERSION = "1.1"


class ProbedProperty(Part):
    """One property.

    Args:
        name: of the property.
        holds: whether the cipher has it; None if it was not measured.
        words: one sentence.
        value: the statistic.
        bar: from which value on it holds, if there is a number to compare.
        facts: details.
    """

    name: str
    holds: bool | None
    words: str
    value: float | None
    bar: float | None
    facts: dict[str, Any]


class AdvisedAttack(Part):
    """An attack that follows from the findings, its settings, and the command that runs it."""

    attack: str
    why: str
    settings: dict[str, str]
    command: str


class ProbeReport(VersionedReport):
    """A probed cipher.

    Args:
        target: its name.
        shape: ``(C, H, W)`` of the images that were tried.
        key_scope: one key for all images, or one each.
        kind: what the cipher is, in one word.
        words: the same in one line.
        weakness: why it cannot count as resisting, whatever attacks say; empty if it can.
        hides: whether every ciphertext is noise of its own, so that no generic attack applies.
        images: how many were encrypted.
        properties: in the order in which they were tried.
        attacks: what to try on it.
    """

    schema_version: str = SCHEMA_VERSION
    target: str
    shape: tuple[int, int, int]
    key_scope: str
    kind: str
    words: str
    weakness: str
    hides: bool = False
    images: int
    properties: tuple[ProbedProperty, ...]
    attacks: tuple[AdvisedAttack, ...]
