"""Images from mixtures whose members are known, and all stages together."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ppattack.context import SilentProgress
from ppattack.metrics.ssim_matrix import ssim_matrix
from ppattack.solvers.instahide.naturals import NaturalPrior, cosines
from ppattack.solvers.instahide.signs import likeliest_images, sign_images
from ppattack.solvers.instahide.solution import Solution
from ppattack.solvers.instahide.solve import solve
from ppattack.solvers.instahide.start import blur, pixel_signs, pixel_vectors, spectral_start
from ppattack.solvers.instahide.unfolding import expected_rest, refine, unfold
from tests.support.mixtures import SCALE, Mixed, images, learnt, mixed

SHAPE = (3, 16, 16)


def _ssim(numbers: torch.Tensor, case: Mixed) -> torch.Tensor:
    """The best SSIM of each private image."""
    return ssim_matrix(SCALE.levels(numbers.view(-1, *SHAPE)), case.private).amax(dim=0)


def test_the_cosine_transform_is_orthonormal() -> None:
    made = cosines(8)
    assert torch.allclose(made @ made.T, torch.eye(8), atol=1e-5)
    assert torch.allclose(made[0], torch.full((8,), 1 / math.sqrt(8)))


def test_natural_coordinates_turn_back_and_vary_as_the_spectrum_says() -> None:
    numbers = SCALE.numbers(images("prior", 400))
    prior = NaturalPrior.of(numbers)
    flat = numbers.flatten(1) - prior.mean
    found = prior.coordinates(flat)
    assert torch.allclose(prior.values(found), flat, atol=1e-4)
    assert torch.allclose(found.square().mean(0), prior.spectrum, rtol=1e-2, atol=1e-4)
    assert float(prior.spectrum.mean()) == float(prior.spectrum.mean().abs())


def test_the_diagonal_by_value() -> None:
    prior = NaturalPrior.of(SCALE.numbers(images("prior", 100)))
    weights = torch.rand(prior.spectrum.shape, generator=torch.Generator().manual_seed(0))
    some = torch.zeros(3, len(weights))
    places = [0, 200, 700]
    some[range(3), places] = 1
    made = prior.values(prior.coordinates(some) * weights)
    assert torch.allclose(made[range(3), places], prior.diagonal(weights)[places], atol=1e-5)


def test_blurring_keeps_constants_and_sums_nearby() -> None:
    assert torch.allclose(blur(torch.ones(1, 768), SHAPE), torch.ones(1, 768), atol=1e-5)
    point = torch.zeros(1, *SHAPE)
    point[0, 1, 8, 8] = 1
    spread = blur(point.flatten(1), SHAPE).view(SHAPE)
    assert float(spread[1, 8, 8]) == float(spread.max()) < 1


def test_products_of_pairs_give_the_signs_at_every_pixel() -> None:
    """Without noise or public images the leading eigenvectors are the images."""
    smooth = SCALE.numbers(images("smooth", 12)).flatten(1)
    first, second = torch.triu_indices(12, 12, 1)
    weight = torch.zeros(66, 12)
    weight[range(66), first] = 0.4
    weight[range(66), second] = 0.6
    rest = 2 * 0.4 * 0.6 * smooth[first] * smooth[second]
    vectors = pixel_vectors(rest, weight, torch.full((66,), 0.01), SHAPE)
    assert vectors.shape == (3 * 8 * 8, 12)
    there = blur(smooth, SHAPE).view(12, *SHAPE)[:, :, ::2, ::2].flatten(1).T
    cosine = torch.nn.functional.cosine_similarity(vectors, there, dim=1).abs()
    assert float(cosine.median()) > 0.8
    signs = pixel_signs(vectors, SHAPE)
    agree = ((vectors * signs[:, None] * there).sum(1)).sign()
    assert abs(float(agree.mean())) > 0.8


def test_images_of_known_members_come_back() -> None:
    case, prior = mixed(12, 40), learnt().naturals
    start = spectral_start(case.release, case.weight, prior)
    found = likeliest_images(case.release, case.weight, prior, start, 8)
    assert float(_ssim(found, case).mean()) > 0.75
    useless = sign_images(case.release, case.weight, prior, torch.zeros_like(start), 15)
    assert float(_ssim(found, case).mean()) > float(_ssim(useless, case).mean()) + 0.15


def test_negatives_are_told_from_images() -> None:
    for seed in range(2):
        case, prior = mixed(12, 40, seed), learnt().naturals
        for sign in (1, -1):
            found = likeliest_images(case.release, case.weight, prior, sign * case.numbers, 4)
            assert float(_ssim(found, case).mean()) > 0.85


def test_the_truth_stays() -> None:
    case, prior = mixed(12, 40), learnt().naturals
    found = sign_images(case.release, case.weight, prior, case.numbers, 5)
    assert float(_ssim(found, case).mean()) > 0.9


def test_signs_are_settled_by_what_sums_of_images_look_like() -> None:
    case, prior = mixed(12, 40), learnt().naturals
    known = case.weight @ case.numbers
    expected = known + (1 - case.weight.sum(1))[:, None] * prior.mean
    scale = case.release.public_scale + 0.01
    found = unfold(case.release.values, expected, scale, prior)
    assert bool((found.abs() <= case.release.values + 1e-5).all())

    def accuracy(values: torch.Tensor) -> float:
        size = case.signed.abs()
        return float((size * (values.sign() == case.signed.sign())).sum() / size.sum())

    assert accuracy(found) > accuracy(expected) + 0.02
    assert accuracy(found) > 0.9


def test_refining_names_members_that_were_forgotten() -> None:
    case, prior = mixed(12, 40), learnt().naturals
    weak = torch.where(case.weight < 0.15, 0.0, case.weight)
    classes = torch.arange(12) % 3
    rest = expected_rest(case.release)
    better = refine(case.release, weak, case.numbers, classes, prior, rest)
    forgotten = (case.weight > 0.05) & (weak == 0)
    assert int(forgotten.sum()) > 50
    others = (case.weight == 0) & (case.labels[:, classes] > 0)
    named, wrong = (better.members.probability[each].mean() for each in (forgotten, others))
    assert float(named) > 3 * float(wrong)
    values = case.release.values.clone()
    values[:20] = values[20:40]  # not of the images that their labels name
    odd = refine(replace(case.release, values=values), weak, case.numbers, classes, prior, rest)
    wrong, right = ((odd.rest / rest)[rows].mean() for rows in (slice(20), slice(20, None)))
    assert float(wrong) > 1.3 * float(right)


def _solved(case: Mixed) -> Solution:
    found = solve(case.release, learnt(), SilentProgress(), iterations=6, refinements=1)
    assert found is not None
    return found


def test_all_stages_together() -> None:
    case = mixed(12, 40)
    found = _solved(case)
    assert found.real
    levels = SCALE.levels(found.images)
    mean = case.numbers.mean(0, keepdim=True)
    assert float(_ssim(found.images.flatten(1), case).mean()) > 0.55
    assert float(_ssim(mean, case).mean()) < 0.35
    similar = ssim_matrix(levels, case.private)
    held = torch.from_numpy(case.plan.members[:, :2])
    assert float((similar.argmax(1)[found.choice][:, None] == held).any(1).float().mean()) > 0.6


@pytest.mark.slow
def test_nothing_comes_of_images_that_are_not_repeated() -> None:
    case = mixed(150, 1)
    found = _solved(case)
    assert not found.real
    held = torch.from_numpy(case.plan.members[:, :2])

    def nearer_member(similar: torch.Tensor) -> float:
        return float(similar.gather(1, held).amax(1).mean())

    mean = SCALE.levels(case.numbers.mean(0).view(1, *SHAPE))
    blind = ssim_matrix(mean, case.private).expand(len(held), -1)
    similar = ssim_matrix(SCALE.levels(found.images), case.private)
    assert nearer_member(similar[found.choice]) < nearer_member(blind) + 0.05


def test_nothing_is_claimed_of_noise() -> None:
    case = mixed(12, 40)
    many = mixed(400, 10, seed=9).release.values  # enough for a covariance of full rank
    spread, vectors = torch.linalg.eigh(torch.cov(many.T))
    white = torch.randn(case.release.values.shape, generator=torch.Generator().manual_seed(0))
    noise = (white * spread.clamp_min(0).sqrt()) @ vectors.T + many.mean(0)
    found = solve(
        replace(case.release, values=noise.abs()),
        learnt(),
        SilentProgress(),
        iterations=2,
        refinements=0,
    )
    assert found is None or not found.real
