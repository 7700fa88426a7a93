from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.data.npz import Npz
from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.errors import DataError
from ppattack.plugins import registry
from tests.support.image_files import noise


def load(
    path: Path, victims: int, adversary: int, size: int | None = None, seed: int = 0
) -> ImageSets:
    return Npz(str(path)).load(ImageRequest(victims, adversary, size, seed))


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "images.npz", **arrays)
    return folder / "images.npz"


def hashes(array: Any) -> set[str]:
    images = torch.as_tensor(array)
    return set(content_hashes(images if images.shape[1] in (1, 3) else images.permute(0, 3, 1, 2)))


@pytest.mark.parametrize(
    "names", [("victims", "adversary"), ("test", "train"), ("x_test", "x_train")]
)
@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_two_arrays(tmp_path: Path, names: tuple[str, str], first: bool) -> None:
    ours, theirs = noise(6, 8, 9, 3), noise(11, 8, 9, 3, seed=1)
    stored = [array.transpose(0, 3, 1, 2) if first else array for array in (ours, theirs)]
    path = saved(tmp_path, **dict(zip(names, stored, strict=True)), y_test=np.zeros(6))
    sets = load(path, 6, 11)
    assert hashes(sets.victims) == hashes(ours)
    assert hashes(sets.adversary) == hashes(theirs)
    assert sets.name == f"npz:{path}"


LABELS = {
    "victims": "victims_labels",
    "adversary": "adversary_labels",
    "test": "test_labels",
    "train": "train_labels",
    "x_test": "y_test",
    "x_train": "y_train",
}


def classes(images: torch.Tensor, labels: torch.Tensor | None, sets: ImageSets) -> dict[str, str]:
    """The class by the hash of the image."""
    assert labels is not None
    names = [sets.classes[label] for label in labels]
    return dict(zip(content_hashes(images), names, strict=True))


def named(array: Any, names: Any) -> dict[str, str]:
    found = content_hashes(torch.as_tensor(array).permute(0, 3, 1, 2))
    return dict(zip(found, [str(name) for name in names], strict=True))


@pytest.mark.parametrize(
    "names", [("victims", "adversary"), ("test", "train"), ("x_test", "x_train")]
)
@pytest.mark.parametrize("kind", ["int64", "uint8", "column", "text"])
def test_classes_of_two_arrays(tmp_path: Path, names: tuple[str, str], kind: str) -> None:
    ours, theirs = noise(9, 8, 8, 3), noise(20, 8, 8, 3, seed=1)
    labels = [noise(len(side), seed=2) % 12 for side in (ours, theirs)]
    stored: list[Any] = labels
    if kind == "int64":
        stored = [side.astype(np.int64) - 3 for side in labels]
    elif kind == "text":
        stored = [np.array([f"kind {label}" for label in side]) for side in labels]
    elif kind == "column":
        stored = [side[:, None] for side in labels]
    arrays = dict(zip(names, (ours, theirs), strict=True))
    arrays |= {LABELS[name]: side for name, side in zip(names, stored, strict=True)}
    sets = load(saved(tmp_path, **arrays), 7, 15)
    flat = [side.reshape(len(side)) for side in stored]
    found = classes(sets.victims, sets.victim_labels, sets)
    assert len(found) == 7
    assert found.items() <= named(ours, flat[0]).items()
    found = classes(sets.adversary, sets.adversary_labels, sets)
    assert len(found) == 15
    assert found.items() <= named(theirs, flat[1]).items()
    assert list(sets.classes) == sorted(sets.classes)
    assert sets.notes == ()


def test_classes_of_one_array(tmp_path: Path) -> None:
    images, labels = noise(40, 8, 8, 3), noise(40, seed=1) % 5
    sets = load(saved(tmp_path, images=images, labels=labels), 10, 40)
    wanted = named(images, labels)
    found = classes(sets.victims, sets.victim_labels, sets)
    assert found.items() <= wanted.items()
    assert classes(sets.adversary, sets.adversary_labels, sets).items() <= wanted.items()
    assert len(found) == 10


@pytest.mark.parametrize("names", [("images",), ("victims", "adversary")])
def test_classes_of_another_number_of_images_are_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    arrays: dict[str, Any] = {name: noise(20, 8, 8, 3, seed=len(name)) for name in names}
    arrays["labels" if names == ("images",) else "victims_labels"] = np.zeros(19, np.int64)
    with pytest.raises(
        DataError, match="holds 20 images in '.*' but 19 classes in '.*labels': write one class"
    ):
        load(saved(tmp_path, **arrays), 2, 2)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(20), r"holds float64 of shape \(20,\), not one integer or text per image"),
        (np.eye(20, dtype=np.int64), r"holds int64 of shape \(20, 20\)"),
        (np.array(["a"] * 20, dtype=object), "cannot be read"),
    ],
)
def test_what_is_no_class_leaves_no_labels_and_is_noted(
    tmp_path: Path, labels: Any, reason: str
) -> None:
    sets = load(saved(tmp_path, images=noise(20, 8, 8, 3), labels=labels), 2, 2)
    assert (sets.classes, sets.victim_labels, sets.adversary_labels) == ((), None, None)
    (note,) = sets.notes
    assert re.match(f"no classes: the array 'labels' {reason}", note)


def test_classes_of_one_side_alone_leave_no_labels(tmp_path: Path) -> None:
    arrays = {"victims": noise(3, 8, 8, 3), "adversary": noise(3, 8, 8, 3, seed=1)}
    path = saved(tmp_path, **arrays, victims_labels=np.arange(3))
    assert load(path, 3, 3).victim_labels is None
    assert load(path, 3, 0).classes == ("0", "1", "2")


