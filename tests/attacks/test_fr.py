"""FR against the targets it was published on: what it recovers, what it needs, where it fails."""

from __future__ import annotations

import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ppattack.attack import Context
from ppattack.attacks.fr import FeatureReconstruction
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, ThreatModelError
from ppattack.scenario import simulate
from ppattack.seeding import numpy_stream
from ppattack.solvers.folding import feature_reconstruction as solver
from ppattack.target import PermXorTarget
from ppattack.threat import KeyScope, Observation, ThreatModel
from tests.support.photo_attacks import CONTEXT, attacked, gain, make, photos, ssim
from tests.support.program import in_process

pytestmark = pytest.mark.long

MODES: list[dict[str, Any]] = [
    {},
    {"bright": True},
    {"mode": "advanced"},
    {"mode": "advanced", "seed_pixel": "encrypted", "reference": "4nbr"},
    {"mode": "same-key"},
]
STRONG_MODES = [MODES[0], MODES[2], MODES[4]]
"""Those without the options that are there for comparison with the literature alone."""
PUBLISHED = {"le": 0.0516, "ele": 0.0238, "pe": 0.3098, "etc": 0.0390}
"""Medians of |SSIM| over the 10,000 CIFAR-10 test images, FR basic on the published code."""


def grey(sets: ImageSets) -> ImageSets:
    return ImageSets("grey", sets.victims[:, 1:2], sets.adversary[:, 1:2])


@pytest.mark.parametrize("settings", STRONG_MODES, ids=str)
def test_positive_control_is_broken(settings: dict[str, Any]) -> None:
    attack = FeatureReconstruction(**settings)
    assert attack.at_control_budget() is attack
    control = attack.positive_control(make("etc").public())
    target = make(control.target, **control.settings)
    assert gain(*attacked(attack, target, scope=control.key_scope)) > 0.05


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_a_one_time_pad_gives_nothing_away(settings: dict[str, Any]) -> None:
    attack = FeatureReconstruction(**settings)
    scenario = simulate(FeatureReconstruction(), make("one-time-pad"), photos(), "image", seed=7)
    chosen = attack.choose_plaintexts(scenario.observation.scheme, (3, 32, 32))
    observation = Observation(
        threat=attack.requires(),
        scheme=scenario.observation.scheme,
        ciphertexts=scenario.observation.ciphertexts,
        image_shape=(3, 32, 32),
        public_images=photos().adversary,
        chosen_pairs=None if chosen is None else (chosen, under_a_fresh_pad(chosen)),
    )
    assert gain(attack(observation, CONTEXT), scenario) < 0.01


def under_a_fresh_pad(images: Tensor) -> Tensor:
    target = make("one-time-pad")
    return target.encrypt(images, target.generate_key(numpy_stream(8), (3, 32, 32)))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_same_key_is_exact_on_pixel_wise_encryption(shuffle: bool, channels: int) -> None:
    sets = photos() if channels == 3 else grey(photos())
    target = make("pe", color_shuffle=shuffle)
    assert isinstance(target, PermXorTarget)
    recovery, scenario = attacked(FeatureReconstruction(mode="same-key"), target, sets)
    assert recovery.images is not None
    assert recovery.key is not None
    assert scenario.truth.images is not None
    assert scenario.truth.key is not None
    assert not torch.equal(scenario.observation.ciphertexts, scenario.truth.images)
    assert torch.equal(recovery.images, scenario.truth.images)
    key = target.permxor(scenario.truth.key)
    assert np.array_equal(recovery.key.index, key.index)
    assert np.array_equal(recovery.key.mask, key.mask)


def test_basic_undoes_complements_under_any_key() -> None:
    keys: list[tuple[str, KeyScope]] = [("plain", "dataset"), ("pe", "dataset"), ("pe", "image")]
    results = [
        attacked(FeatureReconstruction(), make(name), scope=scope)[0].images for name, scope in keys
    ]
    assert results[0] is not None
    for images in results[1:]:
        assert images is not None
        assert torch.equal(images, results[0])


def test_advanced_tries_channel_orders_when_the_scheme_shuffles_them() -> None:
    shuffled = make("pe", color_shuffle=True)
    auto, scenario = attacked(FeatureReconstruction(mode="advanced"), shuffled)
    on, _ = attacked(FeatureReconstruction(mode="advanced", color_shuffle="on"), shuffled)
    off, _ = attacked(FeatureReconstruction(mode="advanced", color_shuffle="off"), shuffled)
    assert auto.images is not None
    assert on.images is not None
    assert off.images is not None
    assert torch.equal(auto.images, on.images)
    assert not torch.equal(auto.images, off.images)
    assert auto.notes == {"color_shuffle": True}
    basic, _ = attacked(FeatureReconstruction(), shuffled)
    assert gain(auto, scenario) > gain(basic, scenario)
    plain, _ = attacked(FeatureReconstruction(mode="advanced"), make("pe", color_shuffle=False))
    assert plain.notes == {"color_shuffle": False}


