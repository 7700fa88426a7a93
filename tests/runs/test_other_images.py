"""Images that an attack's settings name decide what a run is, and may not be the attacked ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ppattack.errors import ConfigError, DataError
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.runs.identity import identity
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
