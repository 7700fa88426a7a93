"""Score a submission to a challenge whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ppattack.challenge import layout
from ppattack.data.token_files import read_token_files
from ppattack.errors import DataError
from ppattack.evaluation.statistics import wilson95

if TYPE_CHECKING:
    from torch import Tensor

GOOD_BELOW = 0.05
BAD_ABOVE = 0.20
"""Re-identification accuracies by which the challenge rates the privacy of an encoding."""


@dataclass(frozen=True)
class ChallengeScore:
    """How many images of one part were re-identified.

    Args:
        part: ``"challenge 1"`` or ``"challenge 2"``.
        right: images found.
        count: images asked for; those without an answer count as not found.
        answered: images with an answer.
        accuracy: the re-identification accuracy, ``right / count``.
        wilson95: its 95 % interval.
        chance: the accuracy of guessing.
        privacy: what the challenge calls it.
    """

    part: str
    right: int
    count: int
    answered: int
    accuracy: float
    wilson95: tuple[float, float]
    chance: float
    privacy: Literal["good", "moderate", "bad"]


def score(submission: Path, gold: Path) -> list[ChallengeScore]:
    """Score both parts; one alone if the submission has no other, the second if there are answers.

    Deviations: the published evaluation leaves images without an answer out of the accuracy; here
    they count as wrong. For complete submissions the two agree.

    Args:
        submission: folder in the challenge's submission format.
        gold: folder of the answers.

    Raises:
        DataError: for a folder or file that is missing or of another format.
    """
    answers, targets = _answers(gold)
    second = bool(targets) and (submission / layout.TARGETS_DICT).is_file()
    scores = []
    if (submission / layout.PREDICTIONS).is_file() or not second:
        scores.append(_matching(submission, answers))
    if second:
        scores.append(_targets(submission, gold, targets))
    return scores


def _answers(gold: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The file of every encoded image, and of every target.

    The published export writes both into one dictionary, with the folders of the files.
    """
    every = layout.read_dictionary(gold / layout.GOLD)
    targets = layout.files_inside(every, layout.TARGETS)
    answers = {path: file for path, file in every.items() if path not in targets}
    if (gold / layout.GOLD_TARGETS).is_file():
        targets = layout.read_dictionary(gold / layout.GOLD_TARGETS)
    return answers, targets


def privacy_of(accuracy: float) -> Literal["good", "moderate", "bad"]:
    """The challenge's word for a re-identification accuracy."""
    if accuracy < GOOD_BELOW:
        return "good"
    return "bad" if accuracy > BAD_ABOVE else "moderate"


def _matching(submission: Path, answers: Mapping[str, str]) -> ChallengeScore:
    """Challenge 1: which file is the code of which image."""
    found = layout.read_dictionary(submission / layout.PREDICTIONS)
    answered = [path for path in answers if path in found]
    right = sum(
        layout.file_name(found[path]) == layout.file_name(answers[path]) for path in answered
    )
    return _scored("challenge 1", right, len(answered), len(answers))


def _targets(submission: Path, gold: Path, answers: Mapping[str, str]) -> ChallengeScore:
    """Challenge 2: whether of all submitted vectors the nearest to an image's code is its own."""
    files = layout.read_dictionary(submission / layout.TARGETS_DICT)
    path_of = {layout.file_name(name): path for name, path in files.items()}
    if min(len(path_of), len(set(files.values()))) < len(files):
        raise DataError(f"{submission / layout.TARGETS_DICT} names a file or an image twice.")
    names = [name for name, path in path_of.items() if path in answers]
    if not names:
        raise DataError(f"{submission / layout.TARGETS_DICT} names no image of the answers.")
    vectors = read_token_files([submission / layout.TARGETS / name for name in names])
    row = {path_of[name]: i for i, name in enumerate(names)}
    right = 0
    for path, name in answers.items():
        code = _mean_patch(read_token_files([gold / layout.TARGETS / layout.file_name(name)])[0])
        if code.shape != vectors.shape[1:]:
            raise DataError(
                f"the vectors in {submission / layout.TARGETS} have the shape "
                f"{tuple(vectors.shape[1:])}, not {tuple(code.shape)}: the mean over patches."
            )
        nearest = int((vectors - code).square().mean(dim=1).argmin())
        right += nearest == row.get(path)
    return _scored("challenge 2", right, len(row), len(answers))


def _mean_patch(code: Tensor) -> Tensor:
    return code.mean(dim=0) if code.ndim > 1 else code


def _scored(part: str, right: int, answered: int, count: int) -> ChallengeScore:
    if not count:
        raise DataError(f"the answers of {part} are empty.")
    accuracy = right / count
    return ChallengeScore(
        part=part,
        right=right,
        count=count,
        answered=answered,
        accuracy=accuracy,
        wilson95=wilson95(right, count),
        chance=1 / count,
        privacy=privacy_of(accuracy),
    )
