"""Each stage of the matching attack on planted data, against independent computations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt import (
    alternation,
    annealing,
    features,
    landmarks,
    pairwise,
    unshuffle,
)
from ppattack.solvers.neuracrypt.alternation import Alternation, Views


def _normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch_stream(seed, "test"), dtype=dtype)


def _permutation(count: int, seed: int = 0) -> Tensor:
    return torch.randperm(count, generator=torch_stream(seed, "order"))


def _published_features(vectors: Tensor) -> Tensor:
    """As the attack's authors define them, by SciPy."""
    array = vectors.numpy() - vectors.numpy().mean(axis=0, keepdims=True)
    moments = [np.mean(array, axis=2)]
    moments += [np.abs(stats.moment(array, order=i, axis=2)) ** (1 / i) for i in range(1, 15)]
    return torch.from_numpy(np.stack(moments, axis=2))


@given(st.integers(1, 9), st.integers(1, 7), st.integers(1, 50), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
@example(3, 5, 2, 2)
def test_features_are_the_published_ones(count: int, places: int, width: int, seed: int) -> None:
    vectors = 3 * _normal(count, places, width, seed=seed, dtype=torch.float64) + 1
    ours, published = features.moment_features(vectors), _published_features(vectors)
    assert ours.shape == (count, places, 15)
    # A root takes rounding of a moment near 0 to far more: 1e-16 becomes 5e-6 for the third.
    powers = torch.arange(15.0, dtype=torch.float64).clamp_min(1)
    # And an odd moment is a difference of large terms: its rounding is a share of their size.
    spread = vectors - vectors.mean(dim=0)
    spread = spread - spread.mean(dim=-1, keepdim=True)
    terms = (spread.abs()[..., None] ** powers).mean(dim=-2)
    assert ((ours**powers - published**powers).abs() <= 1e-9 * (1 + terms)).all()
    torch.testing.assert_close(ours[..., ::2], published[..., ::2], rtol=1e-9, atol=1e-6)


def test_features_in_single_precision_and_small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = _normal(7, 5, 300)
    double = features.moment_features(vectors.double())
    whole = features.moment_features(vectors)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole[..., ::2].double(), double[..., ::2], rtol=1e-6, atol=1e-6)
    assert (whole - double).abs().max() < 2e-2
    assert torch.count_nonzero(whole[..., 1]) == 0
    for size in (1, 3000, 6000):
        monkeypatch.setattr(features, "CACHED_BYTES", size)
        torch.testing.assert_close(features.moment_features(vectors), whole, rtol=1e-5, atol=1e-6)


def test_patches_are_cut_row_by_row() -> None:
    image = torch.arange(2 * 2 * 4 * 6, dtype=torch.float32).view(2, 2, 4, 6)
    cut = features.patches(image, 2)
    assert cut.shape == (2, 6, 8)
    assert torch.equal(cut[1, 4], image[1, :, 2:4, 2:4].flatten())


def test_energies_ignore_scale_and_know_deviation() -> None:
    vectors = _normal(20, 4, 64)
    vectors[3, 2] *= 5
    found = features.energies(vectors)
    assert found.argmax() == 3 * 4 + 2
    torch.testing.assert_close(features.energies(7 * vectors + 1), found, rtol=1e-3, atol=1e-4)
    centred = vectors - vectors.mean(dim=0)
    expected = centred.square().mean(dim=2).log()
    torch.testing.assert_close(found, expected - expected.mean())
    moved = vectors + 9 * _normal(4, 64, seed=2)
    torch.testing.assert_close(features.energies(moved), found, rtol=1e-3, atol=1e-3)
    shuffled = moved[:, _permutation(4)]
    together, apart = (features.energies(x, by_position=False) for x in (moved, shuffled))
    torch.testing.assert_close(together[:, _permutation(4)], apart)
    assert not torch.allclose(together, found, atol=0.1)


