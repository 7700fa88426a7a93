"""The second part from codes and public images alone, as the challenge asks for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ppattack.challenge import layout
from ppattack.challenge.score import score
from ppattack.data.image_files import write_png
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest
from tests.support import published_evaluation
from tests.support.program import in_process

pytestmark = pytest.mark.long

COMMAND = "challenge neuracrypt solve --challenge challenge --images images --out s --public public"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 codes of depth 3 and 30 targets, crops of photographs, and 200 other crops."""
    folder = tmp_path_factory.mktemp("unpaired")
    crops = Photos().load(ImageRequest(380, 0, size=32, seed=1)).victims[:, :1]
    for i, crop in enumerate(crops):
        write_png(folder / ("images" if i < 180 else "public") / f"{i}.png", crop)
    settings = {"variant": "small", "hidden": 128, "depth": 3}
    published_evaluation.made(folder, settings, targets=30)
    return folder


def test_targets_are_found_without_the_plain_images(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "made")
    encoded = layout.read_paths(made / "challenge" / layout.CODES_LIST)
    for path in encoded:
        (tmp_path / "made" / "images" / path).unlink()
    code, _, errors = in_process(f"{COMMAND} --preset smoke", tmp_path / "made")
    assert code == 0, errors
    assert "30 target codes" in errors
    (second,) = score(tmp_path / "made" / "s", made / "gold")
    assert second.part == "challenge 2"
    assert second.right >= 6  # guessing: 1


def test_encoded_images_are_not_looked_at(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "made")
    shutil.rmtree(tmp_path / "made" / "public")
    encoded = layout.read_paths(made / "challenge" / layout.CODES_LIST)
    for path in encoded:
        place = tmp_path / "made" / "public" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / "images" / path, place)
    code, _, errors = in_process(COMMAND, tmp_path / "made")
    assert code == 2
    assert "no images but those that were encoded" in errors
    assert not (tmp_path / "made" / "s").exists()


def test_a_shuffled_linear_encoder_is_refused(made: Path) -> None:
    code, _, errors = in_process(f"{COMMAND} --set target.depth=1", made)
    assert code == 2
    assert "cannot be answered from public images" in errors
    assert not (made / "s").exists()
