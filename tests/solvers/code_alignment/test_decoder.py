"""Decoding components."""

from __future__ import annotations

import torch

from ppattack.solvers.code_alignment.decoder import Decoder, with_neighbours

GRID = (3, 4)


def _cloud(seed: int, images: int = 200) -> torch.Tensor:
    return torch.randn(images, 12, 5, generator=torch.Generator().manual_seed(seed))


def test_a_linear_map_is_learnt_and_noise_shrinks_it() -> None:
    components = _cloud(1)
    weights = torch.randn(5, 7, generator=torch.Generator().manual_seed(2))
    mean = torch.randn(12, 7, generator=torch.Generator().manual_seed(3))
    pixels = components @ weights + mean
    parts = list(zip(components.split(50), pixels.split(50), strict=True))
    fresh = _cloud(4)
    exact = Decoder.learnt(parts, torch.zeros(5), mean, GRID)(fresh)
    assert torch.allclose(exact, fresh @ weights + mean, atol=0.05)
    shrunk = Decoder.learnt(parts, torch.ones(5), mean, GRID)(fresh) - mean
    assert torch.allclose(shrunk, fresh @ weights / 2, atol=0.4)
    hopeless = Decoder.learnt(parts, torch.full((5,), 1e6), mean, GRID)(fresh)
    assert torch.allclose(hopeless, mean.expand_as(hopeless), atol=0.01)


def test_neighbours_stand_where_they_are() -> None:
    laid = torch.zeros(1, 12, 2)
    laid[0, 5, 0] = 1.0  # row 1, column 1
    around = with_neighbours(laid, GRID)[0, :, 2:].view(12, 8, 2)[..., 0]
    seen = {(place, offset) for place, offset in around.nonzero().tolist()}
    # From row 0, column 0 it is below and to the right: the last of eight.
    assert seen == {(0, 7), (1, 6), (2, 5), (4, 4), (6, 3), (8, 2), (9, 1), (10, 0)}
