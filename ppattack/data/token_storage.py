"""Storage for ciphertexts of tokens: in memory, or in a file if they would not fit."""

from __future__ import annotations

import atexit
import os
import tempfile
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IN_MEMORY_BYTES = 4 << 30
"""Larger ciphertexts are kept in a file: 10,000 of NeuraCrypt's take 20 GB."""


def empty_tokens(shape: tuple[int, ...], device: torch.device | str = "cpu") -> Tensor:
    """An uninitialised float32 tensor, in a temporary file if it is large.

    Args:
        shape: the tensor's shape.
        device: where a small one is; a large one is on the CPU.

    Returns:
        a tensor like any other. Its file, in the folder for temporary files (``TMPDIR``), no longer
        has a name; its space is freed when the tensor is gone.

    Raises:
        DataError: if the file cannot be made.
    """
    import torch

    size = prod(shape)
    if size * torch.float32.itemsize <= IN_MEMORY_BYTES:
        return torch.empty(shape, dtype=torch.float32, device=device)
    size_bytes = size * torch.float32.itemsize
    path = None
    try:
        with tempfile.NamedTemporaryFile(prefix="ppattack-", delete=False) as file:
            path = Path(file.name)
            _reserve(file.fileno(), size_bytes)
        return torch.from_file(str(path), shared=True, size=size, dtype=torch.float32).view(shape)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"no room for {size_bytes / (1 << 30):.1f} GiB of ciphertexts in "
            f"{tempfile.gettempdir()}: {error}. Use fewer images, or set TMPDIR to a larger disk."
        ) from None
    finally:
        if path is not None:
            _remove(path)


def _reserve(descriptor: int, size_bytes: int) -> None:
    """Claim the disk space now: a full disk would kill the process when the mapping is written."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
    else:
        os.ftruncate(descriptor, size_bytes)


def _remove(path: Path) -> None:
    """Unlink a file whose mapping lives on; if the system refuses that, at exit."""
    try:
        path.unlink()
    except PermissionError:
        atexit.register(path.unlink, missing_ok=True)
