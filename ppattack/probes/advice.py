"""The attacks that follow from what a cipher turned out to be, cheapest adversary last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ppattack.probes.finding import Finding
from ppattack.probes.kinds import STRUCTURED, merges

PAIRS = 8
"""Known pairs from which a permutation of bytes, one table or one chain follows, and some more."""
BIT_PAIRS, BIT_IMAGES = 128, 16
"""Known pairs, and chosen images, for single bits that move in 32 x 32 colour pixels."""
TABLES_PAIRS, TABLES_IMAGES = 1024, 258
"""Likewise for a table for every byte: all of its 256 values must be seen."""
PER_VALUE = 1.4
"""Known pairs, and chosen images, for each value of blocks that have a matrix each; one image
gives each matrix one equation a row. If only signs are secret far fewer do."""
SPARE_PAIRS = 16
"""Known pairs beyond the unknowns of a linear map over GF(2): pictures are not independent."""
KEYED = "keyed-by-contents"
VALUES, IMAGES_BY_VALUE = 256, 1_536
"""Keys that the contents of an image can decide, and chosen images that tell their maps."""
MOST = 10_000
"""More pairs than these are not advised."""


STAYING = ", if blocks stay in their places"
"""What the models of matrices over the reals ask for."""


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


def advice(kind: str, found: Mapping[str, Finding], size: int) -> tuple[Advice, ...]:
    """What to try on a cipher of this kind; nothing if no generic attack applies.

    Args:
        kind: as :func:`ppattack.probes.kinds.kind_of` gave it.
        found: the findings by name.
        size: bytes of an image.
    """
    if merges(found):  # the models here are of tables that can be inverted
        return ()
    made: list[Advice] = []
    pairs, images = needed(kind, found, size) if kind in STRUCTURED else (0, None)
    if 0 < pairs <= MOST:
        settings = {} if images is None else {"attack.images": str(images)}
        many = "a few" if images is None else str(images)
        where = STAYING if kind == "real-linear" else ""
        words = f"{many} chosen images tell the whole map{where}"
        made.append(Advice("chosen-plaintext", words, settings))
        words = f"{pairs} known pairs tell the map{where}"
        made.append(Advice("known-plaintext", words, {"attack.pairs": str(pairs)}))
    if KEYED in found and found[KEYED].facts.get("values") == VALUES:
        settings = {"attack.images": str(IMAGES_BY_VALUE), "attack.model": KEYED}
        words = f"{IMAGES_BY_VALUE:,} chosen images tell the maps of all {VALUES} values"
        made.append(Advice("chosen-plaintext", words, settings))
    if kind in STRUCTURED:
        made.append(Advice("ciphertext-only", "many ciphertexts under one key, nothing else"))
    if kind == "permutation" and found["unit"].facts["unit"] != "bit":
        made.append(Advice("covariance-matching", "neighbours stay alike, wherever they are moved"))
    if _whole_blocks(found):
        made.append(Advice("jigsaw", "blocks keep their contents: put them together again"))
    return tuple(made)


def needed(kind: str, found: Mapping[str, Finding], size: int) -> tuple[int, int | None]:
    """How many known pairs to ask for, and chosen images, if more than the attack's own number.

    A map over GF(2) that is the same in all bit planes has ``size`` unknowns, and each image
    gives eight equations of them. One matrix for all blocks has far fewer than one for each.
    """
    if kind == "modular-linear" and found["local"].holds:
        return PAIRS, None
    if kind in ("gf2-linear", "modular-linear"):
        return size // 8 + SPARE_PAIRS, size // 8 + 1
    if kind == "real-linear" and not found["same-everywhere"].holds:
        many = PAIRS + math.ceil(PER_VALUE * found["local"].facts["bytes"])
        return many, many
    if kind == "permutation" and found["unit"].facts["unit"] == "bit":
        return BIT_PAIRS, BIT_IMAGES
    if kind == "substitution" and found["same-everywhere"].facts["edge"] != 1:
        return TABLES_PAIRS, TABLES_IMAGES
    return PAIRS, None


def _whole_blocks(found: Mapping[str, Finding]) -> bool:
    if "moves" not in found or not found["moves"].holds:
        return False
    whole = found["moves"].facts.get("whole")
    return bool(whole and whole > 1)
