"""Known and chosen pairs against ciphers that say nothing of their structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ppattack
from ppattack.attack import Attack, Context, Recovery
from ppattack.attacks.chosen_plaintext import ChosenPlaintext
from ppattack.attacks.known_plaintext import KnownPlaintext
from ppattack.data.image_files import read_image, write_png
from ppattack.data.source import ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.runs.map_files import MapFile
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from ppattack.threat import Observation
from tests.support import home_made
from tests.support.attack_contract import CONTEXT
from tests.support.natural import natural_images
from tests.support.plugins import ciphers
from tests.support.program import in_process
from tests.support.run_requests import request

SCORED = 24


def attacked(
    attack: Attack, target: Target, seed: int = 1, shape: tuple[int, int, int] = (3, 16, 16)
) -> tuple[Recovery, Scenario]:
    channels, height, width = shape
    count = SCORED + attack.requires().pairs
    images = natural_images(count, max(height, width), channels=channels)[..., :height, :width]
    if isinstance(attack, FlatPairs):
        images[SCORED:, :, :6] = 9
    sets = ImageSets("natural", images.contiguous(), images[:0].contiguous())
    scenario = simulate(attack, target, sets, "dataset", seed)
    return attack(scenario.observation, CONTEXT), scenario


def right(recovery: Recovery, scenario: Scenario) -> float:
    assert recovery.images is not None
    assert scenario.truth.images is not None
    return float((recovery.images == scenario.truth.images).double().mean())


def check_map(recovery: Recovery, scenario: Scenario, target: Target) -> None:
    """The map is that of the key, on images that nobody has seen."""
    assert recovery.map is not None
    assert scenario.truth.key is not None
    shape = scenario.observation.image_shape
    fresh = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
    assert recovery.map.apply(fresh).equal(target.encrypt(fresh, scenario.truth.key))


EXACT: list[tuple[str, dict[str, Any], int, int]] = [
    ("PermuteXor", {}, 6, 4),
    ("Diffusion", {"scan": "cwh"}, 6, 4),
    ("Diffusion", {"add": True, "backward": True, "scan": "hwc"}, 6, 4),
    ("Diffusion", {"rounds": 2}, 16, 6),
    ("Diffusion", {"rounds": 2, "add": True, "scan": "hwc"}, 16, 6),
    ("Arnold", {}, 4, 1),
]
"""Cipher, settings, and known pairs and chosen images after which every byte is right."""


@pytest.mark.parametrize(("name", "settings", "known", "chosen"), EXACT)
def test_maps_are_exact(name: str, settings: dict[str, Any], known: int, chosen: int) -> None:
    target = home_made.cipher(name, **settings)
    for attack in (KnownPlaintext(pairs=known), ChosenPlaintext(images=chosen)):
        recovery, scenario = attacked(attack, target)
        assert right(recovery, scenario) == 1.0
        assert not recovery.limits
        check_map(recovery, scenario, target)


@pytest.mark.parametrize("add", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_three_rounds(add: bool) -> None:
    target = home_made.cipher("Diffusion", rounds=3, add=add, backward=add)
    for attack in (KnownPlaintext(pairs=24), ChosenPlaintext(images=12)):
        recovery, scenario = attacked(attack, target, shape=(3, 12, 8))
        assert right(recovery, scenario) == 1.0
        check_map(recovery, scenario, target)


@pytest.mark.parametrize("shape", [(1, 24, 24), (3, 12, 20), (1, 17, 9)])
@pytest.mark.parametrize("name", ["PermuteXor", "Diffusion"])
def test_other_sizes(name: str, shape: tuple[int, int, int]) -> None:
    for attack in (KnownPlaintext(pairs=8), ChosenPlaintext()):
        recovery, scenario = attacked(attack, home_made.cipher(name), shape=shape)
        assert right(recovery, scenario) == 1.0


@pytest.mark.parametrize("pairs", [2, 8])
def test_a_matrix_modulo_256_falls_to_two_pairs(pairs: int) -> None:
    target = ciphers.Hill()
    for attack in (KnownPlaintext(pairs=pairs), ChosenPlaintext(images=pairs)):
        recovery, scenario = attacked(attack, target)
        assert right(recovery, scenario) == 1.0
        assert recovery.notes["model"] == "one matrix modulo 256 for runs of 4 bytes"
        assert not recovery.limits
        check_map(recovery, scenario, target)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_matrix_modulo_256_and_pixels_that_move(seed: int) -> None:
    target = ciphers.MovedHill()
    for attack in (KnownPlaintext(pairs=10), ChosenPlaintext(images=6)):
        recovery, scenario = attacked(attack, target, seed)
        assert right(recovery, scenario) == 1.0
        assert recovery.notes["model"].endswith(", which change places")
        check_map(recovery, scenario, target)
    recovery, _ = attacked(KnownPlaintext(pairs=4, model="modular"), target, seed)
    assert recovery.refuted


@pytest.mark.parametrize("seed", range(4))
def test_one_pair_tells_a_cat_map_flat_areas_included(seed: int) -> None:
    target = home_made.cipher("Arnold")
    recovery, scenario = attacked(FlatPairs(pairs=1), target, seed)
    assert right(recovery, scenario) == 1.0
    assert recovery.notes["model"].endswith("by a linear map of coordinates")
    check_map(recovery, scenario, target)


class FlatPairs(KnownPlaintext):
    """A third of the known image has one colour, and no ciphertext helps."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Check that the known image is flat there."""
        assert (observation.known_pairs[0][..., :6, :] == 9).all()
        return super().run(observation, context)


