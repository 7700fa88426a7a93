"""What lies in a run's folder beside its report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.files import output_name, write_bytes, write_text
from ppattack.reports.matches import FOLDER
from ppattack.reports.run import scores_csv
from ppattack.reports.text import csv_text
from ppattack.runs import map_files
from ppattack.runs.matching_files import write_matching
from ppattack.scenario import Scenario

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.evaluation.scores import Evaluation
    from ppattack.target.base import Target

PICTURES = "training"
"""Folder of pictures of a training, in a run's folder."""
SAMPLES = "samples.png"
"""The first images side by side; there if the attack recovered images."""
CLASSES = "classes.csv"
"""For each ciphertext the class that the attack named; there if it names classes."""


def fill(
    folder: Path,
    evaluation: Evaluation,
    scenario: Scenario,
    recovery: Recovery,
    save_images: int | None,
    pictures: Path | None,
    target: Target,
) -> None:
    """Write scores, pictures and what was recovered of the scheme.

    Args:
        folder: the run's, new.
        evaluation: its per-image values become ``scores.csv``.
        scenario: for the names and the samples.
        recovery: its images become ``samples.png``, ``samples/`` and ``reconstructions/``.
        save_images: how many reconstructions to write; None for all.
        pictures: folder of pictures that the attack drew, which is copied if it exists.
        target: the scheme that a recovered map belongs to.

    Raises:
        DataError: if a file cannot be written.
        OSError: if a folder cannot be copied.
    """
    from ppattack.data.image_files import write_png
    from ppattack.render.matches import write_matches
    from ppattack.render.samples import draw_samples, write_samples

    if evaluation.columns:
        columns = {name: column.tolist() for name, column in evaluation.columns.items()}
        write_text(folder / "scores.csv", scores_csv(scenario.names, columns))
    if recovery.matching is not None:
        write_matching(folder, scenario, recovery)
    if recovery.classes is not None:
        write_text(folder / CLASSES, _classes_csv(scenario, recovery.classes))
    observed = scenario.observation.ciphertexts
    if recovery.ranking is not None and not observed.is_floating_point():
        write_matches(folder / FOLDER, scenario, recovery)
    if recovery.images is not None:
        images = recovery.images
        shown = scenario.truth.images, scenario.observation.ciphertexts, images
        draw_samples(folder / SAMPLES, *shown, evaluation.columns)
        write_samples(folder / "samples", *shown, evaluation.columns)
        count = len(images) if save_images is None else min(save_images, len(images))
        for image, name in zip(images[:count], scenario.names, strict=False):
            write_png(folder / "reconstructions" / output_name(name), image)
    if recovery.map is not None:
        shape = scenario.observation.image_shape
        found = map_files.MapFile.new(recovery.map, target, shape)
        write_bytes(folder / map_files.FILE, found.to_bytes(), private=True)
    if pictures is not None and pictures.is_dir():
        shutil.copytree(pictures, folder / PICTURES)


def _classes_csv(scenario: Scenario, classes: Tensor) -> str:
    """One row per ciphertext: the class that it was given, by name if there are names."""
    called = scenario.sets.classes
    rows = [["ciphertext", "class"]]
    for name, number in zip(scenario.names, classes.tolist(), strict=True):
        rows.append([name, called[number] if 0 <= number < len(called) else str(number)])
    return csv_text(rows)
