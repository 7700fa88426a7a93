from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ppattack.data.folder import Folder
from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.errors import DataError
from ppattack.plugins import registry
from tests.support.image_files import GREY, animated, encoded, noise, oriented, with_alpha

SPLIT_FROM = 6
"""So many images of the tests are the fewest of which each side has one."""


def fill(folder: Path, seeds: range, shape: tuple[int, ...] = (8, 8, 3)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / f"{seed:03}.png").write_bytes(encoded(noise(*shape, seed=seed), "PNG"))
    return folder


def load(
    folder: Path, victims: int, adversary: int, size: int | None = None, seed: int = 0
) -> ImageSets:
    return Folder(str(folder)).load(ImageRequest(victims, adversary, size, seed))


def hashes(*images: torch.Tensor) -> set[str]:
    return {found for stack in images for found in content_hashes(stack)}


def expected(seeds: range) -> set[str]:
    stack = np.stack([noise(8, 8, 3, seed=seed) for seed in seeds]).transpose(0, 3, 1, 2)
    return hashes(torch.from_numpy(np.ascontiguousarray(stack)))


def sides(folder: Path) -> tuple[set[str], set[str]]:
    """Everything on each side, found by asking for more and more victims."""
    count = 1
    while True:
        try:
            sets = load(folder, count, 1000)
        except DataError:
            sets = load(folder, count - 1, 1000)
            return hashes(sets.victims), hashes(sets.adversary)
        count += 1


@pytest.mark.parametrize("name", ["test", "val"])
def test_train_and_test_folders(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "train" / "cats", range(10))
    fill(tmp_path / "train" / "dogs" / "small", range(10, 20))
    fill(tmp_path / name / "cats", range(20, 25))
    fill(tmp_path / name, range(25, 30))
    fill(tmp_path / "other", range(30, 40))
    sets = load(tmp_path, 10, 20)
    assert hashes(sets.victims) == expected(range(20, 30))
    assert hashes(sets.adversary) == expected(range(20))
    assert sets.name == f"folder:{tmp_path}"
    assert sets.notes == ()


def _classes(images: torch.Tensor, labels: torch.Tensor | None, sets: ImageSets) -> dict[str, str]:
    """The class by the hash of the image."""
    assert labels is not None
    names = [sets.classes[label] for label in labels]
    return dict(zip(content_hashes(images), names, strict=True))


@pytest.mark.parametrize("name", ["test", "val"])
def test_the_folder_below_train_and_test_is_the_class(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "train" / "dogs" / "small", range(5))
    fill(tmp_path / "train" / "train", range(5, 10))
    fill(tmp_path / name / "cats", range(10, 15))
    fill(tmp_path / name / "dogs", range(15, 20))
    sets = load(tmp_path, 10, 10)
    assert sets.classes == ("cats", "dogs", "train")
    ours = _classes(sets.victims, sets.victim_labels, sets)
    theirs = _classes(sets.adversary, sets.adversary_labels, sets)
    assert ours == dict.fromkeys(expected(range(10, 15)), "cats") | dict.fromkeys(
        expected(range(15, 20)), "dogs"
    )
    assert theirs == dict.fromkeys(expected(range(5)), "dogs") | dict.fromkeys(
        expected(range(5, 10)), "train"
    )


@pytest.mark.parametrize("victims", [0, 3])
def test_the_folder_below_the_root_is_the_class(tmp_path: Path, victims: int) -> None:
    fill(tmp_path / "train" / "cats", range(20))
    fill(tmp_path / "dogs", range(20, 40))
    sets = load(tmp_path, victims, 100)
    assert sets.classes == ("dogs", "train")
    wanted = dict.fromkeys(expected(range(20)), "train") | dict.fromkeys(
        expected(range(20, 40)), "dogs"
    )
    found = _classes(sets.adversary, sets.adversary_labels, sets)
    found |= _classes(sets.victims, sets.victim_labels, sets)
    assert len(found) > 10
    assert found.items() <= wanted.items()


@pytest.mark.parametrize(("place", "victims"), [("", 0), ("train", 5), ("test", 6)])
def test_an_image_outside_of_every_class_leaves_no_labels(
    tmp_path: Path, place: str, victims: int
) -> None:
    for number, part in enumerate(("train", "test") if place else ("",)):
        fill(tmp_path / part / "cats", range(10 * number, 10 * number + 5))
    if place:
        assert load(tmp_path, 5, 100).classes == ("cats",)
    fill(tmp_path / place, range(50, 51))
    sets = load(tmp_path, victims, 100)
    assert (sets.classes, sets.victim_labels, sets.adversary_labels) == ((), None, None)


