"""The result of a run: its schema, and JSON and CSV in and out.

Other tools read ``report.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ppattack.reports.leaks import LeakLevel, LeakName
from ppattack.reports.parts import Part, VersionedReport, read_versioned
from ppattack.reports.scores import Scores, ShiftedScores, Summary
from ppattack.reports.text import csv_text

SCHEMA_VERSION = "1.7"
VerdictName = Literal["BROKEN", "RESISTED", "INCONCLUSIVE", "NOTHING APPLIED"]
OPEN: tuple[VerdictName, ...] = ("INCONCLUSIVE", "NOTHING APPLIED")
"""Verdicts that decide nothing."""


class AttackPart(Part):
    """The attack as it was configured, and what it said of itself (unverified)."""

    name: str
    config: dict[str, Any]
    notes: dict[str, Any]


class TargetPart(Part):
    """The target as it was configured."""

    name: str
    config: dict[str, Any]
    key_space_bits: float | None


class DataPart(Part):
    """The images: ``shape`` is ``(C, H, W)``; ``hash`` covers the pixels of both sides."""

    name: str
    hash: str
    shape: tuple[int, int, int]
    victims: int
    adversary: int
    notes: list[str]


class ThreatPart(Part):
    """What the adversary was given; ``jpeg`` is how the ciphertexts were compressed on the way.

    ``labels``: the class of every ciphertext and public image; ``public_labels``: of public images
    only. ``distractors``: how many images at most among the candidates nobody encrypted;
    ``altered``: how candidates differ from what was; ``absent``: share of the ciphertexts whose
    images are not among them; ``linked``: whether they are ciphertexts under other keys;
    ``model``: a public model and its copy transformed with the key; ``tuned``: how far that was
    fine-tuned since.
    """

    public: Literal["none", "unpaired", "candidates"]
    pairs: int
    chosen: int
    own_keys: bool
    key_scope: Literal["dataset", "image"]
    words: str
    jpeg: str | None = None
    labels: bool = False
    distractors: int = 0
    altered: str = "none"
    public_labels: bool = False
    absent: float = 0.0
    linked: bool = False
    model: bool = False
    tuned: float = 0.0


class ControlResult(Part):
    """The same attack, at its control budget, on a target whose outcome is known.

    ``leak`` is the strongest level that it shows there.
    """

    target: str
    config: dict[str, Any]
    victims: int
    gain: Summary | None
    passed: bool
    words: str
    leak: LeakName | None = None


class Controls(Part):
    """Positive control, negative control, and the mean SSIM of every blind baseline."""

    positive: ControlResult | None
    negative: ControlResult | None
    baselines: dict[str, float]


class WorstSample(Part):
    """The image that came back best, the worst case for its owner."""

    index: int
    name: str
    scores: dict[str, float]


class Report(VersionedReport):
    """One run. See the class of each part.

    ``leak`` is the strongest level that was shown, ``nothing`` unless the verdict is BROKEN, and
    null in reports from before schema 1.5; ``levels`` is what was measured of each.
    ``best_state_ssim`` is the SSIM under the best global state (orientation, negative, colour
    order), which only the truth can tell. It stands beside the raw scores of attacks that can
    only determine images up to such a state. ``best_state_gain`` is what it gains over the best
    blind baseline, or over other images' reconstructions or the ciphertexts in *their* best state:
    the best of so many states is above chance by luck. ``shifted`` is the same up to a shift in
    whole blocks, of schemes that move blocks. ``spread`` is the standard deviation of the
    reconstructions over images, in grey levels, and ``collapse`` says why they do not depend on
    the ciphertexts, if they do not.
    ``refuted`` says that the attack's own data speak against its model of the scheme, so that the
    run says nothing of it.
    """

    schema_version: str = SCHEMA_VERSION
    id: str
    attack: AttackPart
    target: TargetPart
    data: DataPart
    threat: ThreatPart
    scores: Scores
    absent: dict[str, str]
    verdict: VerdictName
    reason: str
    leak: LeakName | None = None
    levels: dict[LeakName, LeakLevel] = Field(default_factory=dict)
    worst: WorstSample | None
    best_state_ssim: Summary | None = None
    best_state_gain: Summary | None = None
    shifted: ShiftedScores | None = None
    spread: float | None = None
    collapse: str | None = None
    refuted: bool = False
    failures: dict[str, str]
    controls: Controls
    timing: dict[str, float]
    provenance: dict[str, Any]


def read_report(path: Path) -> Report:
    """Read ``report.json``, or the run folder that holds it.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    return read_versioned(path, "report.json", Report, "a ppattack report")


def scores_csv(names: Sequence[str], columns: Mapping[str, Sequence[float]]) -> str:
    """Per-image scores as CSV text: one row per image, one column per score."""
    values = (
        [name, *(f"{column[row]:.6g}" for column in columns.values())]
        for row, name in enumerate(names)
    )
    return csv_text([["image", *columns], *values])
