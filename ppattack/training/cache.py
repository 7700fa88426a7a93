"""The user's cache: what takes long to make and is the same each time."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache(kind: str) -> Path:
    """The folder of one kind of things in ``XDG_CACHE_HOME``, or in ``.cache`` at home."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ppattack" / kind
