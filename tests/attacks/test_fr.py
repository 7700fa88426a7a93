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
from numpy.typing import NDArray
from PIL import Image
from skimage import data, metrics
from torch import Tensor

from ppattack.attack import Context, Recovery
from ppattack.attacks.fr import FeatureReconstruction
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, ThreatModelError
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.seeding import numpy_stream
from ppattack.solvers.folding import feature_reconstruction as solver
from ppattack.target import PermXorTarget, Target
from ppattack.threat import KeyScope, Observation, ThreatModel

CONTEXT = Context(torch.device("cpu"), seed=11)
MODES: list[dict[str, Any]] = [
    {},
    {"bright": True},
    {"mode": "advanced"},
    {"mode": "advanced", "seed_pixel": "encrypted", "reference": "4nbr"},
    {"mode": "same-key"},
    {"mode": "mrf"},
]
STRONG_MODES = [MODES[0], MODES[2], MODES[4], MODES[5]]
"""Those without the options that are there for comparison with the literature alone."""
DATA: Any = data
METRICS: Any = metrics
NOBODY = torch.empty(0, 3, 32, 32, dtype=torch.uint8)
PUBLISHED = {"le": 0.0516, "ele": 0.0238, "pe": 0.3098, "etc": 0.0390}
"""Medians of |SSIM| over the 10,000 CIFAR-10 test images, FR basic on the published code."""


def crops(photo: NDArray[np.uint8], count: int, seed: int) -> Tensor:
    """Crops of 96 pixels, every third pixel kept."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, np.array(photo.shape[:2]) - 96, (count, 2))
    cut = [photo[row : row + 96 : 3, column : column + 96 : 3] for row, column in places]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()


@cache
def photos() -> ImageSets:
    victims = torch.cat([crops(DATA.astronaut(), 20, 1), crops(DATA.coffee(), 20, 2)])
    public = torch.cat([crops(DATA.chelsea(), 20, 3), crops(DATA.rocket(), 20, 4)])
    return ImageSets("photographs", victims, public)


def grey(sets: ImageSets) -> ImageSets:
    return ImageSets("grey", sets.victims[:, 1:2], sets.adversary[:, 1:2])


def attacked(
    attack: FeatureReconstruction,
    target: Target,
    sets: ImageSets | None = None,
    scope: KeyScope = "dataset",
) -> tuple[Recovery, Scenario]:
    scenario = simulate(attack, target, sets or photos(), scope, seed=7)
    return attack(scenario.observation, CONTEXT), scenario


def ssim(images: Tensor | None, plain: Tensor | None) -> NDArray[np.float64]:
    assert images is not None
    assert plain is not None
    pairs = zip(images.movedim(1, 3).numpy(), plain.movedim(1, 3).numpy(), strict=True)
    return np.array([METRICS.structural_similarity(a, b, channel_axis=2) for a, b in pairs])


def gain(recovery: Recovery, scenario: Scenario) -> float:
    """Mean SSIM over the better of the mean public image and the ciphertext."""
    plain = scenario.truth.images
    assert plain is not None
    mean = scenario.sets.adversary.double().mean(0).round().to(torch.uint8)
    blind = [mean.expand_as(plain), scenario.observation.ciphertexts]
    best = max(float(ssim(images, plain).mean()) for images in blind)
    return float(ssim(recovery.images, plain).mean()) - best


def make(name: str, **settings: Any) -> Target:
    return registry.target(name)(**settings)


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
        ThreatModel(),
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


@cache
def crowd() -> ImageSets:
    """Few victims, and enough public images of their kind to learn from."""
    victims = [crops(DATA.chelsea(), 16, 3), crops(DATA.coffee(), 16, 4)]
    public = [crops(DATA.chelsea(), 128, 5), crops(DATA.coffee(), 128, 6)]
    return ImageSets("photographs", torch.cat(victims), torch.cat(public))


LEARNED: dict[str, Any] = {"preset": "smoke", "mode": "learned"}


@pytest.mark.parametrize("shuffle", [False, True])
def test_learned_reads_more_than_basic_shows(shuffle: bool) -> None:
    target = make("pe", color_shuffle=shuffle)
    attack = FeatureReconstruction(**LEARNED, epochs=8)
    learned, scenario = attacked(attack, target, crowd(), "image")
    basic, _ = attacked(FeatureReconstruction(), target, crowd(), "image")
    assert learned.notes["color_shuffle"] == shuffle
    assert gain(learned, scenario) > gain(basic, scenario) + 0.05


def test_learned_at_its_control_budget_breaks_its_positive_control() -> None:
    attack = FeatureReconstruction(**LEARNED)
    control = attack.positive_control(make("etc").public())
    few = attack.at_control_budget()
    assert few.config.epochs < attack.config.epochs
    target = make(control.target, **control.settings)
    assert gain(*attacked(few, target, crowd(), control.key_scope)) > 0.05


def hardly(mode: str = "learned") -> FeatureReconstruction:
    """Hardly trained: for what does not depend on how much was learnt."""
    return FeatureReconstruction(mode=mode, epochs=1, images=32, levels=2, batch_size=16)


@pytest.mark.parametrize("mode", ["learned", "mrf"])
def test_under_any_key_the_same_is_read(mode: str) -> None:
    keys: list[tuple[str, KeyScope]] = [("plain", "dataset"), ("pe", "dataset"), ("pe", "image")]
    read = [
        attacked(hardly(mode), make(name, **settings), scope=scope)[0].images
        for name, scope in keys
        for settings in ([{"color_shuffle": False}] if name == "pe" else [{}])
    ]
    assert read[0] is not None
    for images in read[1:]:
        assert images is not None
        assert torch.equal(images, read[0])


def test_under_a_colour_shuffle_learned_reads_the_same_under_any_key() -> None:
    target = make("pe", color_shuffle=True)
    attack = hardly()
    one, other = (attacked(attack, target, scope=scope)[0] for scope in ("dataset", "image"))
    assert one.images is not None
    assert other.images is not None
    assert torch.equal(one.images, other.images)


def test_learned_gains_nothing_on_a_one_time_pad_and_needs_public_images() -> None:
    attack = FeatureReconstruction(**LEARNED)
    assert attack.requires() == ThreatModel(public="unpaired")
    assert not attack.welcomes_public_images()
    assert gain(*attacked(attack, make("one-time-pad"), crowd(), "image")) < 0.02


def test_the_field_uses_public_images_where_there_are_any() -> None:
    attack = FeatureReconstruction(mode="mrf")
    assert attack.requires() == ThreatModel()
    assert attack.welcomes_public_images()
    public, scenario = attacked(attack, make("pe"))
    assert scenario.observation.threat.public == "unpaired"
    bare, alone = attacked(attack, make("pe"), ImageSets("none", photos().victims, NOBODY))
    assert alone.observation.threat.public == "none"
    assert public.images is not None
    assert bare.images is not None
    assert not torch.equal(public.images, bare.images)


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
