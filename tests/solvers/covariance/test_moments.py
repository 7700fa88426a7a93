from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.errors import ImageError
from ppattack.solvers.covariance.moments import GridMoments, Moments
from tests.conftest import smooth_images


def rows(count: int, size: int, levels: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, levels, (count, size), dtype=np.uint8))


@pytest.mark.parametrize("levels", [16, 256])
@settings(deadline=None, max_examples=15)
@given(cut=st.integers(0, 1500))
def test_any_split_gives_the_same_numbers(levels: int, cut: int) -> None:
    values = rows(1500, 5, levels)
    whole = Moments(5, levels).add(values)
    parts = Moments(5, levels).add(values[:cut]).merge(Moments(5, levels).add(values[cut:]))
    assert parts.count == whole.count
    assert torch.equal(parts.sum, whole.sum)
    assert torch.equal(parts.outer, whole.outer)


@pytest.mark.parametrize("levels", [16, 256])
def test_sums_are_exact_and_agree_with_numpy(levels: int) -> None:
    values = torch.full((3000, 2), levels - 1, dtype=torch.uint8)
    values[:, 1] = 0
    found = Moments(2, levels).add(values)
    edge, low = levels // 2 - 1, -levels // 2
    expected = 3000 * torch.tensor([[edge * edge, edge * low], [edge * low, low * low]])
    assert torch.equal(found.outer, expected.double())
    values = rows(400, 6, levels, seed=3)
    found = Moments(6, levels).add(values)
    assert np.allclose(found.covariance(), np.cov(values.T.numpy(), bias=True))
    assert np.allclose(found.correlation(), np.corrcoef(values.T.numpy()))
    assert np.allclose(found.mean(), values.numpy().mean(0) - (levels - 1) / 2)


def test_a_signed_permutation_permutes_correlations() -> None:
    values = rows(300, 8, 256)
    rng = np.random.default_rng(5)
    order, negative = rng.permutation(8), rng.integers(0, 2, 8)
    mask = torch.from_numpy((negative * 255).astype(np.uint8))
    moved = Moments(8).add(values[:, order] ^ mask).correlation().numpy()
    sign = 1.0 - 2.0 * negative
    plain = Moments(8).add(values).correlation().numpy()
    assert np.allclose(moved, plain[np.ix_(order, order)] * sign[:, None] * sign)


def test_constant_symbols_correlate_with_nothing() -> None:
    values = rows(50, 3, 256)
    values[:, 1] = 7
    found = Moments(3).add(values).correlation().numpy()
    assert found[1].tolist() == [0, 1, 0]


def test_sizes_must_agree() -> None:
    with pytest.raises(ImageError, match="for 3 symbols"):
        Moments(3).add(rows(4, 5, 256))
    with pytest.raises(ImageError, match="same symbols"):
        Moments(3).merge(Moments(3, 16))
    with pytest.raises(ImageError, match="one shape"):
        GridMoments((3, 8, 8)).merge(GridMoments((3, 8, 9)))


def test_grid_products_are_those_of_every_pixel_with_its_neighbours() -> None:
    images = smooth_images(300, size=6)
    found = GridMoments((3, 6, 6)).add(images[:100]).merge(GridMoments((3, 6, 6)).add(images[100:]))
    values = images.double().numpy() - 127.5
    same, right, down = (products / 300 for products in found.products)
    assert np.allclose(same, np.einsum("nchw,ndhw->cdhw", values, values) / 300)
    expected = np.einsum("nchw,ndhw->cdhw", values[..., :-1], values[..., 1:]) / 300
    assert np.allclose(right, expected)
    expected = np.einsum("nchw,ndhw->cdhw", values[:, :, :-1], values[:, :, 1:]) / 300
    assert np.allclose(down, expected)
    assert np.allclose(found.sum / 300, values.mean(0))
