"""What lies in the folder of a classification beside its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ppattack.classification.training import Trained

BEST, LAST = "best.safetensors", "last.safetensors"


def fill(folder: Path, trained: Trained) -> None:
    """Write the weights.

    Args:
        folder: the run's, new.
        trained: its weights become ``best.safetensors`` and ``last.safetensors``.

    Raises:
        OSError: if they cannot be written.
    """
    try:
        for name, weights in ((BEST, trained.best), (LAST, trained.last)):
            save_file(_stored(weights), folder / name)
    except SafetensorError as error:
        raise OSError(str(error)) from None


def _stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor on the CPU, with memory of its own."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
