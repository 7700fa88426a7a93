"""Closed forms against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ppattack.seeding import numpy_stream, torch_stream
from ppattack.solvers.neuracrypt.encoder_regression import (
    Inverse,
    Whitening,
    arc_cosine,
    better,
    errors,
    fit,
    from_patches,
)
from ppattack.solvers.neuracrypt.features import patches


def _normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_stream(5, name), dtype=torch.float64)


def _stream() -> torch.Generator:
    return torch_stream(5, "centres")


def test_kernel_is_that_of_infinitely_many_units() -> None:
    rows, columns = _normal("rows", 4, 3), _normal("columns", 5, 3)
    units = numpy_stream(1, "units").normal(size=(4, 1_000_000))
    values = [
        np.maximum(np.c_[np.ones(len(part)), part.numpy()] @ units, 0) for part in (rows, columns)
    ]
    sampled = 2 * values[0] @ values[1].T / units.shape[1]
    np.testing.assert_allclose(arc_cosine(rows, columns).numpy(), sampled, rtol=0.02, atol=0.01)
    own = arc_cosine(rows, rows).diagonal()
    torch.testing.assert_close(own, 1 + rows.square().sum(dim=1))


@pytest.mark.parametrize("together", [1, 4])
def test_with_all_centres_it_is_kernel_ridge_regression(together: int) -> None:
    inputs, targets, new = (
        _normal("in", 24, 6),
        _normal("in", 24, 6)[:, :2].tanh(),
        _normal("new", 7, 6),
    )
    found = fit(inputs, targets, together, 24, _stream())
    assert math.isfinite(found.ridge)

    def solved(known: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        kernel = arc_cosine(known, known).numpy() + found.ridge * np.eye(len(known))
        weights = np.linalg.solve(kernel, values.numpy())
        return torch.from_numpy(arc_cosine(asked, known).numpy() @ weights)

    torch.testing.assert_close(found(new), solved(inputs, targets, new), rtol=1e-5, atol=1e-6)
    for start in range(0, 24, together):
        out = torch.arange(24) // together == start // together
        without = targets[out] - solved(inputs[~out], targets[~out], inputs[out])
        torch.testing.assert_close(found.residuals[out], without, rtol=1e-4, atol=1e-5)


def test_few_centres_come_near_the_exact_fit() -> None:
    inputs = _normal("in", 400, 4)
    targets = inputs @ _normal("map", 4, 3)
    new = _normal("new", 50, 4)
    truth = new @ _normal("map", 4, 3)
    found = fit(inputs, targets, 1, 60, _stream())
    assert found.centres.shape == (60, 4)
    assert (found(new) - truth).square().mean() < 0.01 * truth.square().mean()


def test_noise_is_answered_by_zero() -> None:
    found = fit(_normal("in", 60, 8), _normal("noise", 60, 5), 6, 60, _stream())
    assert found.ridge == math.inf
    assert not found(_normal("new", 9, 8)).any()
    torch.testing.assert_close(found.residuals, _normal("noise", 60, 5))


def test_better_asks_for_more_than_the_standard_error() -> None:
    base = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert better(base - 0.1, base)
    assert not better(base, base)
    assert not better(base - torch.tensor([3.0, -2.0, -2.0, 2.0]), base)
    assert better(torch.tensor([1.0]), torch.tensor([2.0]))
    torch.testing.assert_close(
        errors(torch.tensor([[1.0, 1.0], [3.0, 1.0], [0.0, 0.0], [2.0, 0.0]]), 2),
        torch.tensor([3.0, 1.0]),
    )


def test_whitening_centres_every_place_and_evens_directions() -> None:
    codes = _normal("codes", 300, 4, 6) * torch.tensor([9.0, 5, 3, 1, 0.1, 0.0]).double()
    codes += _normal("places", 4, 6)
    white = Whitening.of(codes)(codes)
    assert white.mean(dim=0).abs().max() < 1e-12
    covariance = white.flatten(0, 1).T @ white.flatten(0, 1) / 1200
    off = covariance - covariance.diagonal().diag()
    assert off.abs().max() < 1e-10
    assert covariance.diagonal().max() < 1 / 6
    assert Whitening.of(codes[:1])(codes).isfinite().all()


def test_places_are_corrected_where_they_differ() -> None:
    codes = _normal("codes", 80, 3, 4)
    maps = _normal("maps", 3, 4, 5)
    pixels = torch.einsum("npd,pdx->npx", codes, maps)
    whitening = Whitening.of(codes)
    mean = torch.zeros(1, 5)
    found = Inverse.learnt(whitening, codes[:60], pixels[:60], mean, 500, _stream())
    assert len(found.places) == 3
    assert found.residuals.shape == (60, 3, 5)
    rest = (found(codes[60:]) - pixels[60:]).square().mean() / pixels.square().mean()
    assert rest < 0.1
    shared = torch.einsum("npd,dx->npx", codes, maps[0])
    found = Inverse.learnt(whitening, codes[:60], shared[:60], mean, 500, _stream())
    assert (found(codes[60:]) - shared[60:]).square().mean() < 0.02 * shared.square().mean()


def test_a_single_pair_is_enough_to_learn_from() -> None:
    codes = _normal("codes", 40, 64, 4)
    pixels = codes @ _normal("map", 4, 3)
    found = Inverse.learnt(
        Whitening.of(codes), codes[:1], pixels[:1], torch.zeros(1, 3), 500, _stream()
    )
    assert found.places == ()
    assert (found(codes[1:]) - pixels[1:]).square().mean() < 0.2 * pixels.square().mean()


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(1, 3),
    channels=st.sampled_from([1, 3]),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    edge=st.integers(1, 5),
)
def test_patches_come_back_together(
    count: int, channels: int, rows: int, columns: int, edge: int
) -> None:
    shape = (channels, rows * edge, columns * edge)
    images = torch.arange(count * math.prod(shape)).reshape(count, *shape)
    assert torch.equal(from_patches(patches(images, edge), shape), images)
