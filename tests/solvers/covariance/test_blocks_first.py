"""Blocks matched one by one: by public statistics, and by what the blocks agree on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ppattack.solvers.covariance import block_symbols, blocks_first
from ppattack.solvers.covariance.shared_block_keys import most_correlated

EDGE, BLOCKS = 4, 24
SIZE = EDGE * EDGE
TURNS = block_symbols.turns(EDGE, 1)


def field(across: float, down: float) -> NDArray[np.float64]:
    """Correlations inside a block that fall off at a rate for each direction."""
    y, x = np.divmod(np.arange(SIZE), EDGE)
    apart = np.abs(np.subtract.outer(x, x)) / across + np.abs(np.subtract.outer(y, y)) / down
    return np.exp(-apart)


def seen(plain: NDArray[np.float64], samples: int) -> tuple[NDArray[np.float32], list[list[int]]]:
    """Correlations of a sample of permuted blocks, and the place of each symbol in its block."""
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(plain + 1e-9 * np.eye(SIZE)).T
    places = [rng.permutation(SIZE) for _ in range(BLOCKS)]
    values = [(rng.standard_normal((samples, SIZE)) @ root)[:, order] for order in places]
    values = [block * rng.choice([-1, 1], SIZE) for block in values]
    correlation = np.corrcoef(np.concatenate(values, 1).T).astype(np.float32)
    return correlation, [order.tolist() for order in places]


def right(cipher: NDArray[np.float32], public: NDArray[np.float64], true: list[list[int]]) -> int:
    """Blocks that are matched up to a turn."""
    plain = np.kron(np.eye(BLOCKS), public).astype(np.float32)
    found, signs = blocks_first.inside_blocks(cipher, plain, TURNS)
    assert set(signs.tolist()) == {-1, 1}
    inside = (found.reshape(BLOCKS, SIZE) % SIZE).tolist()
    turned = [[[turn[place] for place in block] for turn in TURNS] for block in inside]
    return sum(true[k] in turned[k] for k in range(BLOCKS))


def test_public_statistics_are_enough_where_they_are_right() -> None:
    plain = field(3, 3)
    cipher, true = seen(plain, 2000)
    assert right(cipher, plain, true) == BLOCKS


@pytest.mark.long
def test_blocks_agree_where_public_statistics_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    cipher, true = seen(field(6, 2), 60)
    public = field(1, 1)
    together = right(cipher, public, true)
    monkeypatch.setattr(blocks_first, "CONSENSUS_ROUNDS", 0)
    alone = right(cipher, public, true)
    assert together > alone
    assert together >= BLOCKS - 1


def test_many_weak_correlations_are_no_sign_of_a_high_nibble() -> None:
    correlation = np.eye(12)
    correlation[:6, :6] += 0.3 * (1 - np.eye(6))  # each of six low ones with five others
    for k in (6, 8, 10):  # three near twins
        correlation[k, k + 1] = correlation[k + 1, k] = 0.9
    assert most_correlated(correlation, 6).tolist() == [6, 7, 8, 9, 10, 11]
