"""The key of a scheme that looks some bytes of a block up in a secret table: scale, mask, table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.blocks import byte_numbers, place
from ppattack.context import Progress
from ppattack.data.stacks import Images
from ppattack.images import ImageShape
from ppattack.maps import CipherMap, MaskedTable
from ppattack.maps.substitution import LEVELS, MIDDLE
from ppattack.solvers.substitution import masked as masks
from ppattack.solvers.substitution import table as tables
from ppattack.solvers.substitution.neighbours import Neighbours

MOST_BYTES = 1 << 21
"""Bytes of ciphertexts that one key is learned from: a few photographs, or 700 of 32 pixels."""
DOUBT = 3.0
"""Evidence below which a place is unsure, nats."""
FEWEST_NUMBERS = 32
"""Fewer make a picture of flat colours, whose levels could be numbers and the other way round."""
SURE = 0.95
"""Probability from which a level counts as sure."""
FEW = 3
"""Numbers that fewer bytes hold are called rare."""


@dataclass(frozen=True)
class Found:
    """What came of one key.

    Args:
        map: decrypts; None if there is none.
        notes: JSON-ready facts.
        why: there is none.
        table: of which the map is made, with what is sure of it.
    """

    map: CipherMap | None
    notes: Mapping[str, Any]
    why: str = ""
    table: tables.Table | None = None


@dataclass(frozen=True)
class Estimate:
    """What came of all ciphertexts.

    Args:
        images: ``(N, C, H, W)`` uint8; grey where no key was found.
        keys: one for all, or one each.
    """

    images: Tensor
    keys: Sequence[Found]

    @property
    def map(self) -> CipherMap | None:
        """The map of the one key; None if each image has its own."""
        return self.keys[0].map if len(self.keys) == 1 else None

    @property
    def notes(self) -> dict[str, Any]:
        """Facts of the one key, or of each."""
        if len(self.keys) == 1:
            return dict(self.keys[0].notes)
        return {"each": [dict(found.notes) for found in self.keys]}

    @property
    def refuted(self) -> bool:
        """Whether no ciphertext is of such a scheme."""
        return all(found.map is None for found in self.keys)

    @property
    def limits(self) -> str:
        """Why a failure says nothing of the scheme."""
        whys = [found.why for found in self.keys if found.why]
        if whys:
            return f"of {len(self.keys)} keys {len(whys)} were not found: {whys[0]}"
        return "numbers that few bytes hold may stand for other levels than those they were given"


def recover(
    ciphertexts: Tensor,
    learned: Images,
    public: Tensor,
    block: int,
    rng: np.random.Generator,
    progress: Progress,
    *,
    one_key: bool,
) -> Estimate:
    """Images and keys from ciphertexts alone.

    Args:
        ciphertexts: ``(N, C, H, W)`` float32.
        learned: those that one key is learned from.
        public: ``(M, C, H, W)`` uint8, plain, of the same size.
        block: edge of a block, pixels.
        rng: chooses patches of public images.
        progress: is told of every key.
        one_key: whether all share one key; else each has its own.
    """
    neighbours = Neighbours.of(public, rng)
    grey = torch.full(ciphertexts.shape, MIDDLE, dtype=torch.uint8)
    if one_key:
        most = max(1, MOST_BYTES // ciphertexts[0].numel())
        enough = learned[:most]
        found = key(enough, block, neighbours)
        return Estimate(grey if found.map is None else found.map.invert(ciphertexts.cpu()), [found])
    keys = []
    with progress.task("keys", len(ciphertexts)) as task:
        for number, single in enumerate(ciphertexts.cpu().split(1)):
            found = key(single, block, neighbours)
            if found.map is not None:
                grey[number] = found.map.invert(single)[0]
            keys.append(found)
            task.update(number + 1)
    return Estimate(grey, keys)


def key(ciphertexts: Tensor, block: int, neighbours: Neighbours) -> Found:
    """The key of ciphertexts ``(N, C, H, W)`` float32 that share one."""
    channels, height, width = ciphertexts.shape[1:]
    shape = (channels, height, width)
    whole = masks.whole_numbers(ciphertexts.cpu().numpy().reshape(len(ciphertexts), -1))
    if whole is None:
        return Found(None, {}, "its values are not whole numbers below 1,000 over one scale")
    numbers, scale = whole
    places = _places(shape, block)
    evidence = masks.evidence_of_clear(numbers, places, shape, neighbours)
    hidden = masks.half(evidence)
    if hidden is None:
        words = f"{(evidence < 0).sum()} of {len(evidence)} places of a block seem to be masked"
        return Found(None, {"scale": scale}, f"{words}, which is not half of them")
    made = tables.solve(numbers, hidden[places], shape, neighbours)
    unsure = np.abs(evidence) < DOUBT
    if len(np.unique(numbers)) < FEWEST_NUMBERS:
        unsure = np.isfinite(evidence)
        made = replace(made, sureness=np.zeros(len(made.numbers)))
    notes = {
        "scale": scale,
        "masked places": f"{hidden.sum()} of {len(hidden)}",
        "places unsure": int(unsure.sum()),
        **_notes(made),
    }
    table = np.full(LEVELS, -1)
    table[made.levels] = made.numbers
    step = MaskedTable(hidden[places], table, np.array(scale))
    return Found(CipherMap(shape, shape, (step,)), notes, table=made)


def _places(shape: ImageShape, block: int) -> NDArray[np.intp]:
    """``(S,)``: the place of each byte in its block, in the order row, column, channel."""
    numbers = byte_numbers(shape, block)
    numbers = numbers.reshape(len(numbers), -1)
    every = np.broadcast_to(np.arange(numbers.shape[1]), (1, *numbers.shape))
    return np.asarray(place(every, numbers)[0])


def _notes(made: tables.Table) -> dict[str, Any]:
    """What the table rests on."""
    rare = made.counts < FEW
    return {
        "numbers seen": len(made.numbers),
        "levels sure": int((made.sureness >= SURE).sum()),
        "levels exact, expected share": round(float(made.sureness.mean()), 3) if len(rare) else 1.0,
        "numbers that fewer than 3 bytes hold": int(rare.sum()),
    }