def test_the_seed_draws_from_each_side(tmp_path: Path) -> None:
    fill(tmp_path / "train", range(40))
    fill(tmp_path / "test", range(40, 80))
    first, again, other = load(tmp_path, 8, 8), load(tmp_path, 8, 8), load(tmp_path, 8, 8, seed=1)
    assert first.hash == again.hash
    assert hashes(first.victims) != hashes(other.victims)
    assert hashes(first.adversary) != hashes(other.adversary)
    assert torch.equal(load(tmp_path, 3, 3).victims, first.victims[:3])


def test_a_test_image_is_taken_from_the_training_images(tmp_path: Path) -> None:
    fill(tmp_path / "train", range(10))
    fill(tmp_path / "test", range(5, 8))
    sets = load(tmp_path, 3, 10)
    assert hashes(sets.adversary) == expected(range(10)) - expected(range(5, 8))
    assert "3 images with the content of another were skipped" in sets.notes


def test_a_flat_folder_is_split_by_content_alone(tmp_path: Path) -> None:
    fill(tmp_path / "flat", range(40))
    (tmp_path / "named" / "deep" / "er").mkdir(parents=True)
    for i, path in enumerate(sorted((tmp_path / "flat").iterdir(), reverse=True)):
        place = tmp_path / "named" / ("deep" if i % 2 else "deep/er") / f"renamed-{i}.jpg"
        shutil.copy(path, place)
    ours, theirs = sides(tmp_path / "flat")
    assert ours | theirs == expected(range(40))
    assert not ours & theirs
    assert 10 <= len(ours) <= 30
    assert sides(tmp_path / "named") == (ours, theirs)
    flat, named = load(tmp_path / "flat", 5, 5), load(tmp_path / "named", 5, 5)
    assert torch.equal(flat.victims, named.victims)
    assert torch.equal(flat.adversary, named.adversary)


@settings(deadline=None, max_examples=10)
@example(present=SPLIT_FROM, added=1)
@given(present=st.integers(4, 12), added=st.integers(1, 12))
def test_adding_files_moves_no_other(
    tmp_path_factory: pytest.TempPathFactory, present: int, added: int
) -> None:
    folder = fill(tmp_path_factory.mktemp("growing"), range(present))
    assert splits(folder) == (present >= SPLIT_FROM)
    before = sides(folder) if present >= SPLIT_FROM else (set[str](), set[str]())
    fill(folder, range(present, present + added))
    assert splits(folder) == (present + added >= SPLIT_FROM)
    if present + added >= SPLIT_FROM:
        after = sides(folder)
        assert all(after)
        assert before[0] <= after[0]
        assert before[1] <= after[1]


def splits(folder: Path) -> bool:
    """Whether both sides have an image."""
    try:
        return len(load(folder, 1, 1).adversary) > 0
    except DataError:
        return False


def test_equal_files_are_on_one_side_once(tmp_path: Path) -> None:
    fill(tmp_path, range(20))
    before = sides(tmp_path)
    for path in list(tmp_path.iterdir()):
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    assert sides(tmp_path) == before
    assert any("20 files are copies of others" in note for note in load(tmp_path, 1, 1).notes)


def test_equal_pixels_in_other_formats_are_never_on_both_sides(tmp_path: Path) -> None:
    fill(tmp_path, range(30))
    for seed in range(30):
        (tmp_path / f"{seed}.bmp").write_bytes(encoded(noise(8, 8, 3, seed=seed), "BMP"))
    ours, theirs = sides(tmp_path)
    assert not ours & theirs
    assert ours | theirs == expected(range(30))


def test_without_victims_the_adversary_has_everything(tmp_path: Path) -> None:
    sets = load(fill(tmp_path, range(12)), 0, 100)
    assert hashes(sets.adversary) == expected(range(12))
    assert sets.victims.shape == (0, 3, 8, 8)
    assert any("has 12 images, not 100" in note for note in sets.notes)


def test_images_of_the_size_asked_for_are_untouched(tmp_path: Path) -> None:
    fill(tmp_path / "train", range(6))
    fill(tmp_path / "test", range(6, 9))
    fill(tmp_path / "test", range(9, 12), shape=(20, 16, 3))
    sets = load(tmp_path, 6, 6, size=8)
    assert hashes(sets.adversary) == expected(range(6))
    assert expected(range(6, 9)) < hashes(sets.victims)