def test_one_table_of_bytes() -> None:
    target = home_made.cipher("Substitution")
    recovery, scenario = attacked(ChosenPlaintext(images=5), target)
    assert right(recovery, scenario) == 1.0
    check_map(recovery, scenario, target)
    recovery, scenario = attacked(KnownPlaintext(pairs=8), target)
    assert right(recovery, scenario) > 0.99


def test_a_table_for_every_byte() -> None:
    target = home_made.cipher("Substitution", own_tables=True)
    recovery, scenario = attacked(ChosenPlaintext(images=258), target, shape=(3, 8, 8))
    assert right(recovery, scenario) == 1.0
    check_map(recovery, scenario, target)
    recovery, scenario = attacked(KnownPlaintext(pairs=256), target, shape=(3, 8, 8))
    assert 0.5 < right(recovery, scenario) < 1.0
    assert "too few known pairs (256)" in recovery.limits
    assert not recovery.refuted


def test_bits() -> None:
    target = home_made.cipher("BitShuffle")
    recovery, scenario = attacked(ChosenPlaintext(images=14), target)
    assert right(recovery, scenario) == 1.0
    check_map(recovery, scenario, target)
    recovery, scenario = attacked(KnownPlaintext(pairs=150), target)
    assert right(recovery, scenario) > 0.99


def test_any_rounds_from_chosen_images() -> None:
    target = home_made.cipher("Diffusion", rounds=5)
    recovery, scenario = attacked(ChosenPlaintext(images=25), target, shape=(3, 8, 8))
    assert right(recovery, scenario) == 1.0
    check_map(recovery, scenario, target)
    assert "GF(2)" in recovery.notes["model"]


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("SecretMatrix", 8, "orthogonal matrix for blocks of 4x4"),
        ("DctSigns", 8, "signs of the DCT"),
    ],
)
def test_linear_maps(name: str, known: int, words: str) -> None:
    target = home_made.cipher(name)
    for attack in (KnownPlaintext(pairs=known), ChosenPlaintext(images=6)):
        recovery, scenario = attacked(attack, target)
        assert words in recovery.notes["model"]
        assert scenario.truth.key is not None
        assert recovery.images is not None
        assert scenario.truth.images is not None
        best = target.decrypt(scenario.observation.ciphertexts, scenario.truth.key)
        found = ssim(recovery.images, scenario.truth.images).mean()
        assert found > ssim(best, scenario.truth.images).mean() - 0.03


@pytest.mark.parametrize(
    ("attack", "isolate"), [("known-plaintext", True), ("chosen-plaintext", False)]
)
def test_a_run_saves_a_map_that_decrypts(tmp_path: Path, attack: str, isolate: bool) -> None:
    target = f"{ciphers.__file__}:Chained"
    done = ppattack.run(request(tmp_path, attack=attack, target=target, isolate=isolate))
    assert done.report.verdict == "BROKEN"
    assert "a map that decrypts every image exactly" in done.report.reason
    key = done.folder / "recovered.key"
    assert key.stat().st_mode & 0o077 == 0
    assert MapFile.from_bytes(key.read_bytes()) is not None


def test_decrypt_takes_a_recovered_map_for_a_key(tmp_path: Path) -> None:
    target, name = ciphers.Chained(), f"{ciphers.__file__}:Chained"
    recovery, scenario = attacked(KnownPlaintext(), target)
    shape, key = scenario.observation.image_shape, scenario.truth.key
    assert recovery.map is not None
    assert key is not None
    data = MapFile.new(recovery.map, target, shape).to_bytes()
    (tmp_path / "map").write_bytes(data)
    (tmp_path / "bad").write_bytes(data.replace(b"shapes", b"shopes"))
    plain = natural_images(3, 16, seed=9)
    _write(tmp_path / "c", target.encrypt(plain, key))
    _write(tmp_path / "large", natural_images(2, 32))

    def decrypted(options: str) -> tuple[int, str]:
        code, _, errors = in_process(f"decrypt {options} --out p", tmp_path)
        assert code == 0 or errors.count("\n") == 1
        return code, errors

    code, errors = decrypted("--target pe --ciphertexts c --key-file map")
    assert (code, "map: the key is for 'chained', not for 'pe'" in errors) == (2, True)
    code, errors = decrypted(f"--target {name} --ciphertexts large --key-file map")
    assert (code, "is for ciphertexts of shape (3, 16, 16)" in errors) == (2, True)
    code, errors = decrypted(f"--target {name} --ciphertexts c --key-file bad")
    assert (code, "bad: not a ppattack file of a recovered map" in errors) == (2, True)
    assert not (tmp_path / "p").exists()
    assert decrypted(f"--target {name} --ciphertexts c --key-file map")[0] == 0
    found = [read_image(tmp_path / "p" / f"{number}.png") for number in range(3)]
    assert torch.stack(found).equal(plain)
    code, _, errors = in_process(
        f"encrypt --target {name} --images c --out e --key-file map", tmp_path
    )
    assert (code, "a map that was recovered" in errors) == (2, True)


def _write(folder: Path, images: torch.Tensor) -> None:
    for number, image in enumerate(images):
        write_png(folder / f"{number}.png", image)


def test_a_single_model_can_be_asked_for() -> None:
    target = home_made.cipher("PermuteXor")
    recovery, _ = attacked(KnownPlaintext(pairs=8, model="table"), target)
    assert recovery.notes["models tried"] == ["table"]
    assert recovery.refuted
    recovery, scenario = attacked(ChosenPlaintext(model="permutation"), target)
    assert right(recovery, scenario) == 1.0
