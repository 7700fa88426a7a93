"""Images loaded once for many runs, and never stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ppattack.data.npz import Npz
from ppattack.data.source import ImageRequest, ImageSets
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
