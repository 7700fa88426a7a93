"""The folder of a finished run, which appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import DataError
from ppattack.files import output_name, write_text
from ppattack.reports.run import Report, scores_csv
from ppattack.scenario import Scenario

if TYPE_CHECKING:
    from ppattack.attack import Recovery
    from ppattack.evaluation.scores import Evaluation

PICTURES = "training"
"""Folder of pictures of a training, in a run's folder."""


def publish(
    folder: Path,
    report: Report,
    evaluation: Evaluation,
    scenario: Scenario,
    recovery: Recovery,
    save_images: int | None,
    pictures: Path | None,
) -> None:
    """Write everything into a temporary folder, then move it into place.

    Args:
        folder: where it goes; what was there is replaced.
        report: becomes ``report.json``.
        evaluation: its per-image values become ``scores.csv``.
        scenario: for the names and the samples.
        recovery: its images become ``samples.png``, ``samples/`` and ``reconstructions/``.
        save_images: how many reconstructions to write; None for all.
        pictures: folder of what the attack drew on its way, which goes along; it need not be.

    Raises:
        DataError: where the place cannot be written.
    """
    from ppattack.data.image_files import write_png
    from ppattack.render.samples import draw_samples, write_samples

    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_text(temporary / "report.json", report.to_json())
        if evaluation.columns:
            columns = {name: column.tolist() for name, column in evaluation.columns.items()}
            write_text(temporary / "scores.csv", scores_csv(scenario.names, columns))
        if recovery.images is not None:
            images = recovery.images
            shown = scenario.truth.images, scenario.observation.ciphertexts, images
            draw_samples(temporary / "samples.png", *shown, evaluation.columns)
            write_samples(temporary / "samples", *shown, evaluation.columns)
            count = len(images) if save_images is None else min(save_images, len(images))
            for image, name in zip(images[:count], scenario.names, strict=False):
                write_png(temporary / "reconstructions" / output_name(name), image)
        if pictures is not None and pictures.is_dir():
            shutil.copytree(pictures, temporary / PICTURES)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
