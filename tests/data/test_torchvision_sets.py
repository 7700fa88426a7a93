from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image

from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.data.torchvision_sets import data_root
from ppattack.errors import DataError
from ppattack.plugins import registry
from tests.support.image_files import encoded, noise

TEST, TRAIN = noise(12, 3, 32, 32), noise(40, 3, 32, 32, seed=1)
DIGITS, MORE_DIGITS = noise(9, 28, 28), noise(20, 28, 28, seed=1)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PPATTACK_DATA_ROOT", str(tmp_path))
    return tmp_path


def load(
    name: str, victims: int, adversary: int, size: int | None = None, **options: Any
) -> ImageSets:
    return registry.dataset(name).load(ImageRequest(victims, adversary, size, **options))


def hashes(images: Any) -> set[str]:
    return set(content_hashes(torch.as_tensor(images)))


def label_of(image: Any) -> int:
    """A class that the image itself tells: its first pixel's."""
    return int(image.reshape(-1)[0]) % 3


def agree(sets: ImageSets, names: list[str]) -> None:
    """Every label is that of its own image."""
    for images, labels in (
        (sets.victims, sets.victim_labels),
        (sets.adversary, sets.adversary_labels),
    ):
        assert labels is not None
        found = [sets.classes[label] for label in labels]
        assert found == [names[label_of(image)] for image in images]
        assert len(set(found)) == 3


@pytest.fixture(params=["cifar10", "cifar100"])
def cifar(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Batches as the archives hold them; only their checksums differ."""
    name: str = request.param
    plugin = torchvision.datasets.CIFAR10 if name == "cifar10" else torchvision.datasets.CIFAR100
    folder = root / plugin.base_folder
    folder.mkdir()
    labels = "labels" if name == "cifar10" else "fine_labels"
    for images, files in ((TEST, plugin.test_list), (TRAIN, plugin.train_list)):
        for part, (file, _) in zip(np.array_split(images, len(files)), files, strict=True):
            batch = {"data": part.reshape(len(part), -1), labels: [label_of(i) for i in part]}
            (folder / file).write_bytes(pickle.dumps(batch))
    meta = {plugin.meta["key"]: ["b", "a", "c"]}
    (folder / plugin.meta["filename"]).write_bytes(pickle.dumps(meta))
    monkeypatch.setattr(
        "torchvision.datasets.cifar.check_integrity", lambda path, *_: Path(path).exists()
    )
    return name


@pytest.mark.parametrize("size", [None, 32])
def test_cifar_images_are_untouched(cifar: str, size: int | None) -> None:
    sets = load(cifar, 12, 40, size)
    assert hashes(sets.victims) == hashes(TEST)
    assert hashes(sets.adversary) == hashes(TRAIN)
    assert sets.name == cifar
    assert sets.notes == ()


def test_the_classes_of_cifar(cifar: str) -> None:
    sets = load(cifar, 10, 30)
    assert sets.classes == ("a", "b", "c")
    agree(sets, ["b", "a", "c"])


def test_the_seed_draws(cifar: str) -> None:
    first, other = load(cifar, 4, 8), load(cifar, 4, 8, seed=1)
    assert first.hash == load(cifar, 4, 8).hash
    assert hashes(first.victims) != hashes(other.victims)
    assert hashes(first.adversary) != hashes(other.adversary)
    assert torch.equal(load(cifar, 2, 3).adversary, first.adversary[:3])


def test_sizes_and_counts(cifar: str) -> None:
    sets = load(cifar, 3, 50, 64)
    assert sets.victims.shape == (3, 3, 64, 64)
    assert any("has 40 images, not 50" in note for note in sets.notes)
    assert any("43 images were smaller than 64 px" in note for note in sets.notes)
    with pytest.raises(
        DataError, match=f"{cifar} holds 12 images for the victims, not 13: use -n 12"
    ):
        load(cifar, 13, 0)


def test_the_checksums_of_cifar_guard_its_pickles(root: Path) -> None:
    plugin = torchvision.datasets.CIFAR10
    (root / plugin.base_folder).mkdir()
    for file, _ in [*plugin.train_list, *plugin.test_list]:
        (root / plugin.base_folder / file).write_bytes(pickle.dumps({"data": TEST}))
    with pytest.raises(DataError, match="or is damaged: add --download"):
        load("cifar10", 1, 1)


@pytest.fixture
def mnist(root: Path) -> None:
    """The four files in their own format."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, images in (("t10k", DIGITS), ("train", MORE_DIGITS)):
        header = struct.pack(">iiii", 2051, *images.shape)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = struct.pack(">ii", 2049, len(images)) + bytes(label_of(i) for i in images)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels)


