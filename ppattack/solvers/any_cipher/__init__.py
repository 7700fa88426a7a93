"""Maps of ciphers that nobody described, from pairs of plain images and ciphertexts."""

from typing import Literal

ModelName = Literal[
    "auto",
    "permutation",
    "table",
    "nibbles",
    "modular",
    "linear",
    "bits",
    "own-tables",
    "rounds",
    "affine",
]
"""The models as a setting names them, in order of cost; ``auto`` tries all."""
ChosenModelName = Literal[ModelName, "keyed-by-contents"]
"""With one that needs plaintexts of its own; ``auto`` does not try it."""
