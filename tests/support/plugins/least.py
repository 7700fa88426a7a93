"""Targets that have as little as a target may have."""

from __future__ import annotations

from typing import Any

import numpy as np

import ppattack


class Shifted(ppattack.Target):
    """A secret number is added to every byte."""

    def encrypt(self, images: Any, key: Any) -> Any:  # type: ignore[override]
        """Add."""
        return images + 77


class Keyed(ppattack.Target):
    """A secret byte is combined with every byte."""

    def key_parts(self, draw: Any, image_shape: Any) -> Any:
        """One byte."""
        return {"byte": draw("byte").integers(0, 256, 1, dtype=np.uint8)}

    def encrypt(self, images: Any, key: Any) -> Any:  # type: ignore[override]
        """Combine; one key is all that this code knows of."""
        return images ^ int(key.parts["byte"][0])


class Streamed(ppattack.Target):
    """A secret byte of its own for every byte."""

    def key_parts(self, draw: Any, image_shape: Any) -> Any:
        """As many bytes as an image has."""
        return {"stream": draw("stream").integers(0, 256, image_shape, dtype=np.uint8)}

    def encrypt(self, images: Any, key: Any) -> Any:  # type: ignore[override]
        """Combine."""
        import torch

        return images ^ torch.from_numpy(key.parts["stream"])
