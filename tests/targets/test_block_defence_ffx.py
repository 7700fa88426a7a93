"""Block-wise format-preserving encryption: exact numbers of the authors' code."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.errors import ConfigError, ImageError, KeyFileError
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key
from targets.block_defence_ffx import BlockDefenceFfx, ffx_table
from tests.support.schemes import noise, pattern, pixel

SMALL: ImageShape = (3, 8, 8)


def _key(target: BlockDefenceFfx, shape: ImageShape = SMALL, seed: int = 0) -> Key:
    return target.generate_key(numpy_stream(seed, "key"), shape)


def _numbers(ciphertexts: Tensor) -> Tensor:
    """What stands before the division by 996, the largest of E(0) to E(255)."""
    return (ciphertexts * 996).round().to(torch.int32)


def test_the_table_is_that_of_the_authors_password() -> None:
    table = ffx_table(b"password")
    assert table[:8].tolist() == [355, 522, 858, 133, 916, 326, 747, 930]
    assert (int(table[:256].sum()), int(table[:256].max())) == (128777, 996)
    assert np.array_equal(np.sort(table), np.arange(1000))
    assert not np.array_equal(table, ffx_table(b"passwore"))


@pytest.mark.parametrize(
    ("size", "edge", "seed", "expected", "first"),
    [
        (32, 4, 0, "6d74f79b1d101125", (355, 31, 337)),
        (32, 4, 42, "0f7e49a5f7b90e87", (0, 31, 62)),
        (224, 16, 0, "e28ac32f0950a6b4", None),
        (224, 16, 42, "515bc72d05ee76fa", None),
    ],
)
def test_keys_of_the_authors_code(
    size: int, edge: int, seed: int, expected: str, first: tuple[int, ...] | None
) -> None:
    target = BlockDefenceFfx(variant="code", block_size=edge, legacy_seed=seed)
    out = _numbers(target.encrypt(pattern(size), _key(target, (3, size, size))))
    data = out[0].permute(1, 2, 0).numpy().astype("<u2").tobytes()
    assert hashlib.sha256(data).hexdigest()[:16] == expected
    assert first is None or pixel(out, 0, 0) == first


def test_half_of_the_bytes_leave_in_the_clear() -> None:
    target, image = BlockDefenceFfx(), noise(2, SMALL)
    key = _key(target)
    out = target.encrypt(image, key)
    scale = float(ffx_table(key.parts["password"].tobytes())[:256].max())
    assert (out.dtype, out.shape) == (torch.float32, image.shape)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1
    clear = (out * scale).round() == image
    assert 0.45 < float(clear.double().mean()) < 0.55
    assert int(key.parts["masked"].sum()) == 24


@pytest.mark.parametrize("shape", [SMALL, (1, 8, 8), (3, 7, 5)])
@pytest.mark.parametrize("variant", ["paper", "code"])
def test_decryption_is_exact_and_needs_the_key(shape: ImageShape, variant: str) -> None:
    target, image = BlockDefenceFfx(variant=variant), noise(2, shape)
    out = target.encrypt(image, _key(target, shape))
    assert torch.equal(target.decrypt(out, _key(target, shape)), image)
    other = target.decrypt(out, _key(target, shape, seed=1))
    assert float((other == image).double().mean()) < 0.7


def test_every_level_comes_back() -> None:
    target = BlockDefenceFfx(block_size=2)
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    for seed in range(4):
        key = _key(target, (1, 16, 16), seed)
        assert torch.equal(target.decrypt(target.encrypt(image, key), key), image)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    target = BlockDefenceFfx()
    with pytest.raises(ConfigError, match="legacy_seed"):
        BlockDefenceFfx(legacy_seed=1)
    with pytest.raises(ImageError, match="whole blocks of 4"):
        target.plain_shape((3, 30, 32))
    with pytest.raises(KeyFileError, match="blocks of 8"):
        BlockDefenceFfx(block_size=8).encrypt(noise(1, SMALL), _key(target))
    with pytest.raises(ImageError, match="float32"):
        target.decrypt(torch.zeros(1, 3, 8, 8), _key(target, (3, 4, 4)))


def test_key_space() -> None:
    assert BlockDefenceFfx().key_space_bits(SMALL) == pytest.approx(172.9, abs=0.05)
    assert BlockDefenceFfx(variant="code").key_space_bits(SMALL) == pytest.approx(44.9, abs=0.05)
