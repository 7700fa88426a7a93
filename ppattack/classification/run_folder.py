"""The folder of a finished classification, which appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from ppattack.classification.report import FILE, ClassificationReport
from ppattack.classification.training import Trained
from ppattack.errors import DataError
from ppattack.files import write_text

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
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror}.") from None
    try:
        write_text(temporary / FILE, report.to_json())
        for name, weights in ((BEST, trained.best), (LAST, trained.last)):
            save_file(_stored(weights), temporary / name)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor on the CPU, with memory of its own."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
