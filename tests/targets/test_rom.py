from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.errors import ImageError, KeyFileError
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key
from targets.rom import RandomOrthogonalMatrix
from tests.conftest import smooth_images
from tests.support.schemes import pattern


@pytest.mark.parametrize(
    ("size", "block", "first", "last", "total"),
    [
        (32, 4, (-0.791774, -0.340410, 0.110954), (0.594777, 0.020922, 0.450989), 928.7746),
        (224, 16, (-0.797504, -0.351870, 0.093764), (0.453565, -0.105051, 0.340255), 45246.8786),
    ],
)
def test_a_reflection(
    size: int, block: int, first: tuple[float, ...], last: tuple[float, ...], total: float
) -> None:
    target = RandomOrthogonalMatrix(block_size=block)
    v = 1.0 + np.arange(3 * block**2) % 7
    matrix = np.eye(len(v)) - 2 * np.outer(v, v) / (v @ v)
    key = Key("rom", (3, size, size), {"matrix": matrix[None].astype(np.float32)})
    image = pattern(size) % 128  # half of the levels, for which the numbers were worked out
    out = target.encrypt(image, key)[0]
    assert out[:, 0, 0].tolist() == pytest.approx(first, abs=2e-6)
    assert out[:, -1, -1].tolist() == pytest.approx(last, abs=2e-6)
    assert float(out.double().sum()) == pytest.approx(total, abs=2e-2)
    assert torch.equal(target.decrypt(out[None], key), image)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.booleans(), st.integers(5, 17), st.integers(5, 17), st.integers(0, 99))
def test_it_is_an_isometry_that_decrypts_exactly(
    block: int, scramble: bool, height: int, width: int, seed: int
) -> None:
    target = RandomOrthogonalMatrix(block_size=block, scramble=scramble)
    images = torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (3, 3, height, width), np.uint8)
    )
    key = target.generate_key(numpy_stream(seed, "key"), (3, height, width))
    out = target.encrypt(images, key)
    assert torch.equal(target.decrypt(out, key), images)
    plain = target.representation().prepare(images).double() / 127.5 - 1
    assert float(out.double().square().sum() / plain.square().sum()) == pytest.approx(1, abs=1e-5)


def test_one_matrix_serves_all_blocks_and_stays_orthogonal() -> None:
    target = RandomOrthogonalMatrix(block_size=4)
    key = target.generate_key(numpy_stream(0, "key"), (3, 16, 16))
    matrix = torch.from_numpy(key.parts["matrix"][0]).double()
    assert matrix.shape == (48, 48)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(48).double(), atol=1e-5, rtol=0)
    images = smooth_images(1)
    tiled = images[:, :, :4, :4].repeat(1, 1, 4, 4)
    out = target.encrypt(tiled, key)
    torch.testing.assert_close(out, out[:, :, :4, :4].repeat(1, 1, 4, 4))
    by_hand = matrix @ (images[0, :, :4, :4].permute(1, 2, 0).flatten().double() / 127.5 - 1)
    torch.testing.assert_close(
        out[0, :, :4, :4].permute(1, 2, 0).flatten().double(), by_hand, atol=1e-5, rtol=0
    )


def test_matrices_are_uniform_among_orthogonal_ones() -> None:
    target = RandomOrthogonalMatrix(block_size=2)
    drawn = np.concatenate(
        [target.generate_key(numpy_stream(i, "key"), (3, 2, 2)).parts["matrix"] for i in range(400)]
    )
    assert abs(drawn.mean(axis=0)).max() < 0.06  # a fifth of the deviation of one entry
    assert abs(np.square(drawn).mean(axis=0) - 1 / 12).max() < 0.03
    assert 0.4 < (np.linalg.det(drawn) > 0).mean() < 0.6


def test_scrambled_blocks_change_places() -> None:
    shape: ImageShape = (3, 16, 16)
    still = RandomOrthogonalMatrix(block_size=4)
    moved = RandomOrthogonalMatrix(block_size=4, scramble=True)
    key = moved.generate_key(numpy_stream(0, "key"), shape)
    there = (
        still.encrypt(smooth_images(1), Key("rom", shape, {"matrix": key.parts["matrix"]}))
        .unfold(2, 4, 4)
        .unfold(3, 4, 4)
    )
    here = moved.encrypt(smooth_images(1), key).unfold(2, 4, 4).unfold(3, 4, 4)
    source = int(key.parts["blocks"][6])  # the block in row 1, column 2
    torch.testing.assert_close(here[:, :, 1, 2], there[:, :, source // 4, source % 4])


def test_damaged_keys_and_ciphertexts_are_refused() -> None:
    target = RandomOrthogonalMatrix(block_size=4, scramble=True)
    key = target.generate_key(numpy_stream(0, "key"), (3, 16, 16))
    images = smooth_images(2)
    out = target.encrypt(images, key)
    wrong = [
        {**key.parts, "matrix": key.parts["matrix"].astype(np.float64)},
        {**key.parts, "blocks": key.parts["blocks"] * 0},
        {"matrix": key.parts["matrix"]},
    ]
    for parts in wrong:
        with pytest.raises(KeyFileError, match="settings"):
            target.encrypt(images, Key("rom", (3, 16, 16), parts))
    for ciphertexts in (out.double(), out[..., :-4]):
        with pytest.raises(ImageError):
            target.decrypt(ciphertexts, key)
    with pytest.raises(ImageError, match="whole blocks"):
        target.plain_shape((3, 18, 16))
    keys = target.generate_keys([numpy_stream(i) for i in range(3)], (3, 16, 16))
    with pytest.raises(KeyFileError, match="3 images"):
        target.encrypt(images, keys)


def test_the_key_space_counts_free_parameters() -> None:
    assert RandomOrthogonalMatrix().key_space_bits((3, 224, 224)) == 32 * 294_528
    moved = RandomOrthogonalMatrix(scramble=True).key_space_bits((3, 224, 224))
    assert round(moved - 32 * 294_528, 1) == 1214.8
