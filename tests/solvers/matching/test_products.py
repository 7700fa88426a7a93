"""Products by NumPy and by torch are the same, in solvers too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ppattack.solvers.covariance import gaussian_matching, signed_matching
from ppattack.solvers.matching import quadratic
from ppattack.solvers.matching.products import BY_NUMPY, Products

BY_TORCH = Products(torch.device("cpu"))


def smooth(size: int, samples: int = 4000) -> NDArray[np.float32]:
    """Correlations of a random field on a line."""
    places = np.arange(size)
    plain = np.exp(-np.abs(np.subtract.outer(places, places)) / 5) + 0.1 * np.diag(np.sin(places))
    noise = np.random.default_rng(0).standard_normal((samples, size))
    found: NDArray[np.float32] = np.corrcoef((noise @ np.linalg.cholesky(plain).T).T).astype("f4")
    return found


@pytest.mark.parametrize("by", [BY_NUMPY, BY_TORCH])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_and_inverses(by: Products, dtype: type[np.float32]) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 4)).astype(dtype), rng.random((2, 4, 5)).astype(dtype)
    made = by.product(first, second)
    assert made.dtype == dtype
    assert np.allclose(made, np.einsum("nij,njk->nik", first, second))
    turned = by.product(first[0].T, first[0])  # of arrays that are not contiguous, too
    assert np.allclose(turned, first[0].T @ first[0])
    square = np.eye(4, dtype=dtype) + turned
    assert by.inverse(square).dtype == dtype
    assert np.allclose(by.inverse(square) @ square, np.eye(4), atol=1e-5)
    with pytest.raises(np.linalg.LinAlgError):
        by.inverse(np.zeros((3, 3), dtype=dtype))


def test_numpy_serves_the_cpu() -> None:
    assert Products.on(torch.device("cpu")) == BY_NUMPY
    assert Products.on(torch.device("cuda:0")) == Products(torch.device("cuda:0"))


def test_solvers_find_the_same() -> None:
    plain = smooth(40)
    rng = np.random.default_rng(1)
    true, signs = rng.permutation(40), rng.choice(np.array([-1, 1], np.int8), 40)
    cipher = (plain[np.ix_(true, true)] * signs[:, None] * signs).astype(np.float32)
    graphs = []
    for by in (BY_NUMPY, BY_TORCH):
        found = signed_matching.match(cipher, plain, products=by)
        order, by_sign, _ = gaussian_matching.likeliest(
            cipher, plain, found.permutation, found.signs, products=by
        )
        assert np.array_equal(order, true)
        assert abs(int((by_sign * signs).sum())) == 40
        ours, theirs = ([np.abs(side).astype(np.float64)] for side in (cipher, plain))
        draws = np.random.default_rng(2)
        graphs.append(quadratic.match(ours, theirs, draws, restarts=10, products=by))
    assert np.array_equal(graphs[0].permutation, graphs[1].permutation)
    assert graphs[0].likeness > 0.9
