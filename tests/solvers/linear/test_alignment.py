"""A rotation of blocks from covariances of neighbours, and its reflections from third moments."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.linear.alignment import LAGS, Components, components_that, rotation
from ppattack.solvers.linear.colour_signs import reflected, shift
from ppattack.target.linear import haar
from ppattack.target.linear_form import LinearForm
from ppattack.target.natural_noise import natural_images

FORM = LinearForm(4, centre=127.5, scale=127.5)
KEPT = 8


def blocks(count: int, name: str) -> Tensor:
    """``(N, 8, 8, 48)``."""
    images = natural_images(torch_stream(0, name), (count, 3, 32, 32))
    vectors = FORM.plain_vectors(FORM.values(images))[:, :, 0]
    return vectors.reshape(count, 8, 8, -1)


def test_blocks_come_back_in_their_leading_components() -> None:
    matrix = torch.from_numpy(haar(np.random.default_rng(0), 1, 48)[0]).float()
    plain = blocks(100, "victims")
    public = Components.of(blocks(300, "public"), KEPT)
    ours = Components.of(plain @ matrix.T, KEPT)
    done: list[int] = []
    found = reflected(ours, public, rotation(ours, public, done.append), 3)
    torch.testing.assert_close(found @ found.T, torch.eye(KEPT).double(), atol=1e-2, rtol=0)
    values = ours.values.double() @ found + shift(ours, public, found)
    back = values @ public.basis.T + public.mean
    rest = plain.double() - public.mean
    best = rest - rest @ public.basis @ public.basis.T
    wrong = float((back - plain.double()).square().mean())
    assert wrong < 3 * float(best.square().mean())
    assert wrong < 0.15 * float(rest.square().mean())
    assert done == list(range(1, len(done) + 1))


def test_covariances_are_those_of_neighbours() -> None:
    plain = blocks(6, "few")
    made = Components.of(plain, 48)
    z = made.values
    energy = z[..., 1:].square().sum(dim=3)
    padded = torch.nn.functional.pad(energy[:, None], (1, 1, 1, 1), mode="replicate")
    around = torch.nn.functional.avg_pool2d(padded, 3, 1)[:, 0]
    scaled = z / (around + 0.2 * energy.mean()).sqrt()[..., None]
    scaled = (scaled - scaled.mean(dim=(0, 1, 2))).double()
    for place, (down, right) in ((0, (0, 0)), (LAGS.index((1, -1)), (1, -1))):
        total = torch.zeros(48, 48).double()
        count = 0
        for row in range(8 - down):
            for column in range(max(0, -right), 8 - max(0, right)):
                here, there = scaled[:, row, column], scaled[:, row + down, column + right]
                total += here.T @ there
                count += len(here)
        torch.testing.assert_close(made.covariances[place], total / count, atol=1e-4, rtol=1e-3)


def test_negatives_are_told_from_images() -> None:
    plain = blocks(60, "victims")
    public = Components.of(blocks(300, "public"), KEPT)
    for sign in (1.0, -1.0):
        ours = Components.of(sign * plain, KEPT)
        found = reflected(ours, public, rotation(ours, public), 3)
        shown = ours.values.double() @ found + shift(ours, public, found)
        back = (shown @ public.basis.T + public.mean).mean(dim=3).flatten()
        truth = plain.double().mean(dim=3).flatten()
        assert float(torch.corrcoef(torch.stack([back, truth]))[0, 1]) > 0.95


def test_more_ciphertexts_place_more_components() -> None:
    assert [components_that(count) for count in (4, 196, 40 * 196)] == [1, 3, 156]
