from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from ppattack.errors import NotInvertible
from ppattack.seeding import numpy_stream
from ppattack.target import Key
from targets.patch_mix import PatchMix
from tests.conftest import smooth_images
from tests.support.schemes import pattern

KEY = Key("patch-mix", (3, 224, 224), {})


def digest(values: torch.Tensor, kind: str) -> str:
    data = values[0].permute(1, 2, 0).contiguous().numpy().astype(kind).tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def test_sums_of_four() -> None:
    sums = 4 * PatchMix().encrypt(pattern(224), KEY)
    assert tuple(sums.shape) == (1, 3, 112, 112)
    assert sums[0, :, 0, 0].tolist() == [320, 444, 568]
    assert sums[0, :, -1, -1].tolist() == [368, 492, 360]
    assert digest(sums, "<u2") == "4e0b7d8f7a20b6e1"
    assert digest((sums + 2).div(4, rounding_mode="floor"), "u1") == "a39cb6aefc1f3820"


def test_rounded_means_are_whole_levels() -> None:
    images = smooth_images(1, size=224)
    exact = PatchMix().encrypt(images, KEY)
    rounded = PatchMix(rounded=True).encrypt(images, KEY)
    assert torch.equal(rounded, rounded.round())
    assert float((rounded - exact).abs().max()) == 0.5


def test_patches_do_not_mix_and_nothing_decrypts() -> None:
    target = PatchMix(quarter=4)
    images = smooth_images(2, size=19)
    key = target.generate_key(numpy_stream(0), (3, 19, 19))
    assert dict(key.parts) == {}
    assert target.key_space_bits((3, 19, 19)) == 0
    out = target.encrypt(images, key)
    assert tuple(out.shape) == (2, 3, 12, 12)
    assert target.plain_shape((3, 12, 12)) == (3, 24, 24)
    patch = images[:, :, 8:16, 0:8].double().numpy()
    mean = patch.reshape(2, 3, 2, 4, 2, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(out[:, :, 4:8, 0:4].numpy(), mean, atol=1e-4)
    with pytest.raises(NotInvertible):
        target.decrypt(out, key)
