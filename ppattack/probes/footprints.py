"""Which bytes of a ciphertext change with one bit of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding

PLACES, FEWEST_PLACES = 18, 6
BYTES = 1 << 18
"""Bytes of images from which fewer places are tried: the answers must fit into memory."""
BY_CHANCE = 0.01
"""Probability with which changes of such extents would stay in blocks, or runs, wherever they were:
above it they are no evidence of blocks."""
SCANS = {"chw": (0, 1, 2), "hwc": (1, 2, 0), "cwh": (0, 2, 1)}
"""Orders of bytes: planes of rows, pixels in rows, planes of columns."""
LOW, HIGH = 96, 160
"""Levels of the image that is changed: far from both ends, so that little is clipped."""
FULL_AVALANCHE = 0.45
"""Share of bits that change with one bit: half of them if all depend on it (0.5 for pads)."""


@dataclass(frozen=True)
class Footprints:
    """The answers to an image, and to the same with one bit flipped.

    Args:
        shape: ``(C, H, W)`` of images.
        cipher_shape: likewise of ciphertexts.
        places: ``(P,)`` bytes of the image in which bits were flipped.
        base: ``(T,)`` the ciphertext of the image as it was.
        flipped: ``(P, 8, T)`` ciphertexts by place and bit, the lowest first.
    """

    shape: ImageShape
    cipher_shape: ImageShape
    places: NDArray[np.intp]
    base: Rows
    flipped: Rows

    @property
    def size(self) -> int:
        """Bytes of an image."""
        return int(np.prod(self.shape))

    @property
    def changed(self) -> Rows:
        """``(P, 8, T)``: the bits that changed."""
        return self.flipped ^ self.base

    @property
    def touched(self) -> NDArray[np.bool_]:
        """``(P, T)``: the bytes that change with any bit of a place."""
        found: NDArray[np.bool_] = (self.changed != 0).any(axis=1)
        return found


def take(box: Box) -> Footprints:
    """Flip every bit of some bytes of one image."""
    rng, size = box.stream("footprints"), int(np.prod(box.shape))
    image = rng.integers(LOW, HIGH, size).astype(np.uint8)
    count = min(size, PLACES, max(FEWEST_PLACES, BYTES // size))
    places = rng.choice(size, count, replace=False)
    rows = np.repeat(image[None], 1 + 8 * len(places), axis=0)
    for i, place in enumerate(places):
        for bit in range(8):
            rows[1 + 8 * i + bit, place] ^= 1 << bit
    answers = box(rows)
    flipped = answers[1:].reshape(len(places), 8, -1)
    return Footprints(box.shape, box.cipher_shape, places, answers[0], flipped)


def avalanche(found: Footprints) -> Finding:
    """The share of all ciphertext bits that one bit of the image changes.

    Statistic: its mean over bits and places; full avalanche, with every bit half of the time, has
    .5. One bit or byte has next to nothing, a chain half of that.
    """
    bits = np.unpackbits(found.changed, axis=2).mean(axis=2)
    value, least = float(bits.mean()), float(bits.min())
    full = least >= FULL_AVALANCHE
    words = f"one bit of the image changes {value:.2%} of the ciphertext's bits on average"
    facts = {"least": round(least, 5)}
    return Finding("avalanche", full, words, round(value, 5), FULL_AVALANCHE, facts)


def footprint(found: Footprints) -> Finding:
    """How many ciphertext bytes one byte of the image reaches, and in what part of the image.

    Statistic: the largest number of bytes. One byte: a permutation or substitution; the bytes of a
    block: a cipher of blocks. It holds if there is a block that no change leaves. ``by_one``: a
    change by one level is one of one level in the ciphertext.
    """
    touched = found.touched
    most = int(touched.sum(axis=1).max())
    edge, run, scan = whereabouts(found)
    steps = found.flipped[:, 0] - found.base
    by_one = bool(np.isin(steps, (0, 1, 255)).all())  # modulo 256
    facts = {"bytes": most, "block": edge, "run": run, "scan": scan, "by_one": by_one}
    if most == 0:
        words = "no change of a bit shows in the ciphertext"
    elif most == 1:
        words = "every byte of the image decides one byte of the ciphertext"
    elif edge == 1:
        words = f"every byte of the image reaches {most} bytes of one pixel"
    elif edge:
        words = f"every byte of the image reaches up to {most} bytes of one {edge}x{edge} block"
    elif run:
        words = f"every byte of the image reaches up to {most} bytes of a run of {run} ({scan})"
    else:
        words = f"a byte of the image reaches up to {most} of {len(found.base)} bytes"
    return Finding("local", bool(edge or run), words, float(most), None, facts)


def unit(found: Footprints) -> Finding:
    """What is moved as one: bits, nibbles, bytes, or more.

    A bit that changes one bit is moved alone unless those of its nibble or byte go with it in
    their order. A byte that changes one byte in several bits goes through a table.
    """
    touched, changed = found.touched, found.changed
    if not _single_bits(changed) and _nibbles_apart(found):
        return Finding("unit", True, "symbols: nibbles", facts={"unit": "nibble"})
    if int(touched.sum(axis=1).max()) > 1 and not _single_bits(changed):
        edge, run, _ = whereabouts(found)
        named = "pixel" if edge == 1 else "block" if edge or run else "image"
        return Finding("unit", True, f"symbols: {named}s", facts={"unit": named})
    named = "byte"
    if _single_bits(changed):
        places = np.unpackbits(changed, axis=2, bitorder="little").argmax(axis=2)  # (P, 8)
        together = {4: _go_together(places, 4), 8: _go_together(places, 8)}
        named = "byte" if together[8] else "nibble" if together[4] else "bit"
    return Finding("unit", True, f"symbols: {named}s", facts={"unit": named})


def whereabouts(found: Footprints) -> tuple[int | None, int | None, str | None]:
    """The edge of the blocks, or the length and order of the runs, that no change leaves.

    If there are both it is the smaller one.
    """
    edge = block_edge(found)
    if edge == 1:
        return edge, None, None
    run, scan = run_length(found)
    if run is None or (edge is not None and edge**2 <= run):
        return edge, None, None
    return None, run, scan


def block_edge(found: Footprints) -> int | None:
    """The edge of the smallest blocks that no change leaves; None if there are no such blocks."""
    _, height, width = found.cipher_shape
    where = [np.flatnonzero(row) % (height * width) for row in found.touched]
    down, across = ([_extent(np.divmod(at, width)[axis]) for at in where] for axis in (0, 1))
    extents = np.maximum(down, across)
    for edge in block_edges(found.cipher_shape):
        blocks = [(at // width // edge) * width + at % width // edge for at in where]
        if all(len(np.unique(each)) <= 1 for each in blocks):
            return edge if edge == 1 or _shows_borders(extents, edge) else None
    return None


def block_edges(shape: ImageShape) -> list[int]:
    """The edges of blocks that fill an image and are at most half as large, and pixels, first."""
    _, height, width = shape
    return [
        edge
        for edge in range(1, max(1, min(height, width) // 2) + 1)
        if height % edge == 0 and width % edge == 0
    ]


def run_length(found: Footprints) -> tuple[int, str] | tuple[None, None]:
    """The length of the shortest runs of bytes that no change leaves, and their order.

    Ciphers of bytes have such blocks, 16 for AES. ``(None, None)`` if there are none.
    """
    size = len(found.base)
    where = [np.flatnonzero(row) for row in found.touched]
    for length in (each for each in range(2, size // 2 + 1) if size % each == 0):
        for name, axes in SCANS.items():
            place = np.empty(size, np.intp)
            order = np.arange(size).reshape(found.cipher_shape).transpose(axes).ravel()
            place[order] = np.arange(size)
            if all(len(np.unique(place[at] // length)) <= 1 for at in where):
                extents = np.array([_extent(place[at]) for at in where])
                if _shows_borders(extents, length):
                    return length, name
    return None, None


def _extent(at: NDArray[np.intp]) -> int:
    return int(np.ptp(at)) if len(at) else 0


def _shows_borders(extents: NDArray[np.integer], length: int) -> bool:
    """Whether changes of such extents would cross borders if there were none, but by chance.

    Bytes that are chained to their neighbours stay in the runs of some length now and then. Single
    bytes cross nothing, and are in blocks of any size.
    """
    if not extents.any():
        return True
    return bool(np.prod(1 - np.minimum(extents, length) / length) <= BY_CHANCE)


def _single_bits(changed: Rows) -> bool:
    """Whether every flipped bit changes exactly one bit."""
    return bool((np.unpackbits(changed, axis=2).sum(axis=2) == 1).all())


def _go_together(places: NDArray[np.intp], size: int) -> bool:
    """Whether ``size`` bits in a row keep their order and their symbol, the lowest first."""
    groups = places.reshape(len(places), -1, size)
    first = groups[..., :1]
    return bool(((groups == first + np.arange(size)) & (first % size == 0)).all())


def _nibbles_apart(found: Footprints) -> bool:
    """Whether the four bits of a nibble change one nibble only, another for each half of a byte."""
    halves = found.changed.reshape(len(found.places), 2, 4, -1)
    touched = np.stack([(halves & 15).any(axis=2), (halves >> 4).any(axis=2)], axis=-1)
    touched = touched.reshape(len(found.places), 2, -1)
    alone = (touched.sum(axis=2) == 1).all()
    return bool(alone and (touched.argmax(axis=2)[:, 0] != touched.argmax(axis=2)[:, 1]).all())
