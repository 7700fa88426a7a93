"""Blocks of brightness are told from blocks of colour differences by their texture."""

from __future__ import annotations

import numpy as np
import torch

from ppattack.blocks import split
from ppattack.solvers.block_states import states
from ppattack.solvers.component_separation import separate, textures
from targets.etc_gray import EtcGray
from tests.natural import natural_images
from tests.schemes import noise
from tests.solvers.puzzles import scrambled


def test_textures_go_where_the_pieces_go() -> None:
    images = natural_images(3, 32)[:, :1]
    group = states(colours=False)
    pieces, home = scrambled(images, 8, group, seed=4)
    plain = torch.from_numpy(split(images.numpy(), 8))
    assert torch.allclose(textures(pieces)[home.grid.reshape(-1)], textures(plain))


def test_flat_pieces_have_the_least() -> None:
    pieces = noise(2, (6, 8, 8)).view(2, 6, 1, 8, 8)
    pieces[:, [1, 4]] = 130
    rough, flat = separate(pieces, [4, 2])
    assert rough.tolist() == [0, 2, 3, 5]
    assert flat.tolist() == [1, 4]


def test_one_component_is_everything() -> None:
    (everything,) = separate(noise(1, (5, 4, 4)).view(1, 5, 1, 4, 4), [5])
    assert everything.tolist() == list(range(5))


def test_more_images_tell_components_apart_better() -> None:
    form = EtcGray().representation()
    images = form.prepare(natural_images(30, 32))
    blocks = torch.from_numpy(split(images.numpy(), 8))
    rows = np.arange(48).reshape(4, 12)
    luma = set(rows[:, :4].reshape(-1).tolist())

    def precision(part: torch.Tensor) -> float:
        return len(luma & set(separate(part, [16, 32])[0].tolist())) / 16

    single = np.mean([precision(blocks[i : i + 1]) for i in range(30)])
    assert precision(blocks) == 1.0
    assert 0.5 < single < 1.0
