"""Images as rows of symbols, and the undoing of a transformation that lost some of them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.permxor import PermXor, Unit

LEVELS: dict[Unit, int] = {"byte": 256, "nibble": 16}
"""How many values a symbol can have."""
FITS = 0.99
"""Share of the data that a right key explains: all of it under every scheme here, whatever the
variant; of other ciphers it explained .92 at most."""
FOLLOWS = 0.5
"""Correlation from which a key that does not fit is right in part."""
FEWEST_FOLLOWED = 3
"""Pairs of which that can be said."""


def as_symbols(images: Tensor, unit: Unit) -> NDArray[np.uint8]:
    """The symbols of each image in the order in which :class:`PermXor` numbers them.

    Args:
        images: ``(N, C, H, W)`` uint8.
        unit: ``"byte"`` or ``"nibble"``.

    Returns:
        ``(N, S)`` uint8, a new array for nibbles and a view of host memory for bytes.
    """
    rows: NDArray[np.uint8] = images.cpu().contiguous().numpy().reshape(len(images), -1)
    return rows if unit == "byte" else np.concatenate([rows & 15, rows >> 4], axis=1)


def partial_inverse(key: PermXor, shape: ImageShape) -> PermXor:
    """What undoes a transformation as far as possible: its inverse if there is one.

    A symbol that no ciphertext symbol carries is copied from the nearest channel of its pixel that
    is carried; if its whole pixel is lost, from the next symbol in memory order.

    Args:
        key: one table for every image, over images of ``shape``.
        shape: ``(C, H, W)`` of the ciphertexts.
    """
    carrier = np.full(key.symbols, -1)
    carrier[key.index] = np.arange(key.symbols)
    channels = shape[0]
    planes = carrier.reshape(-1, channels, shape[1] * shape[2])
    filled = planes.copy()
    for step in range(1, channels):
        for lost in range(channels):
            for near in (lost - step, lost + step):
                if 0 <= near < channels:
                    plane = filled[:, lost]
                    filled[:, lost] = np.where(plane < 0, planes[:, near], plane)
    sources = filled.reshape(-1)
    kept, gone = np.flatnonzero(sources >= 0), np.flatnonzero(sources < 0)
    following = np.searchsorted(kept, gone).clip(max=len(kept) - 1)
    sources[gone] = sources[kept[following]]
    return PermXor(sources, key.mask[sources], key.unit)


def explained(key: PermXor, plain: Tensor, ciphertexts: Tensor, off: int = 0) -> float:
    """The fraction of the ciphertexts' symbols that a key predicts from their plain images.

    Args:
        key: one table for every image.
        plain: ``(N, C, H, W)`` uint8.
        ciphertexts: ``(N, C, H', W')`` uint8, H' and W' those of the padded images.
        off: how far a symbol may be off, levels.
    """
    made = key(padded(plain, ciphertexts))
    ours, theirs = (as_symbols(each, key.unit).astype(np.int16) for each in (made, ciphertexts))
    return float((np.abs(ours - theirs) <= off).mean())


def follows(key: PermXor, plain: Tensor, ciphertexts: Tensor) -> float:
    """How far ciphertexts change from image to image as a key predicts: a correlation, 1 at most.

    A key that is right in part, as one that knows complements where bytes are masked, has 0.6; one
    that only pairs what is left over follows nothing. The first pair, which tells the complements,
    is left out; 0 if there are fewer than two others.
    """
    if len(plain) < FEWEST_FOLLOWED:
        return 0.0
    made, ciphertexts = key(padded(plain, ciphertexts))[1:], ciphertexts[1:]
    ours, theirs = (as_symbols(each, key.unit).astype(float) for each in (made, ciphertexts))
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    size = np.sqrt((ours**2).sum() * (theirs**2).sum())
    return float((ours * theirs).sum() / size) if size else 0.0


def misfit(
    key: PermXor,
    data: tuple[Tensor, Tensor],
    what: str,
    model: str,
    *,
    compressed: bool,
    partly: bool = False,
) -> tuple[str, bool]:
    """What a key that does not explain its own data says of the scheme: nothing.

    A byte may be one level off, as in published code that truncates.

    Args:
        key: one table for every image.
        data: plain images and their ciphertexts, from which the key was found.
        what: the data, as the sentence begins.
        model: what the scheme must be to fit.
        compressed: whether ciphertexts went through JPEG, which no key explains.
        partly: whether the key is right in part, so that a gain is no luck.

    Returns:
        the limits of the recovery, empty if the model fits; and whether it is refuted.
    """
    share = explained(key, *data, off=1 if key.unit == "byte" else 0)
    if share >= FITS:
        return "", False
    words = f"{what} fit the recovered key in {share:.1%} of their symbols only: "
    if compressed:
        return words + "this attack reads ciphertexts that JPEG has not changed", False
    return f"{words}the scheme is not a {model}; this attack says nothing of it", not partly


def too_few_pairs(certain: float, pairs: int, symbols: int) -> str:
    """What too few pairs say of the scheme: nothing; empty if they tell nearly all symbols apart.

    Two symbols look alike with the same probability in every pair, which follows from the share
    that is certain; so does how many pairs are needed.

    Args:
        certain: share of symbols that the pairs tell apart.
        pairs: how many there are.
        symbols: of an image.
    """
    if certain >= FITS:
        return ""
    ratio = math.log((1 - FITS) / symbols) / math.log((1 - certain) / symbols)
    needed = max(pairs + 1, math.ceil(pairs * ratio))
    return (
        f"too few known pairs ({pairs}): they tell {certain:.1%} of the symbols apart. About "
        f"{needed} are needed (--set attack.pairs={needed})"
    )


def padded(plain: Tensor, ciphertexts: Tensor) -> Tensor:
    """Plain images with their last row and column repeated up to the ciphertexts' size."""
    height, width = ciphertexts.shape[2:]
    rows = torch.arange(height, device=plain.device).clamp(max=plain.shape[2] - 1)
    columns = torch.arange(width, device=plain.device).clamp(max=plain.shape[3] - 1)
    return plain[:, :, rows][:, :, :, columns]
