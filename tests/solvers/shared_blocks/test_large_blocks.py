"""What makes large blocks quicker, against slow and independent computations of the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.covariance.exchanges import exchanges
from ppattack.solvers.shared_blocks import assignment, statistics
from ppattack.solvers.shared_blocks.assignment import nearly_least
from ppattack.solvers.shared_blocks.exchanges import best_exchanges
from ppattack.solvers.shared_blocks.models import Geometry, public_models, turned
from ppattack.solvers.shared_blocks.statistics import covariance, leading, lines
from tests.support.natural import natural_sets


@pytest.mark.parametrize("most", [800, 5])
@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_every_row_gets_a_column_of_its_own(most: int, count: int, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    far = rng.integers(0, 3, (count, count)) if ties else rng.random((count, count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "MOST_ASSIGNED", most)
        assert sorted(nearly_least(far.astype(float))) == list(range(count))


def test_points_of_a_moved_cloud_find_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    points, order = rng.normal(size=(200, 6)), rng.permutation(200)
    moved = points[order] + 0.25 * rng.normal(size=points.shape)
    far = ((points[:, None] - moved) ** 2).sum(2)
    best = (order[linear_sum_assignment(far)[1]] == np.arange(200)).mean()
    for most in (800, 20):
        monkeypatch.setattr(assignment, "MOST_ASSIGNED", most)
        assert (order[nearly_least(far)] == np.arange(200)).mean() > best - 0.05
    assert best > 0.9


@pytest.mark.parametrize("rounds", [1, 2, 60])
def test_exchanges_are_those_of_products_computed_anew(rounds: int) -> None:
    rng = np.random.default_rng(6)
    points, place = rng.random((150, 2)) * 12, np.arange(150)
    alike = np.exp(-np.sqrt(((points[:, None] - points) ** 2).sum(2)) / 3) + 0.05 * np.eye(150)
    weights = np.linalg.inv(alike).astype(np.float32)
    order = place.copy()
    for one, other in rng.integers(0, 150, (12, 2)):
        order[[one, other]] = order[[other, one]]
    seen = alike[np.ix_(order, order)].astype(np.float32)
    wanted = place.copy()
    for _ in range(rounds):
        placed = seen.take(wanted, 0).take(wanted, 1)
        for one, other in exchanges(placed, weights, placed @ weights, None):
            wanted[[one, other]] = wanted[[other, one]]
    assert (best_exchanges(seen, weights, rounds) == wanted).all()
    after = seen.take(wanted, 0).take(wanted, 1)
    assert np.vdot(after, weights) < np.vdot(seen, weights) - 1


def test_eigenvectors_of_large_matrices_are_nearly_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    half = rng.normal(size=(300, 200)) * np.arange(1, 201) ** -0.8
    matrix = half @ half.T - 0.01 * np.eye(300)
    values, vectors = eigh(matrix, subset_by_index=[260, 299])
    monkeypatch.setattr(statistics, "LARGE", 100)
    before = torch.random.get_rng_state()
    found, turned_like = leading(matrix, 40)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(leading(matrix, 40)[1], turned_like)
    assert found == pytest.approx(values, rel=0.02)
    assert np.linalg.svd(turned_like.T @ vectors)[1].min() > 0.95


def test_kinds_of_photographs_hold_the_moments_of_their_images() -> None:
    images = natural_sets(48, 4, size=32).victims
    geometry = Geometry(3, 4)
    models = public_models(images, geometry)
    each = [turned(covariance(lines(image[None], 4)), geometry) for image in images]
    shares = [np.linalg.lstsq(np.stack(each).reshape(48, -1).T, kind.covariance.reshape(-1))[0]
              for kind in models[1:]]  # fmt: skip
    for share in shares:
        members = share > 0.5 * share.max()
        assert share == pytest.approx(members / members.sum(), abs=1e-6)
