"""What reconstructions show if nobody knows the truth.

A reconstruction that holds the values of its ciphertext, in another order and complemented or not,
adds nothing of its own. If it looks like a photograph and the ciphertext does not, the ciphertext
gave away a picture: the values of noise are no photograph in any order that an attack can find.
Whether every block is right, and the whole the right way up, cannot be seen so. No verdict rests on
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ppattack.identify.examination import examine_content
from ppattack.identify.reading import SMALLEST
from ppattack.identify.sample import NIBBLE_LEVELS, Sample

if TYPE_CHECKING:
    from torch import Tensor

LOOKED_AT = 32
"""Images that are looked at, at most, spread over all."""
Bytes = NDArray[np.uint8]


def seen(images: Tensor, ciphertexts: Tensor, said: Tensor | None = None) -> str:
    """One sentence if reconstructions are pictures that their ciphertexts held; else empty.

    Args:
        images: ``(N, C, H, W)`` uint8, the reconstructions; those below 8 px say nothing.
        ciphertexts: theirs, likewise; others say nothing.
        said: plain images that somebody says are theirs; what has the values of these is not told,
            as nothing speaks against them then.
    """
    if images.shape != ciphertexts.shape or images.dtype != ciphertexts.dtype:
        return ""
    if min(images.shape[2:]) < SMALLEST or (said is not None and said.shape != images.shape):
        return ""
    numbers = np.linspace(0, len(images) - 1, min(LOOKED_AT, len(images))).astype(int)
    made, given = images.cpu().numpy()[numbers], ciphertexts.cpu().numpy()[numbers]
    theirs = [None] * len(numbers) if said is None else list(said.cpu().numpy()[numbers])
    pictures = sum(
        same_values(one, other)
        and (plain is None or not same_values(one, plain))
        and is_photograph(one)
        and not is_photograph(other)
        for one, other, plain in zip(made, given, theirs, strict=True)
    )
    if not pictures:
        return ""
    return (
        f"{pictures} of {len(numbers)} reconstructions that were looked at are photographs, by "
        "what `ppattack identify` asks, though they hold only values of their ciphertexts, which "
        "are none: look at the picture."
    )


def same_values(one: Bytes, other: Bytes) -> bool:
    """Whether two images hold the same half-bytes, complemented or not, in any order.

    Args:
        one: ``(C, H, W)``.
        other: likewise.
    """
    return bool((_folded(one) == _folded(other)).all())


def _folded(image: Bytes) -> NDArray[np.intp]:
    """How often each half-byte occurs, taken together with its complement."""
    halves = np.concatenate([image.ravel() & 15, image.ravel() >> 4])
    return np.bincount(np.minimum(halves, 15 - halves), minlength=NIBBLE_LEVELS)


def is_photograph(image: Bytes) -> bool:
    """Whether ``identify`` takes one image, ``(C, H, W)``, for a photograph."""
    found = examine_content(Sample.of(image[None]))["content"]
    return found.holds and found.what == "photographs"
