"""Sub-block EtC: the quarters of a block change places, turn and change colours.

Made for networks that read an image patch by patch: the blocks (one patch each) stay in place, so a
mosaic of the image is in every ciphertext; inside a block the sub-blocks are scrambled as in EtC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError
from ppattack.permxor import PermXor, permutation_bits
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed
from ppattack.target.structure import Structure

from .etc import scrambled_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

PUBLISHED_TURNS = {
    (0, 1): 6, (0, 2): 4, (1, 1): 5, (1, 2): 7, (2, 1): 4, (2, 2): 6, (3, 1): 7, (3, 2): 5,
}  # fmt: skip
"""Quarter turns counter-clockwise, then rows (1) or columns (2) flipped, as a dihedral element."""
SEEDS_SEEN = 100_000
"""Seeds whose keys are counted to see how likely each is."""


class EtcSub(PermXorTarget):
    """Sub-blocks of every block permuted, turned, mirrored, complemented and recoloured.

    Output sub-block j of block i is sub-block ``permutation[i, j]`` of block ``blocks[i]``, turned
    by dihedral element ``dihedral[i, j]``, complemented if ``negative[i, j]``, its colours in order
    ``COLOUR_ORDERS[colour[i, j]]``. With ``keys=common`` all blocks share one row of each.

    Variants:
        ``paper``: everything uniformly random; blocks stay in place.
        ``code``: a published code's key schedule. A chaotic map starts from the SHA-256 of a file
        (here: of the decimal digits of ``legacy_seed``), but its first products are so large
        that almost nothing of the hash is left: the keys hold about 6.8 bits. Turn and flip come
        from one number, so only 2 of the 8 elements occur, and neighbouring blocks share all
        but one number of their orders.
        ``iib-cpe``: our reading of an "inter and intra block" scheme whose steps could not be
        read: blocks change places and have one complement and one colour order each; their
        sub-blocks are turned and mirrored in place.

    Threat model: ciphertext-only; one key for the whole data set.

    Deviations: of ``code`` with ``keys=independent``, which numbers turns, complements and colours
    take from the map was not certain: here those of each sub-block in turn.

    Reference: the published code of an EtC scheme for ConvMixer, without a paper that we could
    find. EtC: T. Chuman, W. Sirichotedumrong, H. Kiya, IEEE Transactions on Information Forensics
    and Security 14(6):1515-1525, 2019, arXiv:1811.00236. ``iib-cpe``: I. Ahmad, S. Shin, Sensors
    22(20):8074, 2022.
    """

    card = TargetCard(
        name="etc-sub",
        title="Sub-block EtC: blocks in place, their quarters scrambled",
        reference=Reference(
            "T. Chuman, W. Sirichotedumrong, H. Kiya",
            "Encryption-Then-Compression Systems Using Grayscale-Based Image Encryption "
            "for JPEG Images",
            "IEEE Transactions on Information Forensics and Security 14(6):1515-1525",
            2019,
            arxiv="1811.00236",
        ),
    )
    secret_settings = ("legacy_seed",)

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "code", "iib-cpe"],
            Doc("ideal keys, a published code's, or our reading of another scheme"),
        ] = "paper"
        block_size: Annotated[int, Interval(ge=2, le=256), Doc("edge of a block, pixels")] = 16
        sub_block_size: Annotated[
            int, Interval(ge=1, le=128), Doc("edge of a sub-block, pixels")
        ] = 8
        keys: Annotated[
            Literal["common", "independent"], Doc("one key within blocks, or one for each block")
        ] = "common"
        legacy_seed: PublishedSeed = None

        def __post_init__(self) -> None:
            check_seed("paper" if self.variant != "code" else "code", self.legacy_seed)
            if self.block_size % self.sub_block_size or self.block_size == self.sub_block_size:
                raise ConfigError(
                    f"blocks of {self.block_size} pixels are not made of several sub-blocks of "
                    f"{self.sub_block_size}: choose a sub_block_size that divides block_size"
                )

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return int(self.config.block_size)

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """By output block and sub-block, (n, m) each, (m,) if common; ``blocks``: (n,)."""
        count, per = self._size(image_shape)
        lines = count if self.config.keys == "independent" else 1
        parts: dict[str, NDArray[np.generic]]
        if self.config.variant == "code":
            seed = published_seed(self.config.legacy_seed, draw)
            parts = _from_chaos(seed, lines, per)
        else:
            rows = np.tile(np.arange(per), (lines, 1))
            parts = {
                "permutation": draw("permutation").permuted(rows, axis=1),
                "dihedral": draw("dihedral").integers(0, 8, (lines, per), dtype=np.uint8),
                "negative": draw("negative").integers(0, 2, (lines, per), dtype=np.bool_),
                "colour": draw("colour").integers(0, 6, (lines, per), dtype=np.uint8),
            }
        moved = self.config.variant == "iib-cpe"
        if moved:
            parts["permutation"] = rows
            for name in ("negative", "colour"):
                parts[name] = np.repeat(parts[name][:, :1], per, axis=1)
        if image_shape[0] == 1:
            del parts["colour"]
        parts["permutation"] = parts["permutation"].astype(np.min_scalar_type(per - 1))
        if lines == 1:
            parts = {name: part[0] for name, part in parts.items()}
        if moved:
            order = draw("blocks").permutation(count)
            parts["blocks"] = order.astype(np.min_scalar_type(count - 1))
        return parts

    @override
    def tables(self, parts: Parts, shape: ImageShape) -> PermXor:
        """EtC on sub-blocks, whose sources lie in one block."""
        size, edge = (
            self.config.sub_block_size,
            self.config.block_size // self.config.sub_block_size,
        )
        _, height, width = shape
        rows, columns = height // size, width // size
        grid = np.arange(rows * columns).reshape(1, rows, columns)
        inside = blocks.split(grid, edge).reshape(-1, edge * edge)  # (n, m), by block
        keys, count = len(parts["permutation"]), len(inside)
        own = {
            name: np.broadcast_to(
                part if part.ndim == 3 else part[:, None], (keys, count, edge * edge)
            )
            for name, part in parts.items()
            if name != "blocks"
        }
        source = np.broadcast_to(np.arange(count), (keys, count))
        source = parts.get("blocks", source).astype(np.intp)
        taken = inside[source[..., None], own["permutation"]]
        flat = {"permutation": taken, **{name: own[name] for name in own if name != "permutation"}}
        place = inside.reshape(-1)
        whole = {}
        for name, part in flat.items():
            made = np.empty((keys, rows * columns), part.dtype)
            made[:, place] = part.reshape(keys, -1)
            whole[name] = made
        return scrambled_blocks(whole, shape, size, blocks.COLOUR_ORDERS)

    def likely_seeds(self, image_shape: ImageShape) -> list[tuple[int, float]]:
        """Seeds with all keys that ``code`` gives, and the share of seeds that give each.

        Almost nothing of a hash is left after the first step of the map, so 100,000 seeds show
        nearly every key. Files whose hash is the key are drawn from the same distribution.

        Returns:
            a seed for each key, and how many of the seeds give it; the likeliest first. Empty for
            other variants.
        """
        if self.config.variant != "code":
            return []
        lines, per = self._size(image_shape)
        lines = lines if self.config.keys == "independent" else 1
        return list(_likely_seeds(lines, per))

    @override
    def structure(self) -> Structure:
        config = self.config
        if config.keys == "common" and config.variant != "iib-cpe":
            return Structure("shared-block", "byte", config.block_size)
        return Structure(
            "blocks-dihedral", block_size=config.sub_block_size, colours=True, moves_blocks=True
        )

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of m!·8^m·2^m·6^m a key, of which there is one or one for each block.

        The seeds of ``code`` are not counted: its keys hold about 6.8 bits.
        """
        count, per = self._size(image_shape)
        colours = 6 if image_shape[0] == 3 else 1
        lines = count if self.config.keys == "independent" else 1
        if self.config.variant == "iib-cpe":
            return permutation_bits(count) + lines * (per * 3 + math.log2(2 * colours))
        return lines * (permutation_bits(per) + per * math.log2(8 * 2 * colours))

    def _size(self, image_shape: ImageShape) -> tuple[int, int]:
        """Blocks of an image, sub-blocks of a block."""
        _, height, width = self.padded_shape(image_shape)
        block = int(self.config.block_size)
        return height * width // block**2, (block // int(self.config.sub_block_size)) ** 2