def test_mixed_sizes_are_refused_by_name(tmp_path: Path) -> None:
    fill(tmp_path / "train", range(3))
    fill(tmp_path / "test", range(3, 6), shape=(9, 8, 3))
    with pytest.raises(DataError, match=r"test/00\d\.png is 8x9, train/00\d\.png is 8x8: .*--size"):
        load(tmp_path, 1, 1)


def test_photographs_that_cannot_be_read_are_skipped_and_named(tmp_path: Path) -> None:
    good = fill(tmp_path / "test", range(3))
    fill(tmp_path / "train", range(3, 6))
    bad = {
        "animated.gif": animated("GIF"),
        "empty.png": b"",
        "text.jpg": b"text",
        "alpha.png": encoded(with_alpha(3), "PNG"),
    }
    for name, content in bad.items():
        (good / name).write_bytes(content)
    (good / "gone.png").symlink_to(tmp_path / "nowhere")
    (good / "notes.txt").write_text("not an image")
    sets = load(tmp_path, 3, 3)
    assert hashes(sets.victims) == expected(range(3))
    assert load(tmp_path, 3, 3).hash == sets.hash
    with pytest.raises(
        DataError, match=r"3 images .*use -n 3\. 5 files were skipped: .*; and 2 more"
    ):
        load(tmp_path, 4, 0)
    for path in good.glob("00*"):
        path.unlink()
    with pytest.raises(DataError, match="holds 0 images for the victims.*5 files were skipped"):
        load(tmp_path, 1, 0)


@pytest.mark.parametrize("layout", ["flat", "split"])
def test_a_skipped_file_is_in_the_notes(tmp_path: Path, layout: str) -> None:
    fill(tmp_path / "train", range(10))
    fill(tmp_path / ("test" if layout == "split" else "more"), range(10, 20))
    (tmp_path / "train" / "cut.png").write_bytes(b"")
    sets = load(tmp_path, 1, 100)
    assert sets.notes[0] == "1 file was skipped: train/cut.png is empty (0 bytes)."


def test_photographs_are_turned_upright_and_cmyk_is_noted(tmp_path: Path) -> None:
    from PIL import Image

    cmyk = Image.fromarray(noise(10, 12, 3)).convert("CMYK")
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "turned.png").write_bytes(oriented("PNG"))
    (tmp_path / "train" / "cmyk.jpg").write_bytes(encoded(cmyk, "JPEG"))
    sets = load(tmp_path, 1, 1)
    assert sets.victims.shape == (1, 3, 10, 12)
    assert sets.notes == ("1 file was converted: train/cmyk.jpg (CMYK converted to RGB).",)


def test_grey_images_become_colour_only_among_colour(tmp_path: Path) -> None:
    fill(tmp_path / "test", range(2), shape=(12, 10))
    fill(tmp_path / "train", range(2, 4), shape=(12, 10))
    assert load(tmp_path, 2, 2).victims.shape == (2, 1, 12, 10)
    fill(tmp_path / "train", range(4, 5), shape=(12, 10, 3))
    sets = load(tmp_path, 2, 3)
    assert sets.victims.shape == (2, 3, 12, 10)
    assert torch.equal(sets.victims[:, 0], sets.victims[:, 2])


def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", range(5))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cats").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / ".cache").mkdir()
    (tmp_path / "data" / ".cache" / "a.png").write_bytes(encoded(GREY, "PNG"))
    sets = load(tmp_path / "data", 0, 5)
    assert hashes(sets.adversary) == expected(range(5))
    assert sets.notes == ()


def test_what_is_no_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    for name, victims, reason in (
        ("missing", 1, "there is no folder"),
        ("file", 1, "is a file"),
        ("empty", 1, "holds 0 images for the victims, not 1: name a source that holds more"),
        ("empty", 0, "holds no images for the adversary"),
    ):
        with pytest.raises(DataError, match=reason):
            load(tmp_path / name, victims, 1)
    with pytest.raises(DataError, match="use folder:DIR"):
        registry.dataset("folder")

    whole = os.scandir

    def deny(path: Path | str) -> object:
        if Path(path).name == "train":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(DataError, match=r"empty/train cannot be read: Permission denied"):
        load(tmp_path / "empty", 1, 1)


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(tmp_path / "pictures", range(3))
    assert len(load(Path("~/pictures"), 0, 3).adversary) == 3
