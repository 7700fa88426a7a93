"""Images that an attack's settings name decide what a run is, and may not be the attacked ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ppattack
from ppattack.errors import ConfigError, DataError
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.runs.identity import identity
from ppattack.runs.inputs import load_images
from ppattack.runs.other_images import check_other_images
from tests.support.natural import natural_images


def named(attack: str, source: str) -> str:
    request = RunRequest(attack, "etc", attack_settings={"upright_images": source})
    made = registry.attack(attack)(upright_images=source)
    return identity(request, made, registry.target("etc")())


def stored(file: Path, seed: int) -> str:
    np.savez(file, images=natural_images(4, 8, seed).permute(0, 2, 3, 1).numpy())
    return f"npz:{file}"


@pytest.mark.parametrize("attack", ["covariance-matching", "jigsaw"])
def test_other_contents_are_other_runs(attack: str, tmp_path: Path) -> None:
    first = named(attack, source := stored(tmp_path / "a.npz", 1))
    assert named(attack, source) == first
    assert named(attack, stored(tmp_path / "a.npz", 2)) != first
    assert named(attack, "") not in (first, named(attack, source))


def test_the_attacked_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="photos is --data too"):
        named("jigsaw", "photos")


def test_a_missing_source_is_named_before_the_attack(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        named("jigsaw", f"folder:{tmp_path / 'missing'}")


def folder(place: Path, images: torch.Tensor, first: int = 0) -> str:
    place.mkdir()
    for number, image in enumerate(images.permute(0, 2, 3, 1).numpy(), first):
        Image.fromarray(image).save(place / f"{number}.png")
    return f"folder:{place}"


@pytest.mark.parametrize("size", [16, 48])
def test_a_source_that_holds_attacked_images_is_refused(size: int, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", natural_images(12, 48, 1))
    request = RunRequest("jigsaw", "etc", data=data, victims=3, adversary=2, size=size)
    victims = load_images(request, size, 3).victims
    clean = folder(tmp_path / "clean", natural_images(3, 48, 2))
    check_other_images(registry.attack("jigsaw")(upright_images=clean), request, victims)
    spoilt = registry.attack("jigsaw")(upright_images=f"folder:{tmp_path / 'data'}/.")
    with pytest.raises(DataError, match="/. holds 3 of the images that are attacked"):
        check_other_images(spoilt, request, victims)


def test_plain_images_of_given_ciphertexts_are_refused_too(tmp_path: Path) -> None:
    plain = natural_images(3, 48, 1)
    source = folder(tmp_path / "others", torch.cat([natural_images(2, 48, 2), plain[:1]]))
    attack = registry.attack("jigsaw")(upright_images=source)
    request = RunRequest("jigsaw", "etc", ciphertexts=tmp_path)
    check_other_images(attack, request, plain[1:])
    check_other_images(attack, request, plain[:0])
    with pytest.raises(DataError, match="holds 1 of the images"):
        check_other_images(attack, request, plain)


def test_a_run_with_such_a_source_ends_before_the_attack(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", natural_images(12, 48, 1))
    request = RunRequest(
        "jigsaw", "etc", data=data, victims=3, adversary=2, size=16, out=tmp_path / "runs",
        attack_settings={"upright_images": f"{data}/."},
    )  # fmt: skip
    with pytest.raises(DataError, match="of the images that are attacked"):
        ppattack.run(request)
    assert not list((tmp_path / "runs").glob("*/report.json"))
