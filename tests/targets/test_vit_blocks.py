"""ViT blocks: exact ciphertexts, published keys, and its settings one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ppattack.errors import ConfigError
from ppattack.target import Key
from targets.vit_blocks import Order, VitBlocks
from tests.support.schemes import digest, generate_key, key_of, noise, pattern, pixel

PHOTO = (3, 224, 224)


def stated(target: VitBlocks, size: int, *, flips: bool) -> Key:
    """The key ``pixels[j] = 5j + 7, blocks[i] = 3i + 1``, and every third byte complemented."""
    edge = target.config.block_size
    i, j = np.arange((size // edge) ** 2), np.arange(3 * edge**2)
    return key_of(
        target,
        (3, size, size),
        pixels=(5 * j + 7) % len(j),
        blocks=(3 * i + 1) % len(i),
        flips=(j % 3 == 0) & flips,
    )


@pytest.mark.parametrize(
    ("size", "edge", "order", "flips", "expected"),
    [
        (224, 16, "chw", False, "7cb10b87cb965552"),
        (224, 16, "hwc", False, "52a0c66ba2fd6d36"),
        (224, 16, "chw", True, "179cecdb125edbda"),
        (224, 16, "hwc", True, "2c4acfa96a65fddf"),
        (32, 4, "chw", False, "9a349777806ef7f2"),
        (32, 4, "hwc", False, "2d62a2ce4ff7b554"),
        (32, 4, "chw", True, "91ad0c61cca26fb3"),
        (32, 4, "hwc", True, "84ff898831534cff"),
        (32, 8, "chw", False, "60d9abc026d95dce"),
        (32, 8, "hwc", False, "56ef8596329ff2b0"),
        (32, 16, "chw", False, "d602a41ad743b0dc"),
        (32, 16, "hwc", False, "ec78092236deb180"),
    ],
)
def test_stated_keys(size: int, edge: int, order: Order, flips: bool, expected: str) -> None:
    target = VitBlocks(block_size=edge, order=order)
    out = target.encrypt(pattern(size), stated(target, size, flips=flips))
    assert digest(out) == expected


def test_keys_of_published_code() -> None:
    demo = VitBlocks(variant="demo", legacy_seed=42)
    key = generate_key(demo, PHOTO)
    assert key.parts["pixels"][:6].tolist() == [753, 470, 115, 152, 395, 445]
    assert key.parts["blocks"][:6].tolist() == [182, 144, 128, 77, 84, 82]
    out = demo.encrypt(pattern(224), key)
    assert digest(out) == "f42f0e8f8a74ff44"
    assert (pixel(out, 0, 0), pixel(out, 223, 223)) == ((100, 112, 5), (224, 123, 222))
    other = VitBlocks(variant="re", legacy_seed=100)
    key = generate_key(other, PHOTO)
    assert key.parts["pixels"][:4].tolist() == [173, 253, 207, 737]
    assert key.parts["blocks"][:4].tolist() == [122, 49, 175, 28]
    out = other.encrypt(pattern(224), key)
    assert digest(out) == "0cc6ba2142beb7e9"
    assert (pixel(out, 0, 0), pixel(out, 223, 223)) == ((143, 219, 101), (123, 158, 118))


def in_loops(image: NDArray[np.uint8], key: Key, edge: int, order: str) -> NDArray[np.uint8]:
    """The scheme block by block, over ``(H, W, C)``."""
    _, width, channels = image.shape
    across = width // edge
    out = np.zeros_like(image)
    for i, source in enumerate(key.parts["blocks"]):
        top, left = divmod(int(source), across)
        block = image[top * edge : (top + 1) * edge, left * edge : (left + 1) * edge]
        line = block.transpose(2, 0, 1).reshape(-1) if order == "chw" else block.reshape(-1)
        pixels, flips = key.parts["pixels"], key.parts["flips"]
        if pixels.ndim == 2:
            pixels, flips = pixels[i], flips[i]
        moved = [255 - line[p] if f else line[p] for p, f in zip(pixels, flips, strict=True)]
        made = np.array(moved, np.uint8)
        if order == "chw":
            made = made.reshape(channels, edge, edge).transpose(1, 2, 0)
        top, left = divmod(i, across)
        place = slice(top * edge, (top + 1) * edge), slice(left * edge, (left + 1) * edge)
        out[place] = made.reshape(edge, edge, channels)
    return out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["chw", "hwc"])
@pytest.mark.parametrize("keys", ["common", "each"])
def test_equals_the_slow_version(channels: int, order: Order, keys: str) -> None:
    target = VitBlocks(block_size=4, order=order, pixel_keys=keys)
    shape = channels, 12, 8
    image, key = noise(1, shape), generate_key(target, shape, 3)
    plain = image[0].permute(1, 2, 0).numpy()
    found = target.encrypt(image, key)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(found, in_loops(plain, key, 4, order))


@pytest.mark.parametrize("order", ["chw", "hwc"])
def test_quarters_are_scrambled_as_wholes(order: Order) -> None:
    target = VitBlocks(block_size=8, order=order, shuffle="sub-blocks", scramble=False)
    shape = 3, 8, 16
    image, key = noise(1, shape), generate_key(target, shape, 5)
    out = target.encrypt(image, key)
    for left in (0, 8):
        plain, made = image[0, :, :, left : left + 8], out[0, :, :, left : left + 8]
        for top in (0, 4):
            for side in (0, 4):
                quarter = made[:, top : top + 4, side : side + 4].double()
                folded = (quarter - 127.5).abs().flatten().sort().values
                same = [
                    (plain[:, y : y + 4, x : x + 4].double() - 127.5).abs().flatten().sort().values
                    for y in (0, 4)
                    for x in (0, 4)
                ]
                assert sum(bool((folded == each).all()) for each in same) == 1


def test_restricted_permutations_leave_the_others_in_place() -> None:
    target = VitBlocks(block_size=8, moving_blocks=0.25, moving_pixels=0.5)
    key = generate_key(target, (3, 64, 64), 7)
    for name, count, share in (("blocks", 64, 0.25), ("pixels", 192, 0.5)):
        moved = key.parts[name] != np.arange(count)
        assert 0 < moved.sum() <= share * count
        assert sorted(key.parts[name].tolist()) == list(range(count))


def test_what_changes_places_decides_the_structure_and_the_key_space() -> None:
    whole = VitBlocks().key_space_bits(PHOTO)
    assert whole == pytest.approx(1214.8 + 6259.4 + 768, abs=0.1)
    assert VitBlocks(variant="demo").key_space_bits(PHOTO) == pytest.approx(7474.2, abs=0.1)
    told = VitBlocks().structure()
    assert (told.kind, told.block_size, told.moves_blocks, told.negatives) == (
        "shared-block", 16, True, True,
    )  # fmt: skip
    assert VitBlocks(pixel_keys="each").structure().kind == "blocks"
    puzzle = VitBlocks(shuffle="none", flips=False).structure()
    assert (puzzle.kind, puzzle.turns, puzzle.negatives) == ("blocks-dihedral", False, False)
    assert not VitBlocks(variant="re").structure().negatives


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shuffle": "sub-blocks", "block_size": 7}, "has no quarters"),
        ({"variant": "demo", "order": "hwc"}, "one key for all blocks"),
        ({"variant": "re", "pixel_keys": "each"}, "one key for all blocks"),
        ({"legacy_seed": 3}, "legacy_seed belongs to published code"),
        ({"moving_blocks": 0.0}, "moving_blocks"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        VitBlocks(**settings)
