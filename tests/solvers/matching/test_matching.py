"""Signs and permutations on planted instances with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from ppattack.errors import ImageError
from ppattack.solvers.covariance import signed_graph, signed_matching
from ppattack.solvers.covariance.moments import GridMoments
from ppattack.solvers.matching import quadratic
from tests.conftest import smooth_images


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_signs_of_a_balanced_graph_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.choice([-1, 1], 30)
    edges = np.triu((rng.random((30, 30)) < 0.2) | np.eye(30, k=1, dtype=bool), 1)
    weights = edges * rng.uniform(0.1, 1, (30, 30)) * np.outer(true, true)
    graph = sparse.csr_matrix(weights + weights.T)
    found = signed_graph.signs(graph)
    assert np.array_equal(found, true) or np.array_equal(found, -true)
    assert signed_graph.agreement(graph, found) == pytest.approx(1)


def test_one_wrong_edge_is_outvoted() -> None:
    weights = np.ones((6, 6)) - np.eye(6)
    weights[0, 1] = weights[1, 0] = -1.5
    found = signed_graph.signs(sparse.csr_matrix(weights))
    assert len(set(found.tolist())) == 1


def test_complements_of_few_images_are_found_up_to_one_sign() -> None:
    images = smooth_images(12, size=10)
    negative = np.random.default_rng(2).integers(0, 2, (3, 10, 10))
    mask = torch.from_numpy((negative * 255).astype(np.uint8))
    graph = signed_graph.neighbour_graph(GridMoments((3, 10, 10)).add(images ^ mask))
    found = signed_graph.signs(graph).reshape(3, 10, 10)
    wrong = float((found != 1 - 2 * negative).mean())
    assert min(wrong, 1 - wrong) < 0.02


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_graph_matching_finds_a_planted_permutation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    theirs = rng.normal(size=(2, 20, 20))
    true = rng.permutation(20)
    noise = rng.normal(size=theirs.shape) * 0.1
    ours = 3 * (theirs + noise)[:, true[:, None], true] + 5
    found = quadratic.match(list(ours), list(theirs), rng, restarts=20)
    assert np.array_equal(found.permutation, true)
    assert found.likeness > 0.9
    assert found.runner_up < found.likeness


def test_graph_matching_needs_matching_sizes() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ImageError, match="one size"):
        quadratic.match([np.eye(3)], [np.eye(4)], rng, restarts=1)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_planted_signed_permutation_is_found_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.random((60, 2)) * (1.0, 1.5)
    apart = ((places[:, None] - places) ** 2).sum(2)
    plain = 0.3 + 0.7 * np.exp(-apart / 0.1)
    true, signs = rng.permutation(60), rng.choice([-1.0, 1.0], 60)
    cipher = plain[np.ix_(true, true)] * signs[:, None] * signs
    found = signed_matching.match(cipher, plain)
    assert np.array_equal(found.permutation, true)
    assert abs(int(found.signs @ signs)) == 60
    assert found.likeness == pytest.approx(1, abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 700), seed=st.integers(0, 2**32 - 1))
def test_assignment_in_bounded_time_is_a_permutation(size: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    assert np.array_equal(np.sort(signed_matching.assign(scores)), np.arange(size))
    best = np.random.default_rng(seed).permutation(size)
    scores[np.arange(size), best] += 100
    assert np.array_equal(signed_matching.assign(scores), best)


@settings(deadline=None, max_examples=20)
@given(blocks=st.integers(1, 6), size=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_blocks_are_assigned_whole(blocks: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(blocks * size, blocks * size)).astype(np.float32)
    inner = np.stack([rng.permutation(size) for _ in range(blocks)])
    best = (rng.permutation(blocks)[:, None] * size + inner).reshape(-1)
    scores[np.arange(len(best)), best] += 100
    assert np.array_equal(signed_matching.assign_blocks(scores, size), best)
