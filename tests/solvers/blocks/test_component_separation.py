"""Blocks of brightness are told from blocks of colour differences."""

from __future__ import annotations

import numpy as np
import torch

from ppattack.block_states import states
from ppattack.blocks import split
from ppattack.solvers.blocks.component_separation import UNTAUGHT, Separator, learn, measured
from targets.etc_gray import EtcGray
from tests.support.natural import natural_images
from tests.support.puzzles import scrambled
from tests.support.schemes import noise

LUMA = (np.arange(48).reshape(4, 12) % 12 < 4).reshape(-1)


def blocks(count: int, seed: int) -> torch.Tensor:
    """``(count, 48, 1, 8, 8)``: the first third of each row of 12 is brightness."""
    images = EtcGray().representation().prepare(natural_images(count, 32, seed))
    return torch.from_numpy(split(images.numpy(), 8))


def precision(by: Separator, pieces: torch.Tensor) -> float:
    chosen = by.separate(pieces, [16, 32])[0]
    return float(LUMA[chosen].mean())


def test_measures_go_where_the_pieces_go() -> None:
    images = natural_images(3, 32)[:, :1]
    group = states(colours=False)
    pieces, home = scrambled(images, 8, group, seed=4)
    plain = torch.from_numpy(split(images.numpy(), 8))
    assert torch.allclose(measured(pieces)[:, home.grid.reshape(-1)], measured(plain))


def test_flat_pieces_of_middle_grey_are_colour_differences() -> None:
    pieces = noise(2, (6, 8, 8)).view(2, 6, 1, 8, 8)
    pieces[:, [1, 4]] = 130
    rough, flat = UNTAUGHT.separate(pieces, [4, 2])
    assert rough.tolist() == [0, 2, 3, 5]
    assert flat.tolist() == [1, 4]


def test_one_component_is_everything() -> None:
    (everything,) = UNTAUGHT.separate(noise(1, (5, 4, 4)).view(1, 5, 1, 4, 4), [5])
    assert everything.tolist() == list(range(5))


def test_more_images_tell_components_apart_better() -> None:
    pieces = blocks(30, 0)
    single = np.mean([precision(UNTAUGHT, pieces[i : i + 1]) for i in range(30)])
    assert precision(UNTAUGHT, pieces) == 1.0
    assert 0.5 < single < 1.0


def test_public_images_teach_it() -> None:
    pieces, public = blocks(30, 0), blocks(60, 7)
    taught = learn(public[:, LUMA].flatten(0, 1), public[:, ~LUMA].flatten(0, 1))
    by = {
        name: np.mean([precision(each, pieces[i : i + 1]) for i in range(30)])
        for name, each in (("taught", taught), ("untaught", UNTAUGHT))
    }
    assert by["taught"] > by["untaught"]
    assert precision(taught, pieces) == 1.0


def test_kinds_that_no_line_mixes_are_learned_without_running_away() -> None:
    flat = torch.full((40, 1, 8, 8), 128, dtype=torch.uint8)
    taught = learn(noise(40, (1, 8, 8)), flat)
    assert torch.isfinite(taught.weights).all()
    mixed = torch.cat([flat[:3], noise(5, (1, 8, 8), 1)])[None]
    assert taught.separate(mixed, [5, 3])[1].tolist() == [0, 1, 2]
