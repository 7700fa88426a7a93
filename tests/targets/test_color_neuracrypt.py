from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ppattack.errors import ImageError, NotInvertible
from ppattack.seeding import numpy_stream
from ppattack.target import ImageShape, Key
from targets.color_neuracrypt import ColorNeuraCrypt
from tests.conftest import smooth_images

SHAPE: ImageShape = (3, 32, 24)
IMAGES = smooth_images(4, size=32)[..., :24].contiguous()


def _key(target: ColorNeuraCrypt, seed: int = 0) -> Key:
    return target.generate_key(numpy_stream(seed, "key"), SHAPE)


@pytest.mark.parametrize(("hidden", "count"), [(None, 3_700_224), (2048, 20_351_744)])
def test_the_papers_sizes(hidden: int | None, count: int) -> None:
    target = ColorNeuraCrypt(hidden=hidden)
    assert target.ciphertext_shape((3, 224, 224)) == (3, 224, 224)
    assert target.key_space_bits((3, 224, 224)) == 32 * count


@pytest.mark.parametrize("depth", [1, 7])
def test_ciphertexts_are_images_of_which_a_pixel_unshuffle_gives_the_codes(depth: int) -> None:
    target = ColorNeuraCrypt(variant="small", depth=depth)
    key = _key(target)
    ciphertexts = target.encrypt(IMAGES, key)
    assert ciphertexts.dtype == torch.float32
    assert ciphertexts.shape == IMAGES.shape
    codes = target.encoder(key)(IMAGES.float() / 127.5 - 1)
    torch.testing.assert_close(target.tokens(ciphertexts), codes, atol=1e-5, rtol=1e-4)
    unshuffled = functional.pixel_unshuffle(ciphertexts, 8)
    assert torch.equal(target.tokens(ciphertexts), unshuffled.flatten(2).transpose(1, 2))
    assert torch.equal(target.ciphertexts(target.tokens(ciphertexts), SHAPE), ciphertexts)
    number = (1 * 8 + 5) * 8 + 3  # green, row 5, column 3, of the patch in row 2, column 1
    torch.testing.assert_close(ciphertexts[:, 1, 21, 11], codes[:, 2 * 3 + 1, number])


def test_a_block_depends_on_the_block_below_it_alone() -> None:
    target = ColorNeuraCrypt(variant="small")
    key = _key(target)
    changed = IMAGES.clone()
    changed[:, :, 9, 17] ^= 128
    where = (target.encrypt(changed, key) != target.encrypt(IMAGES, key)).any(0).any(0)
    inside = torch.zeros(32, 24, dtype=torch.bool)
    inside[8:16, 16:24] = True
    assert not where[~inside].any()
    assert where[inside].float().mean() > 0.9


def test_equal_blocks_at_two_places_have_two_codes() -> None:
    target = ColorNeuraCrypt(variant="small")
    codes = target.tokens(target.encrypt(torch.full_like(IMAGES, 90), _key(target)))[0]
    assert float(torch.cdist(codes, codes).fill_diagonal_(1).min()) > 0.5


def test_two_keys_give_uncorrelated_images() -> None:
    target = ColorNeuraCrypt(variant="small")
    first, second = (target.encrypt(IMAGES, _key(target, i)).flatten() for i in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.1


def test_grey_images_and_decryption_are_refused() -> None:
    target = ColorNeuraCrypt(variant="small")
    key = _key(target)
    with pytest.raises(ImageError, match="takes RGB images only"):
        target.generate_key(numpy_stream(0), (1, 32, 32))
    with pytest.raises(NotInvertible):
        target.decrypt(target.encrypt(IMAGES, key), key)
