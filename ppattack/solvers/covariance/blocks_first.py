"""Match scrambled blocks one by one, then put them together.

Inside a block the statistics of public blocks, wherever they are, say what went where, up to
turning, mirroring and colours. What remains is a jigsaw puzzle. Matching all symbols at once
needs images whose statistics differ from place to place, and more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ppattack.data.stacks import Images
from ppattack.permxor import PermXor
from ppattack.seeding import numpy_stream
from ppattack.solvers.blocks import puzzle as block_puzzle
from ppattack.solvers.covariance import gaussian_matching
from ppattack.solvers.covariance.shared_block_keys import leading_signs
from ppattack.solvers.covariance.signed_matching import Places, Single
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.key_estimate import MIDDLE_OF_LOW
from ppattack.solvers.matching import quadratic
from ppattack.target.structure import Structure

MOST_RESTARTS = 40
"""Starts of graph matching per block, at most: the best result has to be found twice."""
SAME = 1e-3
CONSENSUS_ROUNDS = 3
"""How often all blocks are matched again with what they have in common."""
TRUSTED = 0.5
"""Share of the blocks, the best-fitting ones, from which that is taken."""


def inside_blocks(
    cipher: Single, plain: Single, turns: Sequence[Places]
) -> tuple[Places, NDArray[np.int8]]:
    """A signed permutation inside each block, up to changes that hardly affect its statistics.

    Victims' images differ from public ones, but the blocks of an image are much alike. So blocks
    are first matched with public statistics, then again with the statistics that they agree on.

    Args:
        cipher: ``(n · S, n · S)`` correlations of cipher symbols, block after block.
        plain: the same for plain symbols.
        turns: permutations ``(S,)`` of a block that hardly change its statistics, with the
            identity.

    Returns:
        ``(n · S,)`` the plain symbol of each cipher symbol as if no block had moved, and signs.
    """
    size = len(turns[0])
    blocks = [slice(start, start + size) for start in range(0, len(cipher), size)]
    signs = [leading_signs(cipher[block, block].astype(np.float64)) for block in blocks]
    seen: list[Single] = [
        (cipher[block, block] * sign[:, None] * sign).astype(np.float32)
        for block, sign in zip(blocks, signs, strict=True)
    ]
    rng = numpy_stream(0, "blocks-first")
    average: Single = np.stack([plain[block, block] for block in blocks]).mean(0)
    weights = gaussian_matching.precision(average)
    ends = [_likeliest(one, average, weights, rng, _NOTHING) for one in seen]
    for _ in range(CONSENSUS_ROUNDS):
        average = _consensus(seen, ends, turns)
        weights = gaussian_matching.precision(average)
        known = [_aligned(one, end, weights, turns) for one, end in zip(seen, ends, strict=True)]
        ends = [
            end if end.settled else _likeliest(one, average, weights, rng, end)
            for one, end in zip(seen, known, strict=True)
        ]
        if all(after.order is before.order for after, before in zip(ends, known, strict=True)):
            break
    symbols = [block.start + np.argsort(end.order) for block, end in zip(blocks, ends, strict=True)]
    return np.concatenate(symbols), np.concatenate(signs).astype(np.int8)


@dataclass(frozen=True)
class _End:
    """A block's matching, with ``order[i]`` the cipher symbol at place i, and its misfit.

    It is settled once a later round has found it again from another start: the statistics that
    blocks agree on hardly change any more, and neither would it.
    """

    order: Places
    misfit: float
    settled: bool = False


_NOTHING = _End(np.empty(0, np.intp), np.inf)


def _likeliest(
    seen: Single, average: Single, weights: Single, rng: np.random.Generator, known: _End
) -> _End:
    """The permutation of one block that makes its correlations most likely."""
    graphs = quadratic.Graphs.of([seen.astype(np.float64)], [average.astype(np.float64)])
    best = known
    for _ in range(MOST_RESTARTS):
        symbols = np.argsort(graphs.matched(rng, iterations=30))
        placed = seen.take(symbols, 0).take(symbols, 1)
        end = gaussian_matching.improve(placed, weights)
        if abs(end.misfit - best.misfit) < SAME * abs(end.misfit):
            return replace(best, settled=best is known)
        if end.misfit < best.misfit:
            best = _End(symbols[end.order], end.misfit)
    return best


def _consensus(seen: Sequence[Single], ends: Sequence[_End], turns: Sequence[Places]) -> Single:
    """Average correlations of the best-fitting blocks, each turned like those before it."""
    ranked = sorted(range(len(seen)), key=lambda k: ends[k].misfit)
    total = np.zeros_like(seen[0])
    for count, k in enumerate(ranked[: max(1, round(TRUSTED * len(ranked)))]):
        end = ends[k]
        if count:
            mean: Single = total / np.float32(count)
            end = _aligned(seen[k], end, gaussian_matching.precision(mean), turns)
        total += seen[k][np.ix_(end.order, end.order)]
    found: Single = total / total[0, 0]
    return found


def _aligned(seen: Single, end: _End, weights: Single, turns: Sequence[Places]) -> _End:
    """A matching turned the way that is likeliest under other weights."""
    placed = seen[np.ix_(end.order, end.order)]
    misfits = [gaussian_matching.misfit(placed[np.ix_(turn, turn)], weights) for turn in turns]
    best = int(np.argmin(misfits))
    return _End(end.order[turns[best]], misfits[best], end.settled)


def scrambling(inside: PermXor, ciphertexts: Images, public: Tensor, block: int) -> PermXor:
    """The whole key, once what happened inside blocks is known.

    Args:
        inside: the key as if no block had moved; correct up to a state of each block, and in nibble
            schemes only for high nibbles.
        ciphertexts: ``(N, C, H, W)`` uint8 under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        block: edge of a block, pixels.
    """
    half, known = inside.inverse()(ciphertexts[: choice.JUDGED]), public
    if inside.unit == "nibble":
        half, known = ((images & 240) | MIDDLE_OF_LOW for images in (half, public))
    channels, height, width = (int(size) for size in ciphertexts.shape[1:])
    structure = Structure("blocks-dihedral", block_size=block, colours=True)
    puzzle = block_puzzle.Puzzle((channels, height, width), structure)
    key, _ = block_puzzle.recover(half, known, puzzle)
    return inside.after(key.as_nibbles() if inside.unit == "nibble" else key)
