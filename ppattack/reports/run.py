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
from ppattack.reports.text import csv_text

SCHEMA_VERSION = "1.5"
VerdictName = Literal["BROKEN", "RESISTED", "INCONCLUSIVE", "NOTHING APPLIED"]
OPEN: tuple[VerdictName, ...] = ("INCONCLUSIVE", "NOTHING APPLIED")
"""Verdicts that decide nothing."""


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


class Identification(Part):
    """How often images are named by one way of comparing them.

    ``rank1`` and ``rank10`` are the shares of reconstructions whose true image is the nearest of
    all candidates, or among the ten nearest; ``reciprocal_rank`` is the mean of one over its place.
    ``ciphertext`` and ``baseline`` are the ``rank1`` of the ciphertexts themselves and of the best
    guess without an attack.
    """

    rank1: float
    rank10: float
    reciprocal_rank: float
    wilson95: tuple[float, float]
    ciphertext: float | None
    baseline: float
    baseline_name: str


class ReidentificationScores(MetricScores):
    """Whether a reconstruction tells which image it is of, among ``candidates``.

    The candidates are the victims' images and others drawn like them that the adversary does not
    have; whoever guesses names the right one with ``chance``. ``kinds`` has every way of comparing
    images: ``ssim`` (grey, 32 pixels), ``blocks`` (wherever its blocks lie), ``features`` (of the
    network of LPIPS), ``efficientnet``. Summaries, ``rank1``, ``rank10`` and ``wilson95`` are of
    the best kind, ``by``, and so are those of the ciphertext and of the best guess. ``absent`` says
    which kind is missing, and why.
    """

    rank1: float
    rank10: float
    wilson95: tuple[float, float]
    candidates: int
    chance: float
    by: str
    kinds: dict[str, Identification]
    absent: dict[str, str] = Field(default_factory=dict)


class RecognisabilityScores(MetricScores):
    """The share of other images that are more like the reconstruction than the true one.

    0 if the true one is the nearest, a half on average if nothing is to be seen; compared ``by``
    features if there are any, else by SSIM. ``below_first`` is the share of reconstructions below
    the first percentile, ``wilson95`` its interval, ``chance`` what a guess has.
    """

    below_first: float
    wilson95: tuple[float, float]
    chance: float
    candidates: int
    by: str


class ClassificationScores(MetricScores):
    """The share of images whose class is named.

    ``by`` says by whom: the attack itself, or a classifier of plain images that looks at
    reconstructions (``reconstruction``), ciphertexts and plain images (``plain``). ``majority`` is
    the share of the largest class, which anybody can name; ``normalised`` is 0 there and 1 at
    ``plain``.
    """

    by: Literal["attack", "plain classifier"]
    wilson95: tuple[float, float]
    majority: float
    plain: float | None = None
    normalised: float | None = None
    classes: int


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
    reidentification: ReidentificationScores | None = None
    recognisability: RecognisabilityScores | None = None
    classification: ClassificationScores | None = None

    def main_gain(self) -> tuple[str, Summary] | None:
        """The metric that the verdict rests on, and its gain.

        SSIM, else the matching, else the classes that the attack itself named.
        """
        named = self.classification
        if named is not None and named.by != "attack":
            named = None
        found = {"ssim": self.ssim, "matching": self.matching, "classification": named}
        for name, scores in found.items():
            if scores is not None and scores.gain is not None:
                return name, scores.gain
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

    ``labels``: the class of every ciphertext and public image; ``public_labels``: of public images
    only. ``distractors``: how many images at most among the candidates nobody encrypted;
    ``altered``: how candidates differ from what was; ``absent``: share of the ciphertexts whose
    images are not among them; ``linked``: whether they are ciphertexts under other keys.
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
    the best of so many states is above chance by luck. ``spread`` is the standard deviation of the
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
