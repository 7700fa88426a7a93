from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ppattack.data import photos
from ppattack.data.photos import ADVERSARY, VICTIMS, Photos
from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.errors import DataError
from ppattack.plugins import registry


def load(victims: int, adversary: int, size: int | None = 32, seed: int = 0) -> ImageSets:
    return Photos().load(ImageRequest(victims, adversary, size, seed))


@pytest.mark.parametrize("size", [16, 17, 32, 64, 224, 256])
def test_any_size(size: int) -> None:
    sets = load(6, 8, size)
    assert sets.victims.shape == (6, 3, size, size)
    assert sets.adversary.shape == (8, 3, size, size)
    assert sets.victims.dtype == torch.uint8


@pytest.mark.parametrize("size", [15, 257])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(DataError, match="16 to 256 px"):
        load(1, 1, size)


def test_own_size() -> None:
    assert load(1, 0, None).victims.shape == (1, 3, 32, 32)


def test_the_same_request_gives_the_same_images_and_another_seed_others() -> None:
    assert load(5, 7).hash == load(5, 7).hash
    first, second = load(5, 7), load(5, 7, seed=1)
    assert not set(content_hashes(first.victims)) & set(content_hashes(second.victims))
    assert not set(content_hashes(first.adversary)) & set(content_hashes(second.adversary))


def test_asking_for_more_changes_none() -> None:
    few, many = load(4, 6), load(9, 40)
    assert torch.equal(few.victims, many.victims[:4])
    assert torch.equal(few.adversary, many.adversary[:6])


@pytest.mark.long
@pytest.mark.parametrize("size", [16, 32])
def test_thousands_of_distinct_crops(size: int) -> None:
    sets = load(300, 2000, size)
    assert len({*content_hashes(sets.victims), *content_hashes(sets.adversary)}) == 2300


def test_no_photograph_is_on_both_sides_and_the_stereo_pair_is_not_split() -> None:
    assert not set(VICTIMS) & set(ADVERSARY)
    sides = [{name.split("_")[0] for name in side} for side in (VICTIMS, ADVERSARY)]
    assert not sides[0] & sides[1]
    assert len(ADVERSARY) >= 4


def ramps(monkeypatch: pytest.MonkeyPatch, **lead: int) -> None:
    """Replace each photograph by one that is brighter to the right, in one channel only."""
    channels = {name: i % 3 for i, name in enumerate([*VICTIMS, *ADVERSARY])} | lead

    def made(name: str) -> Image.Image:
        pixels = np.zeros((300, 400, 3), np.uint8)
        pixels[:, :, channels[name]] = np.linspace(0, 255, 400).round()
        return Image.fromarray(pixels)

    monkeypatch.setattr(photos, "_photograph", made)
    monkeypatch.setattr(photos, "LEAST_CONTRAST", 0.0)


def test_each_side_is_cut_from_its_own_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    ramps(monkeypatch, **dict.fromkeys(VICTIMS, 0), **dict.fromkeys(ADVERSARY, 2))
    sets = load(20, 40)
    assert sets.victims[:, 0].any()
    assert not sets.victims[:, 1:].any()
    assert sets.adversary[:, 2].any()
    assert not sets.adversary[:, :2].any()


def test_photographs_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    ramps(monkeypatch)
    found = load(12, 0).victims.flatten(2).double().mean(dim=2).argmax(dim=1)
    assert found.tolist() == [0, 1] * 6


def test_half_of_the_adversary_s_crops_are_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    ramps(monkeypatch)
    sets = load(50, 200)

    def mirrored(images: torch.Tensor) -> float:
        columns = images.double().sum(dim=(1, 2))
        return float((columns[:, 0] > columns[:, -1]).double().mean())

    assert mirrored(sets.victims) == 0
    assert 0.35 < mirrored(sets.adversary) < 0.65


def test_crops_are_not_nearly_empty() -> None:
    sets = load(0, 400)
    contrast = sets.adversary.double().mean(dim=1).flatten(1).std(dim=1, correction=0)
    assert contrast.min() >= photos.LEAST_CONTRAST


def test_crops_come_in_several_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = []
    resize = Image.Image.resize

    def watched(
        self: Image.Image, *args: object, **options: tuple[int, int, int, int]
    ) -> Image.Image:
        edges.append((options["box"][2] - options["box"][0]) / min(self.size))
        return resize(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", watched)
    load(100, 0)
    assert min(edges) < 0.45
    assert max(edges) > 0.9
    assert 0.5 < float(np.median(edges)) < 0.7


def test_the_report_is_told_of_the_overlap() -> None:
    assert any("overlapping crops of 2 photographs" in note for note in load(2, 2).notes)


def test_there_are_no_classes() -> None:
    sets = load(2, 2)
    assert (sets.classes, sets.victim_labels, sets.adversary_labels) == ((), None, None)


def test_no_argument() -> None:
    with pytest.raises(DataError, match="'photos' takes nothing after the colon"):
        registry.dataset("photos:cats")


def test_an_installation_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_loader("skimage", None, is_package=True)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    spec.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(DataError, match=r"astronaut\.png does not exist: reinstall scikit-image"):
        load(1, 1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="needs scikit-image"):
        load(1, 1)
