"""The scores of a run: every metric against the truth, in the report's schema."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ppattack.reports.parts import Part


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


class ShiftedScores(Part):
    """Pictures that may be shifted in a circle, in whole blocks, over a flat background.

    ``ssim`` is under the global state and the shift that fit best, which only the truth can tell;
    ``images`` counts those that are whole (SSIM of .9 or more) but for a shift.
    """

    ssim: Summary
    images: int


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


SURE = 0.01
"""A p-value up to which a match counts as sure where nobody knows the truth."""


class MatchingScores(MetricScores):
    """The share of ciphertexts whose plain image was named.

    ``wilson95`` is the interval of the share, ``over_chance`` the share over that of a guess,
    ``top`` the share whose plain image is among the k likeliest candidates, by k,
    ``reciprocal_rank`` the mean of one over its place among these, 0 if it is not among them, and
    ``stages`` the share that each stage of the attack had right.
    ``recall_at_fmr`` is the share that was named, as an exact copy or with a p-value of at most the
    false-match rate that is its key, ``recall95`` the Wilson interval of each. ``absent``
    ciphertexts have no image among the candidates; they count in ``false_matches`` only, the share
    of them that is named likewise, and its interval ``false95``.
    """

    wilson95: tuple[float, float] | None = None
    over_chance: float | None = None
    top: dict[str, float] = Field(default_factory=dict)
    reciprocal_rank: float | None = None
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
