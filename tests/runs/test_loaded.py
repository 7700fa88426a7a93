"""Images loaded once for many runs, and never stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ppattack.data.npz import Npz
from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.runs import kept_images
from ppattack.runs.loaded import images, loaded_once

WANTED = ImageRequest(victims=2, adversary=2, size=8)


def store(place: Path, level: int) -> str:
    rng = np.random.default_rng(level)
    pixels: NDArray[np.uint8] = rng.integers(0, 256, (8, 8, 8, 3), np.uint8)
    np.savez(place, images=pixels)
    return f"npz:{place}"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[ImageRequest]:
    """The requests that were loaded."""
    found: list[ImageRequest] = []
    load = Npz.load

    def counted(self: Npz, request: ImageRequest) -> ImageSets:
        found.append(request)
        return load(self, request)

    monkeypatch.setattr(Npz, "load", counted)
    return found


def test_equal_requests_load_once_while_a_matrix_is_under_way(
    tmp_path: Path, loads: list[ImageRequest]
) -> None:
    source = store(tmp_path / "a.npz", 1)
    with loaded_once():
        first = images(source, WANTED)
        with loaded_once():
            assert images(source, WANTED) is first
        images(source, ImageRequest(victims=3, adversary=2, size=8))
        assert images(source, WANTED) is first
    assert [each.victims for each in loads] == [2, 3]
    store(tmp_path / "a.npz", 2)
    assert images(source, WANTED).hash != first.hash


def test_what_an_attack_wrote_into_its_images_reaches_no_other(
    tmp_path: Path, loads: list[ImageRequest]
) -> None:
    source = store(tmp_path / "a.npz", 1)
    with loaded_once():
        spoilt = images(source, WANTED)
        content = spoilt.hash
        spoilt.adversary.zero_()
        assert images(source, WANTED).hash == content
    assert len(loads) == 2


@pytest.fixture
def crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[ImageRequest]:
    """The requests for which photographs were cropped; there is a cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PPATTACK_CACHE")
    found: list[ImageRequest] = []
    load = Photos.load

    def counted(self: Photos, request: ImageRequest) -> ImageSets:
        found.append(request)
        return load(self, request)

    monkeypatch.setattr(Photos, "load", counted)
    return found


def test_public_images_are_kept_as_they_were_loaded(
    tmp_path: Path, crops: list[ImageRequest]
) -> None:
    wanted = ImageRequest(victims=3, adversary=2, size=16, distractors=2)
    first, again = images("photos", wanted), images("photos", wanted)
    assert crops == [wanted]
    assert again.hash == first.hash
    assert again.notes == first.notes
    assert first.distractors is not None
    assert again.distractors is not None
    assert again.distractors.equal(first.distractors)
    assert again.name == first.name
    images("photos", replace(wanted, seed=1))
    assert len(crops) == 2
    for file in (tmp_path / "ppattack" / "images").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    assert images("photos", wanted).hash == first.hash
    assert len(crops) == 3


def test_the_newest_requests_are_kept(
    tmp_path: Path, crops: list[ImageRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_images, "REQUESTS_KEPT", 2)
    wanted = [ImageRequest(victims=1, adversary=0, size=16, seed=seed) for seed in range(3)]
    for each in wanted:
        images("photos", each)
    assert len(list((tmp_path / "ppattack" / "images").iterdir())) == 2
    images("photos", wanted[2])
    assert crops == wanted


def test_images_of_a_user_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PPATTACK_CACHE")
    images(store(tmp_path / "a.npz", 1), WANTED)
    assert not (tmp_path / "cache").exists()