def _from_chaos(seed: int, lines: int, per: int) -> dict[str, NDArray[np.generic]]:
    """The published key schedule, ``(lines, per)`` each."""
    state = _chaos_start(seed)
    table = np.array([state := _chaos_step(state) for _ in range(lines * per)])
    windows = [table[start : start + per, 0] for start in range(lines)]
    turns = np.round(3 * table[:, 1]).astype(int), np.round(1 + table[:, 1]).astype(int)
    dihedral = [PUBLISHED_TURNS[turn, flip] for turn, flip in zip(*turns, strict=True)]
    return {
        "permutation": np.stack([np.argsort(window, kind="stable") for window in windows]),
        "dihedral": np.array(dihedral, np.uint8).reshape(lines, per),
        "negative": (np.round(table[:, 2]) == 1).reshape(lines, per),
        "colour": np.round(5 * table[:, 3]).astype(np.uint8).reshape(lines, per),
    }


@lru_cache(maxsize=8)
def _likely_seeds(lines: int, per: int) -> tuple[tuple[int, float], ...]:
    """Seeds with all keys, and their shares; the likeliest first."""
    first: dict[tuple[float, ...], list[int]] = {}
    for seed in range(SEEDS_SEEN):
        found = first.setdefault(_chaos_step(_chaos_start(seed)), [seed, 0])
        found[1] += 1
    keys: dict[bytes, list[int]] = {}
    for seed, count in first.values():
        parts = _from_chaos(seed, lines, per)
        name = b"".join(parts[each].tobytes() for each in sorted(parts))
        keys.setdefault(name, [seed, 0])[1] += count
    ordered = sorted(keys.values(), key=lambda key: (-key[1], key[0]))
    return tuple((seed, count / SEEDS_SEEN) for seed, count in ordered)


def _chaos_start(seed: int) -> tuple[float, ...]:
    """Where the published map starts: the four quarters of a hash."""
    import hashlib

    digest = hashlib.sha256(str(seed).encode()).hexdigest()
    return tuple(int(digest[start : start + 16], 16) / 65535 for start in range(0, 64, 16))


def _chaos_step(state: tuple[float, ...]) -> tuple[float, ...]:
    """One step of the published map."""
    x1, x2, x3, x4 = state
    return (
        (35 * (x2 - x1) + x4) % 1,
        (35 * x1 + x1 * x3 - 0.2 * x4) % 1,
        (-3 * x3 + x1 * x2 - x3 * x4) % 1,
        (-5 * x1) % 1,
    )
