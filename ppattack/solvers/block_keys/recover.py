"""The key of a scheme that moves blocks and orders the symbols of each in its own way.

High nibbles (or bytes) are put in order inside each block, by what all blocks have in common. What
turning, mirroring and colours leave open is a jigsaw puzzle of whole blocks. Low nibbles follow
from what the high ones predict.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.context import Alone, Workers
from ppattack.data.stacks import Images
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor, Unit
from ppattack.solvers.block_keys import alignment
from ppattack.solvers.block_keys.alignment import Model, Orders
from ppattack.solvers.block_keys.samples import (
    MOST_IMAGES,
    Blocks,
    gathered,
    public_covariance,
)
from ppattack.solvers.covariance import block_symbols, blocks_first, low_nibbles
from ppattack.solvers.covariance.free_keys import whole_key
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from ppattack.solvers.global_state.others import Others

CONSENSUS_ROUNDS = 2
"""How often all blocks are matched again with what they have in common."""
TRUSTED = 0.75
"""Share of the blocks found twice, the best-fitting ones, from which that is taken."""
STRANGE = 4.0
"""Deviations of a block's misfit from the usual one from which it starts again."""
SEEDS = 2**63
"""Seeds of torch; those of runs have 128 bits."""
MEDIAN_DEVIATIONS = 1.4826
"""Standard deviations of a normal law in a median absolute deviation."""


def recover(
    ciphertexts: Images,
    public: Tensor,
    unit: Unit,
    block: int,
    seed: int = 0,
    workers: Workers | None = None,
    jpeg: Jpeg | None = None,
    others: Others | None = None,
) -> KeyEstimate:
    """The key, from second moments within blocks.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, all under one key.
        public: ``(M, C, H, W)`` uint8 plain images of the same distribution.
        unit: what is moved.
        block: edge of the blocks that keep their symbols together, pixels.
        seed: of the starts.
        workers: gather statistics; None for this process.
        jpeg: what the ciphertexts went through, or None.
        others: see :func:`ppattack.solvers.global_state.choice.fitted`.
    """
    channels, height, width = (int(size) for size in ciphertexts.shape[1:])
    numbers = block_symbols.numbers((channels, height, width), block, unit)
    known = numbers[:, numbers.shape[1] // 2 :] if unit == "nibble" else numbers
    seen = gathered(ciphertexts[:MOST_IMAGES], numbers, unit)
    plain = Model(public_covariance(public, known, unit, block))
    orders = inside(seen.covariance, plain, block, channels, seed)
    key = _inside_key(seen, orders, known, numbers.size, unit)
    key = blocks_first.scrambling(key, ciphertexts, public, block)
    low_known = unit == "byte"
    if unit == "nibble":
        key, low_known = low_nibbles.complete(
            key, ciphertexts, public, numbers, shared=False, workers=workers or Alone()
        )
    notes = {
        "blocks": len(numbers),
        "blocks_found_twice": int(orders.agreed.sum()),
        "misfit": round(float(_relative(orders.misfit, seen.covariance).median()), 4),
    }
    return KeyEstimate(key, low_known, notes).settled(ciphertexts, public, jpeg=jpeg, others=others)


def inside(covariance: Tensor, model: Model, block: int, channels: int, seed: int = 0) -> Orders:
    """The order of the symbols of each block, up to a state that hardly changes what it looks like.

    Victims' images differ from public ones, but their blocks are much alike. So blocks are first
    matched with the public model, then again with what they have in common.

    Args:
        covariance: ``(n, S, S)`` float32 of the blocks' symbols.
        model: of plain blocks, from public images.
        block: edge of a block, pixels.
        channels: of the images.
        seed: of the starts, of any size.
    """
    generator = torch.Generator().manual_seed(seed % SEEDS)
    states = block_symbols.turns(block, channels)
    colours = len(states) // len(block_symbols.turns(block, 1))
    orders = alignment.align(covariance, model, generator)
    for _ in range(CONSENSUS_ROUNDS):
        orders = alignment.settled(covariance, orders, model, states)
        trusted = torch.nonzero(orders.agreed)[:, 0]
        if len(trusted) < 2:
            break
        trusted = trusted[orders.misfit[trusted].argsort()]
        trusted = trusted[: max(1, round(TRUSTED * len(trusted)))]
        mean = alignment.placed(covariance[trusted], orders.at[trusted]).mean(0)
        turns = [torch.from_numpy(turn) for turn in states[::colours]]
        model = Model(torch.stack([mean[turn][:, turn] for turn in turns]).mean(0))
        misfit = model.misfit(alignment.placed(covariance, orders.at))
        relative = _relative(misfit, covariance)
        usual = relative[trusted].median()
        spread = MEDIAN_DEVIATIONS * (relative[trusted] - usual).abs().median()
        fits = relative < usual + STRANGE * spread
        known = Orders(orders.at, misfit, orders.agreed & fits)
        orders = alignment.align(covariance, model, generator, known)
    return orders


def _relative(misfit: Tensor, covariance: Tensor) -> Tensor:
    """Misfits relative to the blocks' variances, which differ: 1 for each symbol."""
    return misfit / covariance.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-6)


def _inside_key(
    seen: Blocks, orders: Orders, known: NDArray[np.int32], symbols: int, unit: Unit
) -> PermXor:
    """The key as if no block had moved."""
    cells = np.take_along_axis(seen.cells, orders.at.cpu().numpy(), 1)
    negative = seen.signs.gather(1, orders.at).cpu().numpy() < 0
    return whole_key(cells.reshape(-1), known.reshape(-1), negative.reshape(-1), symbols, unit)
