"""Small files after JPEG: what is left of the ciphers."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from ppattack.identify import jpeg_kinds
from ppattack.identify.examination import examine
from ppattack.identify.finding import Finding
from ppattack.identify.jpeg_statistics import _of_places, statistics
from ppattack.identify.properties import after_jpeg
from ppattack.identify.sample import Bytes, Sample
from tests.support.folders_of_ciphertexts import encrypted, identified, pads, photographs, shuffled

HALVED: dict[Literal["444", "420"], int] = {"444": 0, "420": 2}
COLOURFUL = 20
"""A photograph with detail, of those that the folders are made of."""


def compressed(images: Bytes, how: Literal["444", "420"], quality: int = 75) -> Bytes:
    """Images after JPEG."""
    made = []
    for image in images:
        data = io.BytesIO()
        rows = np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(rows).save(data, format="JPEG", quality=quality, subsampling=HALVED[how])
        made.append(np.asarray(Image.open(data)).transpose(2, 0, 1))
    return np.stack(made)


@pytest.mark.parametrize("how", HALVED)
@pytest.mark.parametrize(
    ("target", "settings", "block"),
    [
        ("pe", {}, None),
        ("le", {}, 4),
        ("etc", {"block_size": 4}, 4),
        ("etc", {"block_size": 8}, 8),
        ("vit-blocks", {"block_size": 4}, 4),
        ("block-defence", {"transformation": "np"}, 4),
    ],
)
def test_one_compressed_file(
    target: str, settings: dict[str, Any], block: int | None, how: Literal["444", "420"]
) -> None:
    files = compressed(encrypted(target, "image", **settings)[::6], how)
    told = [identified(files[i : i + 1]) for i in range(len(files))]
    right = sum((each.scheme, each.block_size) == (target, block) for each in told)
    assert right >= len(files) - 1
    assert all(each.compression == f"75:{how}" for each in told)


@pytest.mark.parametrize("how", HALVED)
def test_nothing_is_claimed_of_compressed_noise(how: Literal["444", "420"]) -> None:
    for image in compressed(pads(8), how):
        found = examine(Sample(image[None]))
        assert found["content"].what is None
        assert not any(found[name].holds for name in ("in-place", "shared-blocks", "own-blocks"))


def test_blocks_need_more_than_values_that_differ_from_noise() -> None:
    for image in compressed(shuffled("byte")[::4], "420"):
        assert examine(Sample(image[None]))["own-blocks"].answer != "yes"


def test_chances_are_those_of_all_kinds_together() -> None:
    files = compressed(encrypted("le")[:2], "420")
    both = after_jpeg.chances(Sample(files), 75, halved=True)
    single = [after_jpeg.chances(Sample(files[i : i + 1]), 75, halved=True) for i in range(2)]
    assert both is not None
    assert list(both) == list(jpeg_kinds.KINDS)
    assert sum(both.values()) == pytest.approx(1, abs=1e-4)
    products = {name: np.prod([each[name] for each in single if each]) for name in both}
    assert both["le-4"] == pytest.approx(products["le-4"] / sum(products.values()), abs=1e-3)


def test_four_parts_of_a_file_count_as_four_files() -> None:
    files = compressed(encrypted("le")[:4], "444")
    rows = [np.concatenate([files[i], files[i + 1]], axis=2) for i in (0, 2)]
    whole = np.concatenate(rows, axis=1)[None]
    assert whole.shape == (1, 3, 64, 64)
    four = after_jpeg.chances(Sample(files), 75, halved=False)
    assert after_jpeg.chances(Sample(whole), 75, halved=False) == pytest.approx(four, abs=1e-5)


@pytest.mark.parametrize("shape", [(5, 3, 32, 32), (1, 1, 32, 32), (1, 3, 48, 32), (1, 3, 16, 16)])
def test_other_samples_are_left_to_the_other_tests(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    assert after_jpeg.chances(Sample(images), 75, halved=True) is None


@pytest.mark.parametrize("quality", [40, 95])
def test_other_qualities_are_left_to_the_other_tests(quality: int) -> None:
    found = examine(Sample(compressed(encrypted("le")[:1], "444", quality)))
    assert found["jpeg"].holds
    assert found["after-jpeg"].value is None
    assert found["shared-blocks"].statistic != after_jpeg.STATISTIC


def test_photographs_are_not_asked_about() -> None:
    found = examine(Sample(compressed(photographs()[COLOURFUL:][:1], "420")))
    assert found["content"].what == "photographs"
    assert found["after-jpeg"].value is None


def test_details_are_shares_of_the_content_that_was_found() -> None:
    shares = dict.fromkeys(jpeg_kinds.KINDS, 0.0) | {
        "le-4": 0.6,
        "block-defence-shf-np-4": 0.2,
        "vit-blocks-8": 0.15,
        "ele-8": 0.05,
    }
    found = {after_jpeg.NAME: Finding(after_jpeg.NAME, "yes", "", "", 0.6, "", facts=shares)}
    shared = after_jpeg.of_content(found, "shared-blocks", "shared blocks", "{} px")
    assert shared is not None
    assert (shared.answer, shared.what) == ("yes", 4)
    assert shared.value == pytest.approx(0.8)
    own = after_jpeg.of_content(found, "own-blocks", "own blocks", "{} px")
    assert own is not None
    assert own.answer == "no"
    found["shared-blocks"] = shared
    found["content"] = Finding("content", "yes", "", "", None, "", what="shared blocks")
    nibbles = after_jpeg.of_detail(found, "unit", lambda kind: kind.unit == "nibble", "yes", "no")
    assert nibbles is not None
    assert nibbles.answer == "undecided"
    assert nibbles.value == pytest.approx(0.75)
    assert nibbles.lean == pytest.approx(0.5)
    moved = after_jpeg.of_detail(found, "moved", lambda kind: kind.moved == "yes", "yes", "no")
    assert moved is not None
    assert moved.answer == "no"


def test_statistics_know_where_blocks_and_keys_are() -> None:
    """Complements of a file change none that is even, and 4:2:0 gives as many as 4:4:4."""
    images = pads(3)
    every, halved = (statistics(images, halved=each) for each in (False, True))
    assert every.shape == halved.shape == (3, 146)
    assert np.isfinite(every).all()
    assert statistics(255 - images, halved=True) == pytest.approx(halved, abs=1e-2)
    alone = statistics(images[1:2], halved=False)
    assert alone == pytest.approx(every[1:2], abs=1e-3)


def test_places_of_half_bytes_are_explained_unequally() -> None:
    values = [
        Sample(encrypted(name, images=photographs()[::3], block_size=8)).signed
        for name in ("le", "block-defence")
    ]
    halves, whole = (np.mean(_of_places(each, 8), axis=1).reshape(3, 3) for each in values)
    # The share that is explained grows with the components; low halves have little of it.
    assert (np.diff(whole[:, 0]) > 0).all()
    assert (halves[:, 0] < whole[:, 0]).all()
    assert (halves[:, 2] > whole[:, 2]).all()


def test_one_component_explains_blocks_that_are_multiples_of_one() -> None:
    block = np.random.default_rng(0).normal(0, 40, (3, 8, 8))
    image = np.concatenate([block * (1 + place % 4) for place in range(4)], axis=2)
    image = np.concatenate([image, -image, image, 2 * image], axis=1)[None].astype(np.float32)
    share, spread, _ = (float(each[0]) for each in _of_places(image, 8)[:3])
    assert share == pytest.approx(1, abs=1e-4)
    assert spread == pytest.approx(0, abs=1e-3)
