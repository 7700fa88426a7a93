"""Images are alike block by block, wherever their blocks lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ppattack.errors import ImageError
from ppattack.metrics.block_similarity import block_similarity_matrix
from tests.support.photographs import random_pairs, real_pairs

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def by_hand(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """One window over a whole block, from the definition."""
    a, b = x.astype(float).ravel(), y.astype(float).ravel()
    cov = np.cov(a, b)
    first = (2 * a.mean() * b.mean() + C1) / (a.mean() ** 2 + b.mean() ** 2 + C1)
    return float(first * (2 * cov[0, 1] + C2) / (cov[0, 0] + cov[1, 1] + C2))


def pieces(image: NDArray[np.uint8], edge: int) -> list[NDArray[np.uint8]]:
    return [
        image[:, i : i + edge, j : j + edge]
        for i in range(0, image.shape[1], edge)
        for j in range(0, image.shape[2], edge)
    ]


@pytest.mark.parametrize("edge", [4, 8])
def test_it_is_the_mean_of_the_nearest_blocks(edge: int) -> None:
    x, y = real_pairs(16, 7)
    found = block_similarity_matrix(x, y, edge)
    for i, one in enumerate(x.numpy()):
        for j, other in enumerate(y.numpy()):
            best = [max(by_hand(p, q) for q in pieces(other, edge)) for p in pieces(one, edge)]
            assert float(found[i, j]) == pytest.approx(np.mean(best), abs=1e-5)


def test_blocks_that_changed_places_are_found() -> None:
    x, _ = random_pairs(32, 5)
    order = torch.randperm(16)
    grid = x.reshape(5, 3, 4, 8, 4, 8).permute(0, 2, 4, 1, 3, 5).reshape(5, 16, 3, 8, 8)
    moved = grid[:, order].reshape(5, 4, 4, 3, 8, 8).permute(0, 3, 1, 4, 2, 5)
    moved = moved.reshape(5, 3, 32, 32).contiguous()
    found = block_similarity_matrix(moved, x)
    assert found.diagonal() == pytest.approx(torch.ones(5), abs=1e-5)
    assert float((found - 2 * torch.eye(5)).max()) < 0.5


def test_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = random_pairs(16, 7)
    whole = block_similarity_matrix(x, y)
    monkeypatch.setattr("ppattack.metrics.block_similarity.PAIRS_AT_ONCE", 1)
    assert block_similarity_matrix(x, y) == pytest.approx(whole, abs=1e-6)
    assert block_similarity_matrix(x[:0], y).shape == (0, 7)


def test_broken_blocks_are_refused() -> None:
    x, y = random_pairs(12, 2)
    with pytest.raises(ImageError, match="whole blocks of 8"):
        block_similarity_matrix(x, y)
    with pytest.raises(ImageError, match="one size"):
        block_similarity_matrix(x, random_pairs(16, 2)[0])
