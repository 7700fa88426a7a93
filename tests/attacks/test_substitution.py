"""Secret tables of levels from ciphertexts alone: block-wise format-preserving encryption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.data.source import ImageSets
from ppattack.errors import NotApplicable
from ppattack.maps import MaskedTable
from ppattack.runs.map_files import MapFile
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key, Parts, Target, TargetCard
from ppattack.target.structure import Structure
from targets.block_defence_ffx import BlockDefenceFfx, ffx_table
from targets.rom import RandomOrthogonalMatrix
from tests.support.photo_attacks import attacked, photos, ssim


class NoiseTokens(Target):
    """Says that it is such a scheme, and gives numbers that have nothing to do with the images."""

    card = TargetCard("noise-tokens", cipher="tokens", invertible=False, deterministic=False)

    def key_parts(self, draw: Any, image_shape: ImageShape) -> Parts:
        return {}

    def key_space_bits(self, image_shape: ImageShape) -> float:
        return 0.0

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        assert generator is not None
        numbers = generator.integers(0, 1000, images.shape) / np.float32(999)
        return torch.from_numpy(numbers.astype(np.float32))

    def structure(self) -> Structure:
        return Structure("substitution", block_size=4)


class NoiseLevels(NoiseTokens):
    """The same with numbers that all could be levels."""

    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        return super().encrypt(images, key, generator=generator).mul(999 / 255).remainder(1)


def _first(count: int) -> ImageSets:
    return photos().first_victims(count)


def test_the_key_of_the_authors_code_comes_back() -> None:
    """Mask and scale to the bit, and most levels to the unit: those of the published password."""
    target = BlockDefenceFfx(variant="code", legacy_seed=42)
    recovery, scenario = attacked(CovarianceMatching(), target, _first(8))
    assert ssim(recovery.images, scenario.truth.images).min() > 0.995
    assert recovery.map is not None
    (step,) = recovery.map.steps
    assert isinstance(step, MaskedTable)
    assert int(step.scale) == 996
    masked = step.masked.reshape(3, 32, 32)[:, :4, :4].transpose(1, 2, 0).reshape(-1)
    assert np.flatnonzero(masked[:20]).tolist() == [6, 7, 8, 9, 15, 17, 18, 19]
    assert masked.sum() == 23
    right = step.table == ffx_table(b"password")[:256]
    assert right[step.table >= 0].mean() > 0.5
    assert recovery.notes["masked places"] == "23 of 48"


@pytest.mark.parametrize(("block", "count"), [(4, 2), (16, 1)])
def test_one_ciphertext_of_32_pixels_is_enough(block: int, count: int) -> None:
    target = BlockDefenceFfx(block_size=block)
    recovery, scenario = attacked(CovarianceMatching(), target, _first(count), "image")
    assert ssim(recovery.images, scenario.truth.images).min() > 0.99
    assert (recovery.map is None) == (count > 1)  # every image has its own
    each = recovery.notes.get("each", [recovery.notes])
    assert len(each) == count
    assert all(one["levels sure"] < one["numbers seen"] for one in each)  # and it says so


def test_grey_images_and_images_that_are_no_multiple_of_the_block() -> None:
    victims, public = photos().victims[:8, 1:2], photos().adversary[:, 1:2]
    grey = ImageSets("grey", victims[:, :, :30, :27], public[:, :, :30, :27])
    recovery, scenario = attacked(CovarianceMatching(), BlockDefenceFfx(), grey)
    assert recovery.images is not None
    assert recovery.images.shape == (8, 1, 30, 27)
    assert scenario.truth.images is not None
    off = (recovery.images.double() - scenario.truth.images.double()).abs()
    assert off.mean() < 1.5


def test_the_saved_map_decrypts_other_ciphertexts_under_the_key(tmp_path: Path) -> None:
    target = BlockDefenceFfx()
    recovery, scenario = attacked(CovarianceMatching(), target, _first(4))
    assert recovery.map is not None
    content = MapFile.new(recovery.map, target, (3, 32, 32)).to_bytes()
    read = MapFile.from_bytes(content)
    assert read is not None
    assert scenario.truth.key is not None
    fresh = photos().victims[10:20]
    found = read.decrypt(target, target.encrypt(fresh, scenario.truth.key))
    assert ssim(found, fresh).min() > 0.98


@pytest.mark.parametrize("kind", [NoiseTokens, NoiseLevels])
@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_nothing_is_claimed_of_noise(kind: type[Target], scope: Any) -> None:
    recovery, scenario = attacked(CovarianceMatching(), kind(), _first(3), scope)
    assert recovery.refuted
    assert recovery.map is None
    assert "were not found: " in recovery.limits
    assert ssim(recovery.images, scenario.truth.images).mean() < 0.3


def test_only_tokens_of_such_a_scheme_are_read() -> None:
    attack = CovarianceMatching()
    with pytest.raises(NotApplicable, match="tokens only if the scheme says"):
        attacked(attack, RandomOrthogonalMatrix(block_size=4), _first(2))
    with pytest.raises(NotApplicable, match="tokens only if the scheme says"):
        attacked(CovarianceMatching(structure="any-byte"), BlockDefenceFfx(), _first(2))
    small = ImageSets("small", photos().victims[:2, :, :4, :4], photos().adversary[:, :, :4, :4])
    with pytest.raises(NotApplicable, match="smaller than 5 pixels"):
        attacked(attack, BlockDefenceFfx(), small)


def test_the_public_scheme_tells_nothing_of_the_key_and_the_control_is_as_hard() -> None:
    key = BlockDefenceFfx().generate_key(numpy_stream(1, "key"), (3, 32, 32))
    scheme = BlockDefenceFfx(variant="code", block_size=8, legacy_seed=3).public(own_keys=False)
    assert scheme.structure == Structure("substitution", block_size=8)
    assert scheme.config.legacy_seed is None
    assert key.parts.keys() == {"masked", "password"}
    control = CovarianceMatching().positive_control(scheme)
    assert control is not None
    assert (control.target, control.settings) == ("block-defence-ffx", {"block_size": 8})
    assert (control.key_scope, control.same_count) == ("image", True)
