"""Ciphertexts that do not have the shape of images: attacked, or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from typing_extensions import override

from ppattack.attack import Attack, Recovery
from ppattack.data.image_files import NamedImages
from ppattack.errors import ImageError, NotApplicable
from ppattack.images import ImageShape
from ppattack.plugins import registry
from ppattack.probes.examination import examine
from ppattack.scenario import from_ciphertexts, simulate
from ppattack.target import Draw, Key, Parts, Structure, Target, TargetCard
from targets.patch_shuffle import PatchShuffle
from tests.conftest import smooth_sets
from tests.support.attack_contract import CONTEXT

SIZE = 16


class _Masked(Target):
    """Every byte is combined with one of the key."""

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        return {"mask": draw("mask").integers(0, 256, image_shape, dtype=np.uint8)}

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return images ^ torch.from_numpy(key.parts["mask"])


class Wider(_Masked):
    """The same, with four more columns."""

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> ImageShape:
        channels, height, width = image_shape
        return channels, height, width + 4

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return torch.nn.functional.pad(super().encrypt(images, key), (0, 4))


class Halved(_Masked):
    """The same, of every other row."""

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> ImageShape:
        channels, height, width = image_shape
        return channels, height // 2, width

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return super().encrypt(images, key)[:, :, ::2].contiguous()


class OneChannel(_Masked):
    """The same, of the first channel."""

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> ImageShape:
        return 1, *image_shape[1:]

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return super().encrypt(images, key)[:, :1].contiguous()


class SideBySide(_Masked):
    """The same, its channels side by side in one grey picture."""

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> ImageShape:
        channels, height, width = image_shape
        return 1, height, channels * width

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return torch.cat(super().encrypt(images, key).split(1, 1), 3)


class GreyOnly(Target):
    """Takes grey images."""

    card = TargetCard("grey-only", channels=(1,))

    @override
    def encrypt(self, images: Tensor, key: Key) -> Tensor:  # type: ignore[override]
        return 255 - images


class RgbOnly(GreyOnly):
    """Takes RGB images."""

    card = TargetCard("rgb-only", channels=(3,))


def attempt(name: str, target: Target) -> tuple[Recovery, Tensor]:
    attack: Attack = registry.attack(name)(preset="smoke")
    sets = smooth_sets(12, 8, SIZE)
    scenario = simulate(attack, target, sets, "dataset", seed=1)
    assert scenario.truth.images is not None
    return attack(scenario.observation, CONTEXT), scenario.truth.images


@pytest.mark.parametrize("target", [Wider(), Halved(), OneChannel()], ids=repr)
@pytest.mark.parametrize("name", ["itn", "fold", "gan", "sia-gan", "covariance-matching"])
def test_attacks_that_need_the_shape_of_images_say_so(name: str, target: Target) -> None:
    shape = (3, SIZE, SIZE)
    words = f"reads ciphertexts of the shape of images, and this scheme turns {shape} into "
    with pytest.raises(NotApplicable) as found:
        attempt(name, target)
    assert words + str(target.ciphertext_shape(shape)) in str(found.value)
    assert f"'{name}' cannot be run on '{target.card.name}'" in str(found.value)


@pytest.mark.parametrize("target", [Halved(), OneChannel()], ids=repr)
@pytest.mark.parametrize("name", ["fr", "ciphertext-only"])
def test_a_ciphertext_that_holds_no_image_is_refused(name: str, target: Target) -> None:
    with pytest.raises(NotApplicable, match="with the channels of images and no smaller"):
        attempt(name, target)


@pytest.mark.parametrize("name", ["fr", "ciphertext-only", "known-plaintext"])
def test_what_was_added_is_cut_off(name: str) -> None:
    found, truth = attempt(name, Wider())
    assert found.images is not None
    assert found.images.shape == truth.shape


@pytest.mark.parametrize("name", ["known-plaintext", "chosen-plaintext"])
def test_pairs_decrypt_a_picture_of_another_shape(name: str) -> None:
    found, truth = attempt(name, SideBySide())
    assert found.images is not None
    assert found.images.equal(truth)
    assert not found.limits


@pytest.mark.parametrize("target", [Halved(), OneChannel()], ids=repr)
@pytest.mark.parametrize("name", ["known-plaintext", "chosen-plaintext"])
def test_pairs_say_nothing_where_bytes_are_lost(name: str, target: Target) -> None:
    found, _ = attempt(name, target)
    assert found.refuted
    assert "another number of bytes than images" in found.limits


def test_a_structure_of_another_shape_is_contradicted() -> None:
    body = {"structure": lambda self: Structure(kind="pixels"), "__doc__": "Declared."}
    target: Target = type("Declared", (Wider,), body)()
    found = examine(target, (3, SIZE, SIZE), "dataset", 3).contradiction
    assert found is not None
    assert "symbols of (3, 16, 16) go, but ciphertexts have the shape (3, 16, 20)" in found


def test_a_padded_image_contradicts_no_structure() -> None:
    target = registry.target("etc")(block_size=4)
    assert target.padded_shape((3, 14, 14)) == (3, 16, 16)
    assert examine(target, (3, 14, 14), "dataset", 3).contradiction is None


def test_images_of_other_channels_are_refused_with_where_to_get_some() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ImageError, match="grey images only, and these have 3 channels: use --data"):
        GreyOnly().generate_key(rng, (3, 8, 8))
    with pytest.raises(ImageError, match="RGB images only, and these have 1 channel: use --data"):
        RgbOnly().generate_key(rng, (1, 8, 8))
    assert GreyOnly().generate_key(rng, (1, 8, 8)).image_shape == (1, 8, 8)


@pytest.mark.parametrize("known", [True, False])
def test_files_smaller_than_their_images_can_be_matched(known: bool) -> None:
    target = PatchShuffle(patch_size=8, gap=1)
    images = smooth_sets(8, 4, SIZE).victims
    key = target.generate_key(np.random.default_rng(0), (3, SIZE, SIZE))
    ciphertexts = target.encrypt(images, key)
    assert ciphertexts.shape[2] < SIZE
    names = tuple(f"{i}.png" for i in range(len(images)))
    scenario = from_ciphertexts(
        registry.attack("candidate-matching")(preset="smoke"),
        target,
        ciphertexts,
        names,
        truth=images if known else None,
        public=None,
        scope="dataset",
        candidates=NamedImages(names, images),
    )
    # Controls join both sides of the images.
    joined = torch.cat([scenario.sets.victims, scenario.sets.adversary])
    assert joined.equal(images if known else ciphertexts[:0])


@pytest.mark.parametrize("gap", [0, 1])
def test_blocks_that_stay_upright_are_not_searched_in_vain(gap: int) -> None:
    with pytest.raises(NotApplicable, match="this scheme does less: use jigsaw"):
        attempt("exhaustive", PatchShuffle(patch_size=8, gap=gap))
