"""What the matching attack will take, before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

from torch import Tensor

from ppattack.solvers.neuracrypt.case import landmark_count, rehearsed_count
from ppattack.solvers.neuracrypt.own_keys import (
    CENTRE_IMAGES,
    HELD_BYTES,
    INDEPENDENT_AT_ONCE,
    OwnEncoders,
    encoded,
)

LIBRARIES_BYTES = 900 << 20
"""What the libraries take, and batches of codes."""
TABLE_BYTES = 20
"""Bytes for every pair of code and candidate: three tables in single precision, and the copy in
double precision that is solved."""
SIMILARITY_COPIES = 3
"""Similarities of the candidates at a time: all, and parts of them in the rehearsal."""
LAYERS_HELD = 4
"""Layers of the images that are encoded together, held at a time."""
MATCHING_SECONDS = 4e-6
"""Seconds for every pair of code and candidate, on one core: measured from 1,000 to 8,300."""
TIMED_IMAGES = 4


@dataclass(frozen=True)
class Sizes:
    """The sizes of one task.

    Args:
        codes: their number.
        candidates: their number.
        positions: patches of an image.
        width: numbers of a code.
        pixels: those of an image.
        at_once: images that are encoded together.
    """

    codes: int
    candidates: int
    positions: int
    width: int
    pixels: int
    at_once: int = INDEPENDENT_AT_ONCE

    @property
    def image_bytes(self) -> int:
        """Bytes that the codes of one image take."""
        return 4 * self.positions * self.width


def memory_bytes(sizes: Sizes, *, whole: bool = False) -> int:
    """The most memory that the attack takes on a CPU.

    Args:
        sizes: of the task.
        whole: whether all codes are held at once, as ``variant=paper`` does.
    """
    landmarks = landmark_count(sizes.codes, sizes.candidates, sizes.positions)
    features = 4 * sizes.positions * landmarks
    held = (sizes.codes, sizes.candidates, rehearsed_count(sizes.codes, sizes.image_bytes))
    return (
        LIBRARIES_BYTES
        + TABLE_BYTES * sizes.codes * sizes.candidates
        + features * (sizes.codes + SIMILARITY_COPIES * sizes.candidates)
        + sum(min(HELD_BYTES, count * sizes.image_bytes) for count in held)
        + LAYERS_HELD * sizes.at_once * sizes.image_bytes
        + 5 * sizes.pixels * sizes.candidates
        + (2 * sizes.codes * sizes.image_bytes if whole else 0)
    )


def seconds(own: OwnEncoders, sizes: Sizes, images: Tensor, keys: int) -> float:
    """Roughly how long it takes: some images are encoded, and the rest reckoned from them.

    Args:
        own: draws encoders.
        sizes: of the task.
        images: ``(M, C, H, W)`` uint8 candidates.
        keys: own encoders.
    """
    encoder = own.generate_encoder("timed")
    timed = own.target.normalised(images[:TIMED_IMAGES].to(own.context.device))
    encoded(encoder, timed, own.at_once)
    start = time.perf_counter()
    encoded(encoder, timed, own.at_once)
    each = (time.perf_counter() - start) / len(timed)
    again = CENTRE_IMAGES if sizes.candidates * sizes.image_bytes > HELD_BYTES else 0
    encodings = keys * (sizes.candidates + again) + rehearsed_count(sizes.codes, sizes.image_bytes)
    return each * encodings + MATCHING_SECONDS * sizes.codes * sizes.candidates
