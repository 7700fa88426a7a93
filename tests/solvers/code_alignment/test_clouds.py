"""Components, signs and rotations of clouds whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.moments import Moments, lagged_moments, offsets
from ppattack.solvers.code_alignment.own_side import predicted_share, shared_count
from ppattack.solvers.code_alignment.rotations import best_rotation
from ppattack.solvers.code_alignment.signs import sign_starts

GRID = (6, 6)
COUNT = 6


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _field(images: int, seed: int) -> Tensor:
    """Components ``(N, 36, 6)`` that neighbours share, skewed, and different along rows."""
    noise = torch.randn(images, GRID[0] + 2, GRID[1] + 2, COUNT, generator=_stream(seed))
    noise = noise.exp()  # skewed
    down = torch.linspace(-1, 1, COUNT)
    right = torch.linspace(0.9, -0.4, COUNT).roll(2)
    mixed = noise[:, 1:-1, 1:-1] + down * noise[:, 2:, 1:-1].roll(1, 3)
    mixed = mixed + right * noise[:, 1:-1, 2:].roll(2, 3)
    mixed = mixed * torch.linspace(2, 0.8, COUNT)
    rows = mixed.flatten(1, 2)
    return rows - rows.mean(dim=(0, 1))


def _rotation(seed: int) -> Tensor:
    turned: Tensor = torch.linalg.qr(torch.randn(COUNT, COUNT, generator=_stream(seed))).Q
    return turned


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rotated_cloud_is_turned_back(seed: int) -> None:
    rotation = _rotation(seed)
    victims = _field(1500, 10) @ rotation.T
    found = best_rotation(
        Moments.of(victims, GRID), Moments.of(_field(1500, 11), GRID), _stream(seed)
    )
    # Moments weigh components by their variance, which a rotation of all changes.
    plain = _field(20, 12)
    turned = plain @ found.matrix.T
    right = plain @ rotation.T
    assert torch.cosine_similarity(turned.flatten(), right.flatten(), dim=0) > 0.9
    assert found.second > 0.8


def test_noise_agrees_with_nothing() -> None:
    noise = torch.randn(400, 36, COUNT, generator=_stream(3))
    found = best_rotation(Moments.of(noise, GRID), Moments.of(_field(400, 11), GRID), _stream(4))
    assert found.second < 0.5


def test_flipped_signs_are_found() -> None:
    signs = torch.tensor([1.0, -1, -1, 1, -1, 1])
    ours = Moments.of(_field(1500, 20) * signs, GRID)
    theirs = Moments.of(_field(1500, 21), GRID)
    assert torch.equal(sign_starts(ours, theirs, 50, _stream(5), 2.0)[0], signs)


def test_no_single_flip_improves_a_sign_vector() -> None:
    ours, theirs = (Moments.of(_field(60, seed), GRID) for seed in (22, 23))

    def value(signs: Tensor) -> float:
        pairs = (ours.lagged * theirs.lagged).sum(dim=0)
        triples = ours.third * theirs.third
        second = signs @ pairs @ signs / (ours.lagged.norm() * theirs.lagged.norm())
        third = torch.einsum("abc,a,b,c->", triples, signs, signs, signs)
        return float(second + 2 * third / (ours.third.norm() * theirs.third.norm()))

    for signs in sign_starts(ours, theirs, 8, _stream(6), 2.0):
        for place in range(COUNT):
            flipped = signs.clone()
            flipped[place] *= -1
            assert value(flipped) <= value(signs) + 1e-5


def test_components_are_those_of_all_codes_at_once() -> None:
    codes = torch.randn(30, 5, 12, generator=_stream(7)) * torch.linspace(3, 0.1, 12)
    codes = codes + 50 * torch.randn(1, 5, 12, generator=_stream(8))
    found = Components.of(lambda: codes.split(7), 4)
    mean = codes.double().mean(dim=0)
    rows = (codes.double() - mean).flatten(0, 1)
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    assert torch.allclose(found.mean.double(), mean, atol=1e-4)
    assert torch.allclose(found.variances.double(), values.flip(0)[:4], rtol=1e-3)
    overlap = (vectors.flip(1)[:, :4].T @ found.directions.double()).diag().abs()
    assert torch.allclose(overlap, torch.ones(4, dtype=torch.float64), atol=1e-3)
    shown = found.codes(found.of_parts(lambda: codes.split(11)))
    assert torch.allclose(found(shown), found(codes), atol=1e-3)


def test_lags_pair_the_right_places() -> None:
    laid = torch.arange(6.0).view(1, 6, 1)  # two rows of three
    found = lagged_moments(laid, (2, 3), [(0, 1), (1, -1), (1, 0), (2, 0)])[:, 0, 0]
    right = torch.tensor([(0 * 1 + 1 * 2 + 3 * 4 + 4 * 5) / 4, (1 * 3 + 2 * 4) / 2, 14 / 3, 0])
    right[2] = (0 * 3 + 1 * 4 + 2 * 5) / 3
    assert torch.allclose(found, right)
    assert len(offsets(1)) == 4
    assert len(offsets(2)) == 12


def test_what_keys_share_is_one_for_a_rotation_and_nil_for_noise() -> None:
    field = _field(200, 30)
    turned = field @ _rotation(9).T
    share = predicted_share(turned, field, COUNT)
    assert torch.allclose(share, torch.ones(COUNT), atol=1e-3)
    noise = torch.randn(field.shape, generator=_stream(31))
    assert float(predicted_share(noise, field, COUNT).max()) < 0.05


def test_components_that_keys_do_not_share_are_left_out() -> None:
    assert shared_count(torch.tensor([0.9] * 10 + [0.01] * 2)) == 10
    assert shared_count(torch.tensor([0.01] * 12)) == 8  # the strongest always count
    assert shared_count(torch.ones(5)) == 5
