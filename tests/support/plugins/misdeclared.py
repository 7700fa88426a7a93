"""A scheme whose declaration is wrong."""

from __future__ import annotations

from ppattack.target import Structure
from tests.support.plugins.ciphers import Scattered


class SaysPixels(Scattered):
    """Bytes go anywhere, whatever it says."""

    def structure(self) -> Structure:
        """Not true."""
        return Structure("pixels")
