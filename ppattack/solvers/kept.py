"""Results of stages on disk: an interrupted attack goes on, and statistics are learnt once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ppattack.context import Progress, SilentProgress
from ppattack.training import checkpoints

PART = "stage"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Kept:
    """A folder with one file for each stage.

    Args:
        folder: made when first needed; None keeps nothing.
        fingerprint: of all that the stages depend on; files of others are not used.
        progress: where a file that cannot be used or written is mentioned.
    """

    folder: Path | None
    fingerprint: str
    progress: Progress

    @classmethod
    def of(
        cls,
        folder: Path | None,
        progress: Progress,
        tensors: Mapping[str, Tensor],
        facts: Mapping[str, Any],
        room: Path,
    ) -> Kept:
        """What depends on these tensors and facts, and on the code that makes it.

        Args:
            folder: see above.
            progress: likewise.
            tensors: what stages are made from.
            facts: JSON-ready values on which they depend as well.
            room: folder of that code.
        """
        if folder is None:
            return cls(None, "", progress)
        versions = {"torch": torch.__version__, "source": _source(room)}
        text = json.dumps({**facts, **versions}, sort_keys=True)
        return cls(folder, checkpoints.digest(tensors, text), progress)

    def stage(self, name: str, made: Callable[[], Tensors], device: torch.device) -> Tensors:
        """The tensors of a stage: those on disk, or else made and written.

        They are contiguous either way, so that what follows is the same to the last bit.
        """
        if self.folder is None:
            return _contiguous(made())
        path = self.folder / f"{name}.safetensors"
        if path.exists():
            try:
                found = checkpoints.load(path, self.fingerprint, {})[0][PART]
                return {name: value.to(device) for name, value in found.items()}
            except (checkpoints.UnusableCheckpoint, KeyError) as error:
                self.progress.log(f"{path} is not used: {error}")
        found = _contiguous(made())
        try:
            checkpoints.save(path, self.fingerprint, {PART: found}, {}, {})
        except OSError as error:
            self.progress.log(f"{path} cannot be written: {error}")
        return found


def _contiguous(tensors: Tensors) -> Tensors:
    return {name: value.contiguous() for name, value in tensors.items()}


def _source(room: Path) -> str:
    """A hash of the code that makes what is kept: another version does not use it."""
    digest = hashlib.sha256()
    for path in sorted(room.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


NOTHING = Kept(None, "", SilentProgress())
"""Keeps nothing."""
