"""Data sets of the hub: a stand-in for the package ``datasets`` says what it was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ppattack.data.hugging_face import HuggingFace
from ppattack.data.source import ImageRequest, ImageSets, content_hashes
from ppattack.errors import DataError, MissingPackage
from tests.support.image_files import encoded, noise


class Image:
    """A column of images."""

    def __init__(self, *, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    """A column of classes."""

    def int2str(self, number: int) -> str:
        return ("cat", "dog")[number]


class Rows(list[dict[str, Any]]):
    """A split."""

    features: dict[str, Any]

    def cast_column(self, name: str, feature: Image) -> Rows:
        assert not feature.decode
        assert name == "picture"
        return self


def rows(seeds: range, **features: Any) -> Rows:
    made = Rows(
        {"picture": {"bytes": encoded(noise(8, 8, 3, seed=seed), "PNG"), "path": None},
         "label": seed % 2}
        for seed in seeds
    )  # fmt: skip
    made.features = features or {"id": object(), "picture": Image(), "label": ClassLabel()}
    return made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The package, with a set of two splits in its cache."""
    asked: list[tuple[str, str | None, bool, str | None]] = []
    sets = {"me/pets": {"train": rows(range(20)), "test": rows(range(20, 30))}}

    def load(name: str, *, split: str | None = None) -> Any:
        offline = made.config.HF_HUB_OFFLINE
        asked.append((name, split, offline, os.environ.get("HF_HUB_OFFLINE")))
        if name not in sets:
            raise ConnectionError(f"Couldn't reach '{name}' on the Hub (OfflineMode)\nmore")
        return sets[name] if split is None else sets[name][split]

    logging = SimpleNamespace(
        get_verbosity=lambda: 1, set_verbosity_error=lambda: None, set_verbosity=lambda level: None
    )
    made = SimpleNamespace(
        load_dataset=load, config=SimpleNamespace(HF_HUB_OFFLINE=False), asked=asked, sets=sets,
        utils=SimpleNamespace(logging=logging), disable_progress_bars=lambda: None,
        enable_progress_bars=lambda: None,
    )  # fmt: skip
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setitem(sys.modules, "datasets", made)
    return made


def load(name: str, victims: int, adversary: int, *, download: bool = False) -> ImageSets:
    asked = ImageRequest(victims, adversary, None, download=download)
    return HuggingFace(name).load(asked)


def test_test_images_are_the_victims_and_training_images_the_adversarys(
    hub: SimpleNamespace,
) -> None:
    sets = load("me/pets", 10, 20)
    assert sets.name == "hf:me/pets"
    assert (len(sets.victims), len(sets.adversary)) == (10, 20)
    assert sets.classes == ("cat", "dog")
    assert sets.victim_labels is not None
    assert int(sets.victim_labels.sum()) == 5
    assert not set(content_hashes(sets.victims)) & set(content_hashes(sets.adversary))


def test_one_split_is_split_by_content(hub: SimpleNamespace) -> None:
    sets = load("me/pets:train", 4, 20)
    more = load("me/pets:train", 6, 20)
    ours = set(content_hashes(more.victims))
    assert set(content_hashes(sets.victims)) < ours
    assert not ours & set(content_hashes(sets.adversary))
    assert len(load("me/pets:train", 0, 99).adversary) == 20
    assert [each[:2] for each in hub.asked] == [("me/pets", "train")] * 3


def test_nothing_is_fetched_unless_asked_for(hub: SimpleNamespace) -> None:
    load("me/pets", 1, 1)
    load("me/pets", 1, 1, download=True)
    assert [each[2] for each in hub.asked] == [True, False]
    assert hub.config.HF_HUB_OFFLINE is False
    assert "HF_HUB_OFFLINE" not in os.environ
    with pytest.raises(
        DataError, match="cannot be loaded .*or add --download to fetch it"
    ) as found:
        load("me/nothing", 1, 1)
    assert "\n" not in str(found.value)
    with pytest.raises(DataError, match="check the name and the network"):
        load("me/nothing", 1, 1, download=True)


def test_damaged_images_are_skipped_and_files_are_read(
    hub: SimpleNamespace, tmp_path: Path
) -> None:
    hub.sets["me/pets"]["test"][3]["picture"] = {"bytes": b"no image", "path": None}
    (tmp_path / "a.png").write_bytes(encoded(noise(8, 8, 3, seed=99), "PNG"))
    hub.sets["me/pets"]["test"][4]["picture"] = {"bytes": None, "path": str(tmp_path / "a.png")}
    sets = load("me/pets", 9, 1)
    assert sets.notes[0].startswith("1 image was skipped: test[3] is not a PNG")
    with pytest.raises(DataError, match="9 images for the victims, not 10"):
        load("me/pets", 10, 1)


def test_what_cannot_be_used_is_one_line(
    hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.sets["me/text"] = {"train": rows(range(2), text=object())}
    hub.sets["me/odd"] = {"a": rows(range(2)), "b": rows(range(2))}
    with pytest.raises(DataError, match="split 'train' has no column of images, but text"):
        load("me/text", 1, 1)
    with pytest.raises(DataError, match="has the splits a, b: name one, hf:me/odd:SPLIT"):
        load("me/odd", 1, 1)
    with pytest.raises(DataError, match=r"use hf:NAME\[:SPLIT\]"):
        HuggingFace("")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPackage, match=r"pip install 'ppattack\[hf\]'"):
        load("me/pets", 1, 1)
