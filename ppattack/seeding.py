"""Named random streams: one seed, and new random numbers in one place change no others.

Every stream is derived by SHA-256 from the seed and a path of names, so streams are
independent, and knowing one (an adversary's, say) does not give another (the victim's key).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def derive(seed: int | bytes, *names: str | int) -> int:
    """A 128-bit integer that depends on the seed and on every name, in order."""
    import hashlib

    digest = hashlib.sha256(b"ppattack")
    for item in (seed, *names):
        text = item if isinstance(item, bytes) else f"{type(item).__name__}:{item}"
        data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
        digest.update(len(data).to_bytes(4, "big") + data)
    return int.from_bytes(digest.digest()[:16], "big")


def numpy_stream(seed: int | bytes, *names: str | int) -> np.random.Generator:
    """The NumPy generator of a named stream."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=derive(seed, *names)))


def torch_stream(
    seed: int | bytes, *names: str | int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """The torch generator of a named stream, on ``device``."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *names) >> 65)
