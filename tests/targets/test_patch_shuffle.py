"""Patch shuffling: exact ciphertexts, and what gaps and missing patches leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.errors import ConfigError, ImageError, NotInvertible
from targets.patch_shuffle import GREY, PatchShuffle
from tests.support.schemes import digest, generate_key, key_of, noise, pattern, pixel


def test_stated_keys() -> None:
    target = PatchShuffle()
    key = key_of(target, (3, 224, 224), permutation=(3 * np.arange(196) + 1) % 196)
    out = target.encrypt(pattern(224), key)
    assert digest(out) == "7155b3c5500a9dd0"
    assert (pixel(out, 0, 0), pixel(out, 223, 223)) == ((208, 239, 14), (156, 187, 218))
    small = PatchShuffle(patch_size=4)
    key = key_of(small, (3, 32, 32), permutation=(27 * np.arange(64) + 5) % 64)
    out = small.encrypt(pattern(), key)
    assert digest(out) == "c5e281627903ff70"
    assert pixel(out, 0, 0) == (4, 35, 66)


def test_a_gap_is_cut_off_every_patch() -> None:
    target = PatchShuffle(patch_size=8, gap=1)
    shape = 3, 16, 24
    image, key = noise(1, shape), generate_key(target, shape)
    out = target.encrypt(image, key)
    assert tuple(out.shape) == (1, 3, 12, 18)
    for i, source in enumerate(key.parts["permutation"].tolist()):
        (row, column), (top, left) = divmod(i, 3), divmod(source, 3)
        found = out[0, :, row * 6 : row * 6 + 6, column * 6 : column * 6 + 6]
        inner = image[0, :, top * 8 + 1 : top * 8 + 7, left * 8 + 1 : left * 8 + 7]
        assert torch.equal(found, inner)
    assert target.representation().image_shape((3, 12, 18)) == shape
    restored = target.representation().restore(target.representation().prepare(image), shape)
    assert torch.equal(restored[..., 1:7, 1:7], image[..., 1:7, 1:7])
    assert torch.equal(restored[..., 0, 1:7], image[..., 1, 1:7])  # the nearest pixel
    assert torch.equal(restored[..., 8, 9], image[..., 9, 9])
    with pytest.raises(NotInvertible, match="gap=0"):
        target.decrypt(out, key)
    with pytest.raises(ImageError, match="multiples of 6 pixels"):
        target.representation().image_shape((3, 13, 18))


def test_missing_patches_are_grey_and_differ_by_key() -> None:
    target = PatchShuffle(patch_size=4, drop=0.25)
    shape = 3, 16, 16
    images = noise(2, shape)
    key = target.generate_keys((np.random.default_rng(i) for i in range(2)), shape)
    out = target.encrypt(images, key)
    whole = PatchShuffle(patch_size=4).encrypt(images, key)
    grey = (out == GREY).flatten(1).sum(dim=1) - (whole == GREY).flatten(1).sum(dim=1)
    assert (grey > 0.2 * whole[0].numel()).all()
    assert torch.equal(out[:, :, :12], whole[:, :, :12])
    assert (out[:, :, 12:] == GREY).all()
    dropped = [set(part[12:].tolist()) for part in key.parts["permutation"]]
    assert dropped[0] != dropped[1]
    assert target.structure().lossy
    assert not PatchShuffle(gap=1).structure().lossy


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"patch_size": 4, "gap": 2}, "leaves nothing of patches of 4"), ({"drop": 1.0}, "drop")],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PatchShuffle(**settings)


def test_images_have_keys_of_their_own_by_default() -> None:
    assert PatchShuffle.card.key_scopes[0] == "image"
    assert PatchShuffle().key_space_bits((3, 224, 224)) == pytest.approx(1214.8, abs=0.1)