def test_advanced_starts_from_public_images_or_from_the_encrypted_pixel() -> None:
    target = make("pe", color_shuffle=True)
    sets = photos()
    recovery, scenario = attacked(FeatureReconstruction(mode="advanced"), target)
    ciphertexts = scenario.observation.ciphertexts
    mean = torch.from_numpy(np.rint(sets.adversary.double().mean((0, 2, 3)).numpy()))
    seeds = mean.to(torch.uint8).expand(len(ciphertexts), -1)
    expected = solver.advanced(ciphertexts, seeds, color_shuffle=True)
    assert recovery.images is not None
    assert torch.equal(recovery.images, expected)
    encrypted = FeatureReconstruction(mode="advanced", seed_pixel="encrypted")
    blind, _ = attacked(encrypted, target)
    assert blind.images is not None
    assert torch.equal(blind.images[:, :, 0, 0], ciphertexts[:, :, 0, 0])


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_results_repeat_and_the_observation_stays_as_it_is(settings: dict[str, Any]) -> None:
    attack = FeatureReconstruction(**settings)
    scenario = simulate(attack, make("pe", color_shuffle=True), photos(), "dataset", seed=7)
    before = scenario.observation.ciphertexts.clone()
    first = attack(scenario.observation, CONTEXT).images
    second = attack(scenario.observation, Context(torch.device("cpu"), seed=12)).images
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)
    assert torch.equal(scenario.observation.ciphertexts, before)


def test_each_mode_asks_for_what_it_uses_and_no_more() -> None:
    needs = [FeatureReconstruction(**settings).requires() for settings in MODES]
    assert needs == [
        ThreatModel(),
        ThreatModel(),
        ThreatModel(public="unpaired"),
        ThreatModel(),
        ThreatModel(chosen=1),
    ]
    ciphertexts = photos().victims
    bare = Observation(
        threat=ThreatModel(),
        scheme=make("pe").public(own_keys=False),
        ciphertexts=ciphertexts,
        image_shape=(3, 32, 32),
    )
    for settings, need in zip(MODES, needs, strict=True):
        attack = FeatureReconstruction(**settings)
        if need == ThreatModel():
            assert attack(bare, CONTEXT).images is not None
        else:
            with pytest.raises(ThreatModelError):
                attack(bare, CONTEXT)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("learned", "attack.fr.mode: 'learned' is now the attack 'fold'."),
        ("mrf", "attack.fr.mode: 'mrf' is now the attack 'fold' with attack.mode=mrf."),
    ],
)
def test_a_mode_that_is_an_attack_of_its_own_now_says_so(
    mode: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        FeatureReconstruction(preset="smoke", mode=mode)
    assert str(raised.value) == words
    arguments = f"run --attack fr --target pe -q --set attack.mode={mode} --set attack.epochs=3"
    code, out, errors = in_process(arguments, tmp_path)
    assert (code, out) == (2, "")
    assert errors.strip() == f"ppattack: {words}"
    assert list(tmp_path.iterdir()) == []


def test_same_key_is_refused_where_it_cannot_work() -> None:
    attack = FeatureReconstruction(mode="same-key")
    with pytest.raises(ConfigError, match="works on blocks"):
        simulate(attack, make("etc"), photos(), "dataset", seed=7)
    with pytest.raises(ThreatModelError, match="one key per image"):
        simulate(attack, make("pe"), photos(), "image", seed=7)


@cache
def cifar10_test() -> Tensor:
    images = []
    with tarfile.open(Path(os.environ["PPATTACK_DATA"]) / "cifar10-jpeg.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and "test" in Path(member.name).parts:
                images.append(np.asarray(Image.open(content).convert("RGB")))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


@pytest.mark.slow
@pytest.mark.skipif("PPATTACK_DATA" not in os.environ, reason="PPATTACK_DATA is not set")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_medians_on_cifar10(name: str) -> None:
    plain = cifar10_test()
    assert len(plain) == 10_000
    sets = ImageSets("CIFAR-10 (JPEG)", plain, plain[:0])
    target = make(
        name, variant="ito", legacy_seed=0, **({"block_size": 4} if name == "etc" else {})
    )
    recovery, _ = attacked(FeatureReconstruction(), target, sets)
    median = float(np.median(np.abs(ssim(recovery.images, plain))))
    assert median == pytest.approx(PUBLISHED[name], abs=0.004)
