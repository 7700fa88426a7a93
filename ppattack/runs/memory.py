"""Runs that this machine's memory does not hold are refused before any image is read."""

from __future__ import annotations

from ppattack.errors import DataError
from ppattack.machine import physical_bytes

COPIES = 5
"""Copies of a victim's image at the peak: plain, encrypted, recovered, guessed, in work."""
BESIDE = 36 << 10
"""Bytes for each of the victims' images beside these. Together they are what ``fr`` on ``pe`` takes
for one more image of 32 pixels, 53 kB, and no less than for one of 96, 161 kB."""
CHANNELS = 3
GIB = 1 << 30


def check_memory(victims: int, size: int | None) -> None:
    """Refuse more images to encrypt and score than a run in this memory can hold.

    Args:
        victims: how many.
        size: their edge in pixels; None if the source decides: then what is certain counts.

    Raises:
        DataError: saying how many it holds.
    """
    there = physical_bytes()
    if there is None:
        return
    each = COPIES * CHANNELS * (size or 0) ** 2 + BESIDE
    if victims * each > there:
        images = f"images of {size} px" if size else "images"
        raise DataError(
            f"a run on {victims:,} {images} holds them all, at least {victims * each / GIB:.0f} "
            f"GiB, and this machine has {there / GIB:.0f}: use -n {there // each} at most, or put "
            "ciphertexts into a file, of which --ciphertexts FILE.npy scores the first -n and "
            "learns from all."
        )
