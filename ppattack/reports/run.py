"""The result of a run: its schema, and JSON and CSV in and out.

Other tools read ``report.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ppattack.errors import ReportError, printable
from ppattack.reports.text import csv_text

R = TypeVar("R", bound="VersionedReport")


SCHEMA_VERSION = "1.5"
VerdictName = Literal["BROKEN", "RESISTED", "INCONCLUSIVE", "NOTHING APPLIED"]
OPEN: tuple[VerdictName, ...] = ("INCONCLUSIVE", "NOTHING APPLIED")
"""Verdicts that decide nothing."""


class Part(BaseModel):
    """Part of a report: frozen, without unknown fields or numbers that JSON does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, given: Any) -> Any:
        """Names of files may hold bytes that are not UTF-8."""
        return _all_printable(given)


def _all_printable(given: Any) -> Any:
    if isinstance(given, str):
        return printable(given)
    if isinstance(given, dict):
        return {_all_printable(key): _all_printable(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(map(_all_printable, given))
    return given


class VersionedReport(Part):
    """A whole report; the first part of its version is raised if readers would break."""

    schema_version: str

    def to_json(self) -> str:
        """The report as indented JSON text."""
        return self.model_dump_json(indent=2) + "\n"


def read_versioned(path: Path, file: str, kind: type[R], words: str) -> R:
    """Read a report, or the folder that holds it.

    Args:
        path: the file, or its folder.
        file: its name in a folder.
        kind: of the report; its default version is the one that is read.
        words: what it should be, for the message.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    if path.is_dir():
        path = path / file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the report {path}: {error}.") from None
    version = str(kind.model_fields["schema_version"].default)
    try:
        report = kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        newer = _newer_version(text, version)
        if newer is not None:
            raise ReportError(
                f"{path} has schema version {newer}, which is newer than {version}, and holds what "
                f"this ppattack cannot read ({place}): use the newer ppattack that wrote it."
            ) from None
        raise ReportError(f"{path} is not {words}: {place}: {first['msg']}.") from None
    if report.schema_version.split(".")[0] != version.split(".")[0]:
        raise ReportError(
            f"{path} has schema version {report.schema_version}; this ppattack reads {version}."
        )
    return report


class Summary(Part):
    """Statistics over images; ``ci95`` is the bootstrap interval of the mean."""

    n: int
    mean: float
    median: float
    q1: float
    q3: float
    min: float
    max: float
    ci95: tuple[float, float]


class MetricScores(Part):
    """One metric against the truth.

    ``gain`` is the paired difference to the best blind baseline, positive if the reconstruction is
    closer to the truth, whatever the metric's direction.
    """

    better: Literal["higher", "lower"]
    reconstruction: Summary
    ciphertext: Summary | None
    baseline: Summary | None
    baseline_name: str | None
    gain: Summary | None


class KeyScores(MetricScores):
    """Fractions of the key recovered; ``reconstruction`` is the mean of ``index`` and ``mask``.

    ``high_index`` and ``high_mask`` count high nibbles only, which make the visible image.
    """

    index: float
    mask: float
    high_index: float
    high_mask: float


class PuzzleScores(MetricScores):
    """Blocks put together by a recovered key; ``reconstruction`` is ``neighbour`` (N_c).

    ``direct`` (D_c), ``neighbour`` (N_c) and ``largest`` (L_c) need the right states too, the
    ``position_`` ones the right places only. ``direct`` is taken in the global state of the
    largest part, ``raw_direct`` in none. Means over images, or of the one key of all.
    """

    direct: float
    neighbour: float
    largest: float
    raw_direct: float
    position_direct: float
    position_neighbour: float
    position_largest: float


class MatchingScores(MetricScores):
    """The share of ciphertexts whose plain image was named.

    ``wilson95`` is the interval of the share, ``top`` the share whose plain image is among the k
    likeliest candidates, by k, and ``stages`` the share that each stage of the attack had right.
    ``recall_at_fmr`` is the share that was named and whose p-value is at most the false-match rate
    that is its key, ``recall95`` the Wilson interval of each. ``absent`` ciphertexts have no image
    among the candidates; they count in ``false_matches`` only, the share of them with such a
    p-value, and its interval ``false95``.
    """

    wilson95: tuple[float, float] | None = None
    top: dict[str, float] = Field(default_factory=dict)
    stages: dict[str, float] = Field(default_factory=dict)
    recall_at_fmr: dict[str, float] = Field(default_factory=dict)
    recall95: dict[str, tuple[float, float]] = Field(default_factory=dict)
    absent: int = 0
    false_matches: dict[str, float] = Field(default_factory=dict)
    false95: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Scores(Part):
    """Every metric by name; null if it does not apply (the reason is in ``absent``)."""

    ssim: MetricScores | None = None
    ssim_wang2004: MetricScores | None = None
    psnr: MetricScores | None = None
    mse: MetricScores | None = None
    lpips: MetricScores | None = None
    key: KeyScores | None = None
    matching: MatchingScores | None = None
    puzzle: PuzzleScores | None = None

    def main_gain(self) -> tuple[str, Summary] | None:
        """The metric that the verdict rests on, and its gain: SSIM, else the matching."""
        for name, found in (("ssim", self.ssim), ("matching", self.matching)):
            if found is not None and found.gain is not None:
                return name, found.gain
        return None


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

    ``labels``: the class of every ciphertext and public image. ``distractors``: how many images
    at most among the candidates nobody encrypted; ``altered``: how candidates differ from what was;
    ``absent``: share of the ciphertexts whose images are not among them; ``linked``: whether they
    are ciphertexts under other keys.
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
    absent: float = 0.0
    linked: bool = False


class ControlResult(Part):
    """The same attack, at its control budget, on a target whose outcome is known."""

    target: str
    config: dict[str, Any]
    victims: int
    gain: Summary | None
    passed: bool
    words: str


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

    ``best_state_ssim`` is the SSIM under the best global state (orientation, negative, colour
    order), which only the truth can tell. It stands beside the raw scores of attacks that can
    only determine images up to such a state; it can keep a verdict from being RESISTED but never
    makes one BROKEN. ``spread`` is the standard deviation of the reconstructions over images, in
    grey levels, and ``collapse`` says why they do not depend on the ciphertexts, if they do not.
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
    worst: WorstSample | None
    best_state_ssim: Summary | None = None
    spread: float | None = None
    collapse: str | None = None
    refuted: bool = False
    failures: dict[str, str]
    controls: Controls
    timing: dict[str, float]
    provenance: dict[str, Any]


def _newer_version(text: str, version: str) -> str | None:
    """The schema version of a report, if it is a later one than ours."""
    try:
        said = str(json.loads(text)["schema_version"])
        return said if _numbers(said) > _numbers(version) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


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
