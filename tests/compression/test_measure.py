"""Sizes and quality: what block scrambling keeps, what pixel shuffling costs."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ppattack.compression.codecs import Codec, read_codec
from ppattack.compression.measure import PlainImages, measure, transport
from ppattack.errors import RunFailed
from ppattack.plugins import registry
from ppattack.reports.compression import CodecRow
from tests.support.compression_pictures import a_key, photographs

pytestmark = pytest.mark.long

NEEDS_JPEG_LS = pytest.mark.skipif(read_codec("jpeg-ls").obstacle() != "", reason="no JPEG-LS here")
LOSSLESS = [pytest.param("jpeg-ls", marks=NEEDS_JPEG_LS), "jpeg-2000", "jpeg-2000-rct", "png"]


def row_of(target: str, codec: str, images: torch.Tensor, **settings: Any) -> CodecRow:
    """One codec on images and their ciphertexts."""
    scheme = registry.target(target)(**settings)
    key = a_key(scheme, images)
    decrypt: Callable[[torch.Tensor], torch.Tensor] = partial(scheme.decrypt, key=key)
    ciphertexts = scheme.encrypt(images, key)
    return measure(read_codec(codec), PlainImages(images), ciphertexts, decrypt, seed=0).row


@pytest.mark.parametrize("codec", ["jpeg-85-420", "jpeg-95-444", *LOSSLESS])
def test_no_encryption_costs_nothing(codec: str) -> None:
    row = row_of("plain", codec, photographs())
    assert row.ratio == 1.0
    assert row.ratio_ci95 == (1.0, 1.0)
    assert row.plain_bytes == row.encrypted_bytes
    assert row.plain_quality == row.round_trip


@pytest.mark.parametrize("codec", ["jpeg-80-420", "jpeg-85-420", "jpeg-80-444", "jpeg-85-444"])
def test_block_scrambling_costs_a_few_per_cent_and_pixel_shuffling_half_as_much_again(
    codec: str,
) -> None:
    etc = row_of("etc", codec, photographs()).ratio
    ele = row_of("ele", codec, photographs()).ratio
    assert etc is not None
    assert ele is not None
    assert etc != 1.0  # a cipher that changes nothing would have this
    assert 0.98 < etc < 1.03
    assert ele > 1.5


def test_blocks_that_cross_jpeg_units_cost_more() -> None:
    """Halved colours are coded in units of 16 pixels, whole ones in units of 8."""

    def ratio(block: int, codec: str) -> float:
        found = row_of("etc", codec, photographs(), block_size=block).ratio
        assert found is not None
        return found

    assert ratio(16, "jpeg-85-420") < 1.03 < 1.08 < ratio(8, "jpeg-85-420")
    assert ratio(8, "jpeg-85-444") < 1.05 < 1.2 < ratio(4, "jpeg-85-444")


@pytest.mark.parametrize("codec", ["jpeg-85-420", "jpeg-80-444", "png"])
def test_sizes_are_those_of_files_that_others_read(codec: str) -> None:
    images = photographs()
    scheme = registry.target("etc")()
    ciphertexts = scheme.encrypt(images, a_key(scheme, images))
    used = read_codec(codec)
    found = measure(used, PlainImages(images), ciphertexts, None, seed=0)
    for sizes, pictures in ((found.plain, images), (found.encrypted, ciphertexts)):
        written, received = transport(used, pictures)
        assert written.tolist() == sizes
        for size, picture, back in zip(sizes, pictures, received, strict=True):
            file = io.BytesIO()
            options: dict[str, Any] = {"format": "PNG"}
            if codec != "png":
                _, quality, how = codec.split("-")
                options = {
                    "format": "JPEG",
                    "quality": int(quality),
                    "subsampling": {"444": 0, "420": 2}[how],
                }
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, **options)
            assert file.tell() == size
            with Image.open(file) as opened:
                assert np.array_equal(np.asarray(opened), back.permute(1, 2, 0))
    assert found.row.ratio == pytest.approx(sum(found.encrypted) / sum(found.plain), rel=1e-12)
    assert found.row.encrypted_bytes is not None
    assert found.row.encrypted_bytes.mean == pytest.approx(np.mean(found.encrypted))
    assert found.row.ratio_ci95 is not None
    low, high = found.row.ratio_ci95
    assert low < sum(found.encrypted) / sum(found.plain) < high


@pytest.mark.parametrize("codec", LOSSLESS)
@pytest.mark.parametrize("target", ["etc", "ele", "pe", "le"])
def test_lossless_round_trips_give_back_every_bit(target: str, codec: str) -> None:
    row = row_of(target, codec, photographs(3, 64))
    assert row.lossless
    assert row.round_trip is not None
    assert row.plain_quality is not None
    assert row.round_trip.exact == row.plain_quality.exact == 1.0
    assert row.round_trip.psnr.min == 100.0
    assert row.ratio is not None
    assert row.ratio != 1.0


@pytest.mark.parametrize("quality", [75, 85, 95])
def test_block_scrambling_loses_what_plain_images_lose(quality: int) -> None:
    row = row_of("etc", f"jpeg-{quality}-444", photographs())
    assert row.round_trip is not None
    assert row.plain_quality is not None
    assert row.round_trip.ssim is not None
    assert row.plain_quality.ssim is not None
    assert row.round_trip.psnr.mean == pytest.approx(row.plain_quality.psnr.mean, abs=0.1)
    assert row.round_trip.ssim.mean == pytest.approx(row.plain_quality.ssim.mean, abs=0.002)
    assert row.round_trip.exact == 0.0


def test_halved_colours_lose_more_where_strange_blocks_meet_and_nowhere_else() -> None:
    """The decoder blends each colour sample with its neighbour: one pixel around a block."""
    images, codec = photographs(), read_codec("jpeg-95-420")
    scheme = registry.target("etc")()
    key = a_key(scheme, images)
    plain = transport(codec, images)[1]
    back = scheme.decrypt(transport(codec, scheme.encrypt(images, key))[1], key)
    edge = torch.arange(images.shape[-1]) % 16
    inside = (edge > 0) & (edge < 15)
    inner = inside[:, None] & inside

    def error(found: torch.Tensor, where: torch.Tensor) -> float:
        return float((found.double() - images.double())[..., where].square().mean())

    assert error(back, inner) == pytest.approx(error(plain, inner), rel=0.1)
    assert error(back, ~inner) > 2 * error(plain, ~inner)


def test_pixel_shuffling_does_not_survive_jpeg() -> None:
    row = row_of("ele", "jpeg-85-420", photographs())
    assert row.round_trip is not None
    assert row.plain_quality is not None
    assert row.round_trip.psnr.mean < row.plain_quality.psnr.mean - 10


def test_quality_is_what_others_compute() -> None:
    images = photographs(2, 64)
    row = row_of("plain", "jpeg-75-420", images)
    back = transport(read_codec("jpeg-75-420"), images)[1]
    decibels, similar = [], []
    for image, found in zip(images, back, strict=True):
        pair = image.permute(1, 2, 0).numpy(), found.permute(1, 2, 0).numpy()
        decibels.append(peak_signal_noise_ratio(*pair, data_range=255))
        similar.append(structural_similarity(*pair, data_range=255, channel_axis=2))
    assert row.plain_quality is not None
    assert row.plain_quality.ssim is not None
    assert row.plain_quality.psnr.mean == pytest.approx(np.mean(decibels), abs=1e-6)
    assert row.plain_quality.ssim.mean == pytest.approx(np.mean(similar), abs=1e-5)


def test_grey_ciphertexts_of_another_shape() -> None:
    images = photographs(3, 64)
    lossy = row_of("etc-gray", "jpeg-85-444", images)
    exact = row_of("etc-gray", "png", images, color_space="rgb")
    assert lossy.round_trip is not None
    assert lossy.round_trip.psnr.mean > 30
    assert exact.round_trip is not None
    assert exact.round_trip.exact == 1.0


def test_images_below_the_window_of_ssim() -> None:
    row = row_of("pe", "png", photographs(3, 16)[..., :4, :4])
    assert row.round_trip is not None
    assert row.round_trip.ssim is None
    assert row.round_trip.exact == 1.0


class Forgetful(Codec):
    """Claims to be lossless and is not."""

    def __init__(self) -> None:
        super().__init__("forgetful", lossless=True)

    def obstacle(self) -> str:
        return ""

    def encode(self, image: torch.Tensor) -> bytes:
        return bytes(image.numpy().tobytes())

    def decode(self, data: bytes) -> torch.Tensor:
        rows = np.frombuffer(data, np.uint8).copy().reshape(3, 16, 16)
        rows[0, 0, 0] ^= 1
        return torch.from_numpy(rows)


def test_a_lossless_codec_that_loses_something_is_caught() -> None:
    with pytest.raises(RunFailed, match="'forgetful' changed an image though it is lossless"):
        transport(Forgetful(), photographs(2, 16))
