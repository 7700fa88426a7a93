"""Inverse matrices from pairs: exact where pairs determine them, a good guess elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.solvers.linear.block_order import block_order
from ppattack.solvers.linear.moments import window_moments
from ppattack.solvers.linear.regression import Inverse, learn, solve
from ppattack.target.linear import haar
from ppattack.target.linear_form import LinearForm
from tests.conftest import smooth_images

FORM = LinearForm(4, centre=127.5, scale=127.5)
ROWS = LinearForm(4, vectors="rows", shared=False, scale=255.0)
MOMENTS = window_moments(smooth_images(8), FORM)


def vectors(images: Tensor, form: LinearForm = FORM) -> Tensor:
    return form.plain_vectors(form.values(images)).double()


def secret(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(haar(np.random.default_rng(seed), count, size))


def unexplained(inverse: Inverse, matrices: Tensor, form: LinearForm = FORM) -> float:
    """On images that were no pairs."""
    plain = vectors(smooth_images(24)[16:], form)
    found = inverse.map(plain @ matrices.transpose(1, 2))
    return float((found - plain).square().mean() / plain.var())


def test_one_orthogonal_matrix_is_exact_from_as_many_vectors_as_it_has_rows() -> None:
    matrix, plain = secret(1, 48), vectors(smooth_images(16)[:6])
    inverse = learn(plain, plain @ matrix.transpose(1, 2), MOMENTS, shared=True)
    assert inverse.model.kind == "orthogonal"
    assert inverse.map.known == 1
    assert unexplained(inverse, matrix) < 1e-8
    torch.testing.assert_close(inverse.map.matrices, matrix.transpose(1, 2), atol=1e-4, rtol=0)


def test_directions_that_no_pair_shows_are_guessed_from_the_others() -> None:
    matrix, plain = secret(1, 48), vectors(smooth_images(1))
    ciphers = plain @ matrix.transpose(1, 2)
    inverse = learn(plain, ciphers, MOMENTS, shared=True)
    assert inverse.map.known < 0.5
    bare = learn(plain, ciphers, torch.eye(48).double(), shared=True)
    assert unexplained(inverse, matrix) < 0.8 * unexplained(bare, matrix)
    assert unexplained(inverse, matrix) < 0.05


def test_every_place_has_its_own_matrix() -> None:
    images = smooth_images(16)[:3]
    matrices, plain = secret(16, 4), vectors(images, ROWS)
    moments = window_moments(images, ROWS)
    ciphers = plain @ matrices.transpose(1, 2)
    own = learn(plain, ciphers, moments, shared=False)
    assert unexplained(own, matrices, ROWS) < 1e-6
    assert learn(plain, ciphers, moments, shared=True).unexplained > 0.3


def test_matrices_that_are_not_orthogonal_or_lose_numbers_are_regressed() -> None:
    rng = torch.Generator().manual_seed(0)
    plain = vectors(smooth_images(16))
    for rows in (48, 12):
        matrix = torch.randn(1, rows, 48, generator=rng).double()
        inverse = learn(plain, plain @ matrix.transpose(1, 2), MOMENTS, shared=True)
        assert inverse.model.kind == "ridge"
        assert unexplained(inverse, matrix) < (1e-3 if rows == 48 else 0.3)


def test_noise_is_answered_by_the_mean() -> None:
    plain = vectors(smooth_images(16))
    noise = torch.randn(plain.shape, generator=torch.Generator().manual_seed(0)).double()
    assert learn(plain, noise, MOMENTS, shared=True).unexplained > 0.9


def test_chosen_vectors_need_no_vector_left_out() -> None:
    matrix = secret(1, 48)
    signs = torch.randint(0, 2, (1, 50, 1, 48), generator=torch.Generator().manual_seed(0))
    plain = 2.0 * signs.double() - 1
    inverse = solve(plain, plain @ matrix.transpose(1, 2), MOMENTS, shared=True)
    assert unexplained(inverse, matrix) < 1e-8


@pytest.mark.parametrize("form", [FORM, ROWS])
def test_the_order_of_blocks_follows_from_inner_products(form: LinearForm) -> None:
    plain = vectors(smooth_images(2), form)
    places, size = plain.shape[1], plain.shape[3]
    order = torch.randperm(places, generator=torch.Generator().manual_seed(1))
    matrices = secret(1 if form.shared else places, size)
    ciphers = (plain @ matrices.transpose(1, 2))[:, order]
    assert torch.equal(block_order(plain, ciphers), order)


def test_window_moments_are_those_of_blocks_at_any_place() -> None:
    images = smooth_images(8, size=32)
    blocks = vectors(images).flatten(0, 2)
    plain = blocks.T @ blocks / len(blocks)
    found = window_moments(images, FORM)
    assert float((found - plain).norm() / plain.norm()) < 0.1
    rows = vectors(images, ROWS).flatten(0, 2)
    by_rows = window_moments(images, ROWS)
    assert float((by_rows - rows.T @ rows / len(rows)).norm() / by_rows.norm()) < 0.05