@pytest.mark.usefixtures("mnist")
def test_mnist_is_grey_and_untouched_at_28() -> None:
    sets = load("mnist", 9, 20)
    assert hashes(sets.victims) == hashes(DIGITS[:, None])
    assert hashes(sets.adversary) == hashes(MORE_DIGITS[:, None])
    assert load("mnist", 2, 2, 32).victims.shape == (2, 1, 32, 32)
    assert sets.classes == ("0 - zero", "1 - one", "2 - two")
    agree(sets, list(sets.classes))


def photographs(root: Path, name: str, edge: int) -> None:
    for split, count in (("val", 3), ("train", 5)):
        for wnid in ("n01440764", "n02102040"):
            folder = root / name / split / wnid
            folder.mkdir(parents=True)
            for i in range(count):
                shape = (edge, edge + 20 + i) if i == 0 else (edge + i, edge, 3)
                seed = edge + 7 * i + len(split) + int(wnid[1:4])
                (folder / f"{i}.JPEG").write_bytes(encoded(noise(*shape, seed=seed), "JPEG"))


def test_imagenette_is_cut_to_colour_squares(root: Path) -> None:
    photographs(root, "imagenette2-160", 160)
    sets = load("imagenette", 6, 10)
    assert sets.victims.shape == (6, 3, 160, 160)
    assert sets.adversary.shape == (10, 3, 160, 160)
    assert load("imagenette", 2, 2, 64).victims.shape == (2, 3, 64, 64)
    assert sets.classes == ("English springer", "tench")
    assert sets.victim_labels is not None
    assert sets.victim_labels.bincount().tolist() == [3, 3]
    assert sets.notes == ()
    with pytest.raises(DataError, match="'imagenette' is not in"):
        load("imagenette", 2, 2, 224)
    photographs(root, "imagenette2-320", 320)
    sets = load("imagenette", 2, 2, 224)
    assert sets.victims.shape == (2, 3, 224, 224)
    assert sets.notes == ()


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "imagenette"])
def test_nothing_is_fetched_unasked(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = []

    def fail(url: str, *_: object, **__: object) -> None:
        print("Downloading")
        fetched.append(url)
        raise OSError("no network")

    for module in ("cifar", "mnist", "imagenette"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.download_and_extract_archive", fail)
    with pytest.raises(DataError, match=rf"'{name}' is not in {root}.* add --download .*MB"):
        load(name, 1, 1)
    assert not fetched
    with pytest.raises(DataError, match=rf"'{name}' could not be fetched into .*no network"):
        load(name, 1, 1, download=True)
    assert fetched
    assert capsys.readouterr().out == ""


def test_where_data_sets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("PPATTACK_DATA_ROOT", "~/sets")
    assert data_root() == Path("/home/somebody/sets")
    monkeypatch.delenv("PPATTACK_DATA_ROOT")
    assert data_root() == Path("/home/somebody/.cache/ppattack/data")


def test_images_that_cannot_be_read_are_named(root: Path) -> None:
    photographs(root, "imagenette2-160", 160)
    for path in (root / "imagenette2-160" / "val").rglob("*.JPEG"):
        path.write_bytes(encoded(Image.new("F", (4, 4)), "TIFF"))
    with pytest.raises(ValueError, match=r"\d\.JPEG has 32 bits per channel"):
        load("imagenette", 1, 0)
