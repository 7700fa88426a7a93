"""What is learned of compressed files, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ppattack.identify import jpeg_lessons
from ppattack.identify.jpeg_kinds import KINDS
from tests.support.folders_of_ciphertexts import photographs

FEW = 3
"""Files of each kind, so that learning is quick."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PPATTACK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ppattack" / "identify-jpeg"


def _asked_anew(quality: int = 75, *, halved: bool = True) -> jpeg_lessons.Weights:
    jpeg_lessons.weights.cache_clear()
    return jpeg_lessons.weights(quality, halved=halved, number=FEW)


def test_it_is_learned_once_for_a_quality(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(jpeg_lessons, "announce", told.append)
    first = _asked_anew()
    again = _asked_anew()
    assert len(told) == len(list(cache.iterdir())) == 1
    assert "quality 75" in told[0]
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    _asked_anew(80)
    _asked_anew(halved=False)
    assert len(told) == len(list(cache.iterdir())) == 3


def test_a_damaged_file_of_the_cache_is_written_anew(cache: Path) -> None:
    first = _asked_anew()
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:50], whole[: len(whole) // 2], whole.replace(b"NUMPY", b"PYNUM")):
        file.write_bytes(damaged)
        assert all(np.array_equal(*pair) for pair in zip(first, _asked_anew(), strict=True))
        assert file.read_bytes() == whole


@pytest.mark.parametrize("name", [name for name in KINDS if name != "pad"])
def test_every_kind_only_moves_and_complements_values(name: str) -> None:
    kind, plain = KINDS[name], photographs()[:4]
    made = jpeg_lessons.encrypted(plain, kind, np.random.default_rng(1))
    assert made.shape == plain.shape
    for one, other in zip(plain, made, strict=True):
        halves = [np.concatenate([x.ravel() & 15, x.ravel() >> 4]) for x in (one, other)]
        if kind.complements != "no":
            halves = [np.minimum(x, 15 - x) for x in halves]
        assert np.array_equal(np.sort(halves[0]), np.sort(halves[1]))
        assert (one != other).mean() > 0.3


@pytest.mark.parametrize("name", ["le-8", "vit-blocks-8"])
def test_shared_blocks_have_one_key_in_an_image(name: str) -> None:
    flat = np.repeat(np.arange(192, dtype=np.uint8)[None], 16, axis=0)  # sixteen equal blocks
    blocks = flat.reshape(1, 4, 4, 3, 8, 8).transpose(0, 3, 1, 4, 2, 5).reshape(1, 3, 32, 32)
    made = jpeg_lessons.encrypted(blocks, KINDS[name], np.random.default_rng(2))
    tiles = made.reshape(3, 4, 8, 4, 8).transpose(1, 3, 0, 2, 4).reshape(16, -1)
    assert (tiles == tiles[0]).all()
    own = jpeg_lessons.encrypted(blocks, KINDS["ele-8"], np.random.default_rng(2))
    tiles = own.reshape(3, 4, 8, 4, 8).transpose(1, 3, 0, 2, 4).reshape(16, -1)
    assert not (tiles == tiles[0]).all()
