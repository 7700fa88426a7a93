"""The example ciphers, loaded as a user loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppattack.plugins import registry
from ppattack.target import Target

FILES = {
    "PermuteXor": "permute_xor.py",
    "Diffusion": "diffusion.py",
    "BitShuffle": "bit_shuffle.py",
    "Substitution": "substitution.py",
    "DctSigns": "dct_signs.py",
    "Arnold": "arnold.py",
    "SecretMatrix": "secret_matrix.py",
}
NAMES = tuple(FILES)
FOLDER = Path(__file__).parents[2] / "examples" / "ciphers"


def path(name: str) -> str:
    """``path/to/file.py:Class`` of a cipher."""
    return f"{FOLDER / FILES[name]}:{name}"


def cipher(name: str, **settings: Any) -> Target:
    """One of them with settings."""
    made: Target = registry.target(path(name))(**settings)
    return made
