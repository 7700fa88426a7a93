from __future__ import annotations

import pytest
import torch

from ppattack.errors import NotInvertible
from ppattack.seeding import numpy_stream
from targets.rmt import RandomMultidimensionalTransformation
from tests.conftest import smooth_images

SHAPE = (3, 16, 16)


def test_rows_of_all_channels_are_multiplied_by_the_matrix_of_their_place() -> None:
    target = RandomMultidimensionalTransformation(scramble=False)
    key = target.generate_key(numpy_stream(0, "key"), SHAPE)
    assert key.parts["matrix"].shape == (16, 4, 4)
    images = smooth_images(2)
    out = target.encrypt(images, key)
    for block, channel in ((0, 0), (6, 1), (15, 2)):
        rows = slice(4 * (block // 4), 4 * (block // 4) + 4)
        columns = slice(4 * (block % 4), 4 * (block % 4) + 4)
        # The code multiplies from the right, X R; the table holds the transpose of R.
        factor = torch.from_numpy(key.parts["matrix"][block]).T
        by_hand = images[:, channel, rows, columns].float() / 255 @ factor
        torch.testing.assert_close(out[:, channel, rows, columns], by_hand, atol=1e-5, rtol=0)


def test_places_have_different_matrices_and_blocks_move() -> None:
    target = RandomMultidimensionalTransformation()
    key = target.generate_key(numpy_stream(0, "key"), SHAPE)
    flat = torch.full((1, *SHAPE), 200, dtype=torch.uint8)
    flat[:, :, 8:, :] = 90
    out = target.encrypt(flat, key)
    norms = out.square().unfold(2, 4, 4).unfold(3, 4, 4).sum(dim=(1, 4, 5)).flatten()
    bright = norms > norms.mean()
    assert int(bright.sum()) == 8
    assert (key.parts["blocks"] < 8).tolist() == bright.tolist()
    assert len({round(float(x), 4) for x in out[0, 0, ::4, ::4].flatten()}) == 16


def test_noise_is_whole_levels_and_loses_the_image() -> None:
    target = RandomMultidimensionalTransformation(noise=9)
    clean = RandomMultidimensionalTransformation()
    key = target.generate_key(numpy_stream(0, "key"), SHAPE)
    images = smooth_images(3)
    noisy = target.encrypt(images, key, generator=numpy_stream(0, "noise"))
    added = 255 * (noisy - clean.encrypt(images, key))
    torch.testing.assert_close(added, added.round(), atol=1e-3, rtol=0)
    assert set(added.round().int().unique().tolist()) == set(range(1, 9))
    assert torch.equal(target.encrypt(images, key), target.encrypt(images, key))
    assert not torch.equal(target.encrypt(images, key), noisy)
    with pytest.raises(NotInvertible, match="noise"):
        target.decrypt(noisy, key)


def test_the_key_space_counts_every_place() -> None:
    bits = RandomMultidimensionalTransformation(scramble=False).key_space_bits((3, 32, 32))
    assert bits == 64 * 6 * 32
