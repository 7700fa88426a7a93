"""The attacks that follow from what a cipher turned out to be, cheapest adversary last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ppattack.probes.finding import Finding
from ppattack.probes.kinds import STRUCTURED

PAIRS = {
    "permutation": 8,
    "addition": 8,
    "chained": 8,
    "gf2-linear": 400,
    "modular-linear": 400,
    "real-linear": 8,
    "local": 8,
}
"""Known pairs from which the map of a cipher of 32 x 32 colour pixels follows, and some more."""
BIT_PAIRS, TABLE_PAIRS, TABLES_PAIRS = 128, 8, 1024
"""Likewise for single bits that move, one table of bytes, and a table for every byte."""


@dataclass(frozen=True)
class Advice:
    """An attack to try.

    Args:
        attack: its registered name.
        why: what in the cipher calls for it.
        settings: values for ``--set``, by ``attack.NAME``.
    """

    attack: str
    why: str
    settings: Mapping[str, str] = field(default_factory=dict)


def advice(kind: str, found: Mapping[str, Finding]) -> tuple[Advice, ...]:
    """What to try on a cipher of this kind; nothing if no generic attack applies.

    Args:
        kind: as :func:`ppattack.probes.kinds.kind_of` gave it.
        found: the findings by name.
    """
    made: list[Advice] = []
    if kind in STRUCTURED:
        pairs = str(known_pairs(kind, found))
        made.append(Advice("chosen-plaintext", "a few chosen images tell the whole map"))
        made.append(
            Advice("known-plaintext", f"{pairs} known pairs tell the map", {"attack.pairs": pairs})
        )
        made.append(Advice("ciphertext-only", "many ciphertexts under one key, nothing else"))
    if kind == "permutation" and found["unit"].facts["unit"] != "bit":
        made.append(Advice("covariance-matching", "neighbours stay alike, wherever they are moved"))
    if _whole_blocks(found):
        made.append(Advice("jigsaw", "blocks keep their contents: put them together again"))
    return tuple(made)


def known_pairs(kind: str, found: Mapping[str, Finding]) -> int:
    """How many known pairs to ask for."""
    if kind == "substitution":
        same = found["same-everywhere"].facts["edge"] == 1
        return TABLE_PAIRS if same else TABLES_PAIRS
    if kind == "permutation" and found["unit"].facts["unit"] == "bit":
        return BIT_PAIRS
    return PAIRS[kind]


def _whole_blocks(found: Mapping[str, Finding]) -> bool:
    if "moves" not in found or not found["moves"].holds:
        return False
    whole = found["moves"].facts.get("whole")
    return bool(whole and whole > 1)
