"""Keys of published code, which come from one integer seed.

Several schemes exist as published code whose keys are whatever a random generator gives for a
small seed. Naming the seed reproduces such a key exactly; it *is* the key, so a target lists
the setting under ``secret_settings`` and it never reaches an adversary.
"""

from __future__ import annotations

from typing import Annotated

from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError
from ppattack.target.base import Draw

PublishedSeed = Annotated[
    int | None,
    Interval(ge=0, lt=2**32),
    Doc("seed of the published code's key (not for 'paper'); none: a random key"),
]


def check_seed(variant: str, seed: int | None) -> None:
    """Refuse a published seed if the variant is not published code.

    Raises:
        ConfigError: for a seed under the variant ``paper``.
    """
    if variant == "paper" and seed is not None:
        raise ConfigError(
            "legacy_seed belongs to published code: choose its variant, or leave the seed out"
        )


def published_seed(seed: int | None, draw: Draw) -> int:
    """The seed in the settings, or one from the key's random stream."""
    return int(draw("seed").integers(1 << 32)) if seed is None else seed