@given(st.integers(2, 12), st.integers(2, 9), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_shuffles_are_undone_up_to_one_order(count: int, places: int, seed: int) -> None:
    position = 3 * _normal(places, 40, seed=seed)
    plain = position + 0.5 * _normal(count, places, 40, seed=seed + 1)
    shuffles = torch.stack([_permutation(places, seed + i) for i in range(count)])
    codes = unshuffle.in_order(plain, shuffles)
    orders = unshuffle.patch_orders(codes)
    shown = shuffles.gather(1, orders)
    assert torch.equal(shown, shuffles[:1].expand_as(shown))
    assert torch.equal(unshuffle.in_order(codes, orders), plain[:, shuffles[0]])


@pytest.mark.parametrize("noise", [0.1, 0.8, 3.0])
def test_patches_are_assigned_by_least_squared_distance(noise: float) -> None:
    codes = _normal(20, 6) + noise * _normal(12, 20, 6, seed=1)
    orders = unshuffle.patch_orders(codes, refinements=0)
    nearest = torch.cdist(codes[:1], codes).argmin(dim=2)
    clear = sum(len(set(row)) == 20 for row in nearest.tolist())
    assert {0.1: clear == 12, 0.8: 0 < clear < 12, 3.0: clear == 1}[noise]
    for code, order in zip(codes.double(), orders, strict=True):
        costs = torch.cdist(codes[0].double(), code).square().numpy()
        least = costs[optimize.linear_sum_assignment(costs)].sum()
        assert sorted(order.tolist()) == list(range(20))
        assert costs[range(20), order].sum() == pytest.approx(least, rel=1e-5)


def test_the_mean_code_corrects_what_image_0_gets_wrong() -> None:
    position, noise = _normal(30, 6), _normal(200, 30, 6, seed=1)
    codes = position + noise * 0.6
    codes[0] = position + noise[0] * 1.2
    shown = [unshuffle.patch_orders(codes, refinements=n) for n in (0, 1)]
    wrong = [int((orders != orders.mode(dim=0).values).sum()) for orders in shown]
    assert wrong[1] < wrong[0]


@given(st.integers(0, 999), st.integers(1, 5))
@settings(deadline=None, max_examples=20)
def test_pair_scores_are_best_over_all_permutations(seed: int, places: int) -> None:
    codes, plain = _normal(2, places, 3, seed=seed), _normal(3, places, 3, seed=seed + 1)
    exact = pairwise.exact_scores(codes, plain)
    for i, j in itertools.product(range(2), range(3)):
        best = max(
            float((codes[i] * plain[j, list(order)]).sum() / places)
            for order in itertools.permutations(range(places))
        )
        assert exact[i, j] == pytest.approx(best, abs=1e-5)


@pytest.mark.long
@given(st.integers(0, 999), st.integers(1, 12), st.integers(1, 8), st.floats(0, 2))
@settings(deadline=None, max_examples=40)
def test_bounds_hold_and_end_in_the_same_matching(
    seed: int, count: int, places: int, noise: float
) -> None:
    codes = torch.nn.functional.normalize(_normal(count, places, 8, seed=seed), dim=-1)
    plain = codes[_permutation(count, seed)] + noise * _normal(count, places, 8, seed=seed + 1)
    plain = torch.nn.functional.normalize(plain, dim=-1)
    exact = pairwise.exact_scores(codes, plain)
    assert (pairwise.upper_bounds(codes, plain) >= exact - 1e-6).all()
    few, all_ = pairwise.bounded_matching(codes, plain), pairwise.exact_matching(codes, plain)
    rows = torch.arange(count)
    assert exact[rows, few.matching].sum() == pytest.approx(
        float(exact[rows, all_.matching].sum()), abs=1e-6
    )
    assert few.solved <= few.pairs == all_.solved == count**2


def test_clear_cases_need_few_exact_scores() -> None:
    codes = torch.nn.functional.normalize(_normal(60, 16, 8), dim=-1)
    order = _permutation(60)
    plain = unshuffle.in_order(codes, torch.stack([_permutation(16, i) for i in range(60)]))[order]
    found = pairwise.bounded_matching(codes, plain)
    assert torch.equal(found.matching, order.argsort())
    assert found.solved < found.pairs / 10


def _planted(noise: float) -> tuple[Views, Tensor, Tensor]:
    """Features of both sides, and the true matching and places."""
    plain = _normal(40, 12, 2)
    matching, places = _permutation(40, 1), _permutation(12, 2)
    codes = plain[matching][:, places] + noise * _normal(40, 12, 2, seed=3)
    return Views(plain, codes), matching, places


def test_places_and_matching_from_each_other() -> None:
    views, matching, places = _planted(0.3)
    assert torch.equal(alternation.places_of(views, matching), places)
    assert torch.equal(alternation.scores_of(views, places).argmax(dim=1), matching)


def test_alternation_starts_from_a_poor_matching_and_ends_by_itself() -> None:
    views, matching, places = _planted(0.3)
    poor = matching.clone()
    poor[10:] = poor[10:].roll(1)
    found = alternation.alternate(views, poor, None, 20)
    assert torch.equal(found.matching, matching)
    assert torch.equal(found.places, places)
    assert found.rounds < 20
    known = alternation.alternate(views, torch.arange(40), places, 20)
    assert torch.equal(known.matching, matching)


def test_matching_by_contents_needs_no_places() -> None:
    plain = _normal(30, 9)
    order = _permutation(30)
    shuffled = torch.stack([row[_permutation(9, i)] for i, row in enumerate(plain[order])])
    scores = alternation.scores_of_contents(plain, shuffled)
    assert torch.equal(greatest_score(scores), order)
    torch.testing.assert_close(scores.amax(dim=1), torch.zeros(30), atol=1e-5, rtol=0)


def test_annealing_finds_what_a_hard_alternation_cannot() -> None:
    plain = _normal(150, 40)
    matching, places = _permutation(150, 1), _permutation(40, 2)
    codes = 3 * (plain[matching][:, places] + 1.0 * _normal(150, 40, seed=3)) - 1
    first = greatest_score(alternation.scores_of_contents(plain, codes))
    views = Views(plain[..., None], codes[..., None])
    hard = alternation.alternate(views, first, None, 50).matching
    soft = annealing.annealed_matching(plain, codes)
    assert (first == matching).double().mean() < 0.1
    assert (hard == matching).double().mean() < 0.5
    assert (soft == matching).double().mean() > 0.9


def test_annealing_of_noise_is_chance_and_one_to_one() -> None:
    found = annealing.annealed_matching(_normal(60, 9), _normal(60, 9, seed=1))
    assert sorted(found.tolist()) == list(range(60))
    assert (found == torch.arange(60)).double().mean() < 0.1


def test_similarities_do_not_depend_on_rotation_or_scale_of_codes() -> None:
    codes, chosen = _normal(20, 3, 16), torch.tensor([4, 0, 9])
    rotation = torch.linalg.qr(_normal(16, 16, seed=5)).Q
    found = landmarks.similarities(codes, chosen)
    assert found.shape == (20, 3, 3)
    turned = landmarks.similarities(4 * codes @ rotation + 2, chosen)
    torch.testing.assert_close(turned, found, rtol=1e-3, atol=1e-4)


def test_inner_products_correct_a_matching() -> None:
    plain = _normal(30, 6, 64)
    matching, places = _permutation(30, 1), _permutation(6, 2)
    rotation = torch.linalg.qr(_normal(64, 64, seed=5)).Q
    codes = plain[matching][:, places] @ rotation + 0.3 * _normal(30, 6, 64, seed=6)
    chosen = torch.arange(30)
    known = landmarks.similarities(plain, chosen)
    wrong = matching.clone()
    wrong[:6] = wrong[:6].roll(1)
    start = Alternation(wrong, places, torch.zeros(30, 30), 1)
    silent = Views(torch.zeros(30, 6, 1), torch.zeros(30, 6, 1))
    found = landmarks.refine(silent, known, codes, chosen, start, places, 10)
    assert torch.equal(found.matching, matching)
    telling = Views(plain[..., :1], plain[matching][:, places, :1])
    again = landmarks.refine(telling, known, codes, chosen, start, None, 10)
    assert torch.equal(again.matching, matching)
    assert torch.equal(again.places, places)
    noise = landmarks.refine(silent, known, _normal(30, 6, 64, seed=9), chosen, start, None, 3)
    assert (noise.matching == matching).double().mean() < 0.5
