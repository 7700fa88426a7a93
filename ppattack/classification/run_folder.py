"""The folder of a finished classification, which appears whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ppattack.classification.training import Trained
from ppattack.errors import DataError
from ppattack.files import new_folder, write_text
from ppattack.reports.classification import FILE, ClassificationReport

BEST, LAST = "best.safetensors", "last.safetensors"


def publish(folder: Path, report: ClassificationReport, trained: Trained) -> None:
    """Write report and weights into a temporary folder, then move it into place.

    Args:
        folder: where it goes; what was there is replaced.
        report: becomes ``classification.json``.
        trained: its weights become ``best.safetensors`` and ``last.safetensors``.

    Raises:
        DataError: where the place cannot be written.
    """
    try:
        with new_folder(folder, replace=True) as temporary:
            write_text(temporary / FILE, report.to_json())
            for name, weights in ((BEST, trained.best), (LAST, trained.last)):
                save_file(_stored(weights), temporary / name)
    except SafetensorError as error:
        raise DataError(f"cannot write {folder}: {error}.") from None


def _stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor on the CPU, with memory of its own."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