def test_the_seed_draws(tmp_path: Path) -> None:
    path = saved(tmp_path, victims=noise(40, 8, 8, 3), adversary=noise(40, 8, 8, 3, seed=1))
    first, other = load(path, 5, 5), load(path, 5, 5, seed=1)
    assert first.hash == load(path, 5, 5).hash
    assert hashes(first.victims) != hashes(other.victims)
    assert hashes(first.adversary) != hashes(other.adversary)


def test_one_array_is_split_by_content(tmp_path: Path) -> None:
    images = noise(40, 8, 8)
    whole = load(saved(tmp_path, images=images), 10, 40)
    theirs = hashes(whole.adversary)
    ours = hashes(images[:, None]) - theirs
    assert hashes(whole.victims) <= ours
    assert 10 <= len(ours) <= 30
    grown = np.concatenate([noise(10, 8, 8, seed=1), images[::-1]])
    assert theirs <= hashes(load(saved(tmp_path, images=grown), 10, 99).adversary)
    assert not ours & hashes(load(saved(tmp_path, images=grown), 10, 99).adversary)
    assert hashes(load(saved(tmp_path, images=images), 0, 99).adversary) == ours | theirs


def test_grey_arrays_have_one_channel(tmp_path: Path) -> None:
    for shape in ((4, 8, 9), (4, 8, 9, 1), (4, 1, 8, 9)):
        assert load(saved(tmp_path, victims=noise(*shape)), 4, 0).victims.shape == (4, 1, 8, 9)


def test_resizing_on_request_only(tmp_path: Path) -> None:
    path = saved(tmp_path, victims=noise(3, 20, 16, 3))
    assert load(path, 3, 0).victims.shape == (3, 3, 20, 16)
    assert load(path, 3, 0, size=8).victims.shape == (3, 3, 8, 8)


def test_a_side_that_is_missing(tmp_path: Path) -> None:
    sets = load(saved(tmp_path, victims=noise(3, 8, 8, 3)), 3, 5)
    assert sets.adversary.shape == (0, 3, 8, 8)
    assert any("has 0 images, not 5" in note for note in sets.notes)
    with pytest.raises(DataError, match="holds 0 images for the victims"):
        load(saved(tmp_path, adversary=noise(3, 8, 8, 3)), 3, 5)


def test_twins_are_taken_from_the_adversary(tmp_path: Path) -> None:
    images = noise(6, 8, 8, 3)
    sets = load(saved(tmp_path, victims=images[:3], adversary=images), 3, 6)
    assert hashes(sets.adversary) == hashes(images[3:])


class _Trap:
    """Would leave a trace if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trap = np.empty(1, dtype=object)
    trap[0] = _Trap(tmp_path / "sprung")
    path = saved(tmp_path, images=trap)
    with pytest.raises(DataError, match="the array 'images' of .* cannot be read"):
        load(path, 1, 1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 8, 8, 3)), r"dtype float64, not uint8: convert floats in \[0, 1\]"),
        (np.zeros((4, 8, 8, 3), np.int64), "dtype int64, not uint8: images are uint8"),
        (np.zeros((4, 8, 8, 3), bool), "dtype bool"),
        (noise(8, 8), r"shape \(8, 8\), not"),
        (noise(8, 8, 3), r"shape \(8, 8, 3\): stack images"),
        (noise(4, 8, 8, 4), "1 or 3 channels"),
        (noise(4, 3, 8, 3), "channels first or last"),
        (noise(2, 2, 8, 8, 3), r"shape \(2, 2, 8, 8, 3\), not"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"shape \(0, 8, 8, 3\), not"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray[Any, Any], reason: str) -> None:
    for name in ("images", "victims"):
        with pytest.raises(DataError, match=reason):
            load(saved(tmp_path, **{name: array}), 1, 0)


def test_the_array_of_an_npy_file_is_split_as_one_called_images_is(tmp_path: Path) -> None:
    images = noise(40, 8, 8, 3)
    np.save(tmp_path / "one.npy", images)
    ours, theirs = load(tmp_path / "one.npy", 9, 9), load(saved(tmp_path, images=images), 9, 9)
    assert torch.equal(ours.victims, theirs.victims)
    assert torch.equal(ours.adversary, theirs.adversary)


def test_compressed_arrays_are_read_whole(tmp_path: Path) -> None:
    images = noise(40, 8, 8, 3)
    np.savez_compressed(tmp_path / "packed.npz", images=images)
    ours, theirs = load(tmp_path / "packed.npz", 9, 9), load(saved(tmp_path, images=images), 9, 9)
    assert torch.equal(ours.victims, theirs.victims)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "cut.npz").write_bytes(saved(tmp_path, images=noise(9, 8, 8, 3)).read_bytes()[:500])
    np.save(tmp_path / "one.npy", np.zeros(4))
    np.savez(tmp_path / "names.npz", x=noise(4, 8, 8, 3))
    np.savez(tmp_path / "none.npz")
    flipped = bytearray((tmp_path / "images.npz").read_bytes())
    flipped[700] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(flipped)
    for name, reason in {
        "missing.npz": "does not exist: name a .npz or .npy file",
        "empty.npz": r"is empty \(0 bytes\)",
        "text.npz": "is not a NumPy .npz file",
        "cut.npz": "is not a NumPy .npz file",
        "flipped.npz": "'images' .* cannot be read",
        "one.npy": "has dtype float64, not uint8",
        "names.npz": "holds x, but neither 'images'",
        "none.npz": "holds nothing",
        ".": "is a folder",
    }.items():
        with pytest.raises(DataError, match=reason):
            load(tmp_path / name, 1, 0)
    with pytest.raises(DataError, match="use npz:FILE"):
        registry.dataset("npz:")
