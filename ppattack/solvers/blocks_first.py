"""Scrambled blocks matched one by one, and then put together.

Inside a block the statistics of public blocks, wherever they stand, say what went where, up to
turning, mirroring and colours. What that leaves is a jigsaw puzzle. Matching all symbols at once
needs images whose statistics differ from place to place, and more of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.permxor import PermXor
from ppattack.seeding import numpy_stream
from ppattack.solvers import block_puzzle, gaussian_matching, quadratic_assignment
from ppattack.solvers.key_estimate import MIDDLE_OF_LOW
from ppattack.solvers.shared_block_keys import leading_signs
from ppattack.solvers.signed_matching import Places, Single
from ppattack.structure import Structure

MOST_RESTARTS = 40
"""Starts of graph matching a block, at most: the best result has to be found twice."""
SAME = 1e-3


def inside_blocks(cipher: Single, plain: Single, size: int) -> tuple[Places, NDArray[np.int8]]:
    """A signed permutation inside each block, up to what hardly changes a block's statistics.

    Args:
        cipher: ``(n · S, n · S)`` correlations of cipher symbols, block after block.
        plain: as many of plain symbols.
        size: S, symbols in a block.

    Returns:
        ``(n · S,)`` the plain symbol of each cipher symbol as if no block had moved, and signs.
    """
    blocks = [slice(start, start + size) for start in range(0, len(cipher), size)]
    average = np.stack([plain[block, block] for block in blocks]).mean(0)
    weights = gaussian_matching.precision(average)
    rng = numpy_stream(0, "blocks-first")
    found, signs = [], []
    for block in blocks:
        sign = leading_signs(cipher[block, block].astype(np.float64))
        seen = cipher[block, block] * sign[:, None] * sign
        found.append(block.start + _likeliest(seen.astype(np.float32), average, weights, rng))
        signs.append(sign)
    return np.concatenate(found), np.concatenate(signs).astype(np.int8)


def _likeliest(seen: Single, average: Single, weights: Single, rng: np.random.Generator) -> Places:
    """The permutation of one block under which its correlations are the most likely."""
    ours, theirs = [seen.astype(np.float64)], [average.astype(np.float64)]
    best, places = np.inf, np.arange(len(seen))
    for _ in range(MOST_RESTARTS):
        match = quadratic_assignment.match(ours, theirs, rng, restarts=1, iterations=30)
        symbols = np.argsort(match.permutation)
        end = gaussian_matching.improve(seen[np.ix_(symbols, symbols)], weights)
        if abs(end.misfit - best) < SAME * best:
            break
        if end.misfit < best:
            best, places = end.misfit, np.argsort(symbols[end.order])
    return places


def scrambling(inside: PermXor, ciphertexts: Tensor, public: Tensor, block: int) -> PermXor:
    """The whole key, once what happened inside blocks is known.

    Args:
        inside: the key as if no block had moved; right up to a state of each block, of nibble
            schemes only where it concerns high nibbles.
        ciphertexts: ``(N, C, H, W)`` uint8 under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        block: edge of a block, pixels.
    """
    half, known = inside.inverse()(ciphertexts), public
    if inside.unit == "nibble":
        half, known = ((images & 240) | MIDDLE_OF_LOW for images in (half, public))
    channels, height, width = (int(size) for size in ciphertexts.shape[1:])
    structure = Structure("blocks-dihedral", block_size=block, colours=True)
    puzzle = block_puzzle.Puzzle((channels, height, width), structure)
    key, _ = block_puzzle.recover(half, known, puzzle)
    return inside.after(key.as_nibbles() if inside.unit == "nibble" else key)
