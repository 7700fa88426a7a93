"""The inverse transformation attack: it breaks what it must, and nothing that it cannot."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.attack import Attack, Context, ProgressTask, Recovery
from ppattack.attacks.itn import InverseTransformationNetwork
from ppattack.config import as_dict
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, DataError
from ppattack.evaluation.collapse import spread
from ppattack.metrics.baselines import mean_image
from ppattack.metrics.ssim import ssim
from ppattack.plugins.registry import target as target_class
from ppattack.scenario import Scenario, simulate
from ppattack.solvers.trained.inverse_transformation import VARIANTS
from ppattack.target.base import PublicScheme
from ppattack.threat import Observation, ThreatModel
from tests.conftest import smooth_images, smooth_sets

pytestmark = pytest.mark.long

CPU = torch.device("cpu")
ALL_VARIANTS = sorted(VARIANTS)
SOUND_VARIANTS = ["paper", "published-evaluation-fixed", "fixed"]
HARDLY_TRAINED: dict[str, Any] = {"preset": "smoke", "epochs": 1, "images": 64}
"""Settings for what does not depend on how much was learnt."""


@pytest.fixture(scope="module")
def images() -> ImageSets:
    return smooth_sets(victims=32, adversary=256)


@pytest.fixture(scope="module")
def on_pad(images: ImageSets) -> Callable[[str], tuple[Scenario, Recovery]]:
    """What each variant makes of one-time pads, trained once for all tests."""

    @cache
    def trained(variant: str) -> tuple[Scenario, Recovery]:
        scenario = _scenario("one-time-pad", images)
        attack = InverseTransformationNetwork(preset="smoke", variant=variant)
        return scenario, _run(scenario, attack)

    return trained


def _scenario(name: str, sets: ImageSets, **settings: Any) -> Scenario:
    target = target_class(name)(**settings)
    scope = target.card.key_scopes[0]
    return simulate(InverseTransformationNetwork(), target, sets, scope, seed=0)


def _run(scenario: Scenario, attack: Attack | None = None, **context: Any) -> Recovery:
    attack = attack or InverseTransformationNetwork(preset="smoke")
    return attack(scenario.observation, Context(CPU, **{"seed": 3, **context}))


def _images(recovery: Recovery) -> Tensor:
    assert recovery.images is not None
    return recovery.images


def _gain(scenario: Scenario, shown: Tensor) -> float:
    """Mean SSIM above the better of the mean public image and the ciphertext itself."""
    truth = scenario.truth.images
    assert truth is not None
    mean = mean_image(scenario.observation.public_images).expand_as(truth).contiguous()
    blind = torch.maximum(ssim(mean, truth), ssim(scenario.observation.ciphertexts, truth))
    return float((ssim(shown, truth) - blind).mean())


@pytest.mark.parametrize("variant", SOUND_VARIANTS)
def test_at_its_control_budget_it_breaks_its_positive_control(
    images: ImageSets, variant: str
) -> None:
    attack = InverseTransformationNetwork(preset="smoke", variant=variant)
    control = attack.positive_control(target_class("etc")().public())
    assert control is not None
    scenario = _scenario(control.target, images, **control.settings)
    gain = _gain(scenario, _images(_run(scenario, attack.at_control_budget())))
    assert gain > 0.25
    truth = scenario.truth.images
    assert truth is not None
    assert gain > 0.25 + _gain(scenario, torch.full_like(truth, 128))


def test_the_pixel_network_learns_what_a_pixel_reveals(images: ImageSets) -> None:
    scenario = _scenario("keyless", images)
    named_pe = _Renamed(scenario.observation.scheme, "pe")
    attack = InverseTransformationNetwork(preset="smoke", variant="published-evaluation-fixed")
    observation = Observation(
        threat=scenario.observation.threat,
        scheme=named_pe,
        ciphertexts=scenario.observation.ciphertexts,
        image_shape=scenario.observation.image_shape,
        public_images=scenario.observation.public_images,
    )
    recovery = attack(observation, Context(CPU, seed=3))
    assert recovery.notes["network"] == "PixelNet"
    assert _gain(scenario, _images(recovery)) > 0.25


class _Renamed(PublicScheme):
    """A scheme under another name, that notes what it encrypts."""

    def __init__(self, scheme: PublicScheme, name: str) -> None:
        super().__init__(scheme.target, own_keys=True)
        self.card = replace(scheme.card, name=name)
        self.asked: list[Tensor] = []

    def encrypt_with_fresh_keys(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        self.asked.append(images.clone())
        return super().encrypt_with_fresh_keys(images, rng)


@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_it_gains_nothing_on_a_one_time_pad(
    on_pad: Callable[[str], tuple[Scenario, Recovery]], variant: str
) -> None:
    scenario, recovery = on_pad(variant)
    assert _gain(scenario, _images(recovery)) < 0.02


def test_where_nothing_can_be_learnt_all_images_are_alike(
    images: ImageSets, on_pad: Callable[[str], tuple[Scenario, Recovery]]
) -> None:
    usual = InverseTransformationNetwork(preset="smoke").config.variant
    on_control = _run(_scenario("keyless", images))
    assert spread(_images(on_pad(usual)[1])) < 2
    assert on_control.images is not None
    assert spread(on_control.images) > 2


def test_the_same_seed_gives_the_same_images_and_another_seed_others(images: ImageSets) -> None:
    scenario = _scenario("keyless", images)
    first, second, other = (
        _images(_run(scenario, InverseTransformationNetwork(**HARDLY_TRAINED), seed=seed))
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_training_depends_on_no_victim(images: ImageSets) -> None:
    scenario = _scenario("le", images)
    alone = simulate(
        InverseTransformationNetwork(),
        target_class("le")(),
        replace(images, victims=images.victims[:3]),
        "dataset",
        seed=0,
    )
    attack = InverseTransformationNetwork(**HARDLY_TRAINED)
    together = _images(_run(scenario, attack))[:3].int()
    assert (together - _images(_run(alone, attack)).int()).abs().max() <= 1


def test_it_encrypts_its_public_images_only_and_leaves_its_inputs_alone(
    images: ImageSets,
) -> None:
    scenario = _scenario("pe", images)
    held = scenario.observation
    scheme = _Renamed(held.scheme, "pe")
    public, ciphertexts = held.public_images, held.ciphertexts
    before = public.clone(), ciphertexts.clone()
    observation = Observation(
        threat=held.threat,
        scheme=scheme,
        ciphertexts=ciphertexts,
        image_shape=held.image_shape,
        public_images=public,
    )
    InverseTransformationNetwork(preset="smoke", epochs=1)(observation, Context(CPU, seed=3))
    assert len(scheme.asked) == 1
    assert torch.equal(scheme.asked[0], before[0])
    assert torch.equal(public, before[0])
    assert torch.equal(ciphertexts, before[1])


def test_it_trains_on_no_more_images_than_it_is_told(images: ImageSets) -> None:
    attack = InverseTransformationNetwork(preset="smoke", images=40, epochs=1)
    assert _run(_scenario("pe", images), attack).notes["training_images"] == 40


class _Interrupting:
    """Progress that interrupts once two epochs are done."""

    @contextmanager
    def task(self, description: str, total: float) -> Iterator[ProgressTask]:
        yield self

    def update(self, completed: float, **facts: float) -> None:
        if completed > 2.0:
            raise KeyboardInterrupt

    def log(self, message: str) -> None:
        raise AssertionError(message)


def test_an_interrupted_attack_resumes_to_the_same_images(
    images: ImageSets, tmp_path: Path
) -> None:
    scenario = _scenario("keyless", images)
    attack = InverseTransformationNetwork(preset="smoke", images=128)
    with pytest.raises(KeyboardInterrupt):
        _run(scenario, attack, checkpoints=tmp_path, progress=_Interrupting())
    assert [path.name for path in tmp_path.iterdir()] == ["itn-paper.safetensors"]
    resumed = _run(scenario, attack, checkpoints=tmp_path)
    whole = _run(scenario, attack)
    assert torch.equal(_images(resumed), _images(whole))
    assert resumed.notes == whole.notes


def test_a_passed_deadline_still_gives_images(images: ImageSets) -> None:
    attack = InverseTransformationNetwork(preset="smoke", images=64)
    recovery = _run(_scenario("pe", images), attack, deadline=time.monotonic() - 1)
    assert recovery.notes["ended"] == "deadline"
    assert len(_images(recovery)) == 32


@pytest.mark.parametrize("variant", ALL_VARIANTS)
@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 18)])
def test_grey_images_and_padded_sizes_come_back_in_the_plain_size(
    variant: str, channels: int, size: int
) -> None:
    pixels = smooth_images(24, size=size, channels=channels)
    scenario = _scenario("etc", ImageSets("smooth", pixels[:4], pixels[4:]), block_size=8)
    attack = InverseTransformationNetwork(preset="smoke", epochs=1, variant=variant)
    assert _images(_run(scenario, attack)).shape == (4, channels, size, size)


def test_public_images_of_another_size_are_refused() -> None:
    scenario = _scenario("pe", smooth_sets(size=16))
    observation = Observation(
        threat=scenario.observation.threat,
        scheme=scenario.observation.scheme,
        ciphertexts=scenario.observation.ciphertexts,
        image_shape=(3, 16, 16),
        public_images=smooth_images(8, size=12),
    )
    with pytest.raises(DataError, match=r"\(3, 12, 12\).*\(3, 16, 16\)"):
        InverseTransformationNetwork(preset="smoke")(observation, Context(CPU, seed=0))


def test_too_few_public_images_are_refused() -> None:
    with pytest.raises(DataError, match="2 examples"):
        _run(_scenario("pe", smooth_sets(adversary=2)))


def test_the_control_budget_changes_nothing_but_the_epochs() -> None:
    for preset in InverseTransformationNetwork.presets:
        for variant in ALL_VARIANTS:
            attack = InverseTransformationNetwork(preset=preset, variant=variant)
            control = attack.at_control_budget()
            changed = as_dict(control.config).items() - as_dict(attack.config).items()
            assert [name for name, _ in changed] == ["epochs"]
            assert 3 <= control.config.epochs <= 40


# The published evaluation, with its defects.


@pytest.mark.parametrize(("scheme", "epochs"), [("pe", 2), ("le", 8), ("ele", 8), ("etc", 8)])
def test_the_published_evaluation_shows_black_images(
    images: ImageSets, scheme: str, epochs: int
) -> None:
    scenario = _scenario(scheme, images)
    attack = InverseTransformationNetwork(
        preset="smoke", variant="published-evaluation", epochs=epochs
    )
    shown = _images(_run(scenario, attack))
    truth = scenario.truth.images
    assert truth is not None
    assert float(ssim(shown, truth).abs().median()) < 0.01
    assert float(shown.float().median()) <= 2.0


def _paired(name: str, sets: ImageSets, attack: Attack, **settings: Any) -> Scenario:
    target = target_class(name)(**settings)
    scope = attack.negative_control().key_scope if name == "one-time-pad" else "dataset"
    return simulate(attack, target, sets, scope, seed=0, vain_pairs=scope == "image")


@pytest.mark.parametrize(
    ("name", "settings", "pairs"),
    [
        ("le", {}, 1),
        ("pe", {"color_shuffle": True}, 4),
        ("ele", {}, 16),
        ("etc", {"block_size": 4}, 16),
    ],
)
def test_with_known_pairs_it_undoes_every_fixed_key_scheme(
    name: str, settings: dict[str, Any], pairs: int
) -> None:
    sets = smooth_sets(victims=8 + pairs, adversary=8)
    attack = InverseTransformationNetwork(variant="fixed", pairs=pairs)
    scenario = _paired(name, sets, attack, **settings)
    recovery = _run(scenario, attack)
    truth = scenario.truth.images
    assert truth is not None
    assert len(truth) == 8
    assert recovery.notes["training_images"] == pairs
    assert float(ssim(_images(recovery), truth).mean()) > 0.9
    assert float(ssim(scenario.observation.ciphertexts, truth).mean()) < 0.3


def test_with_known_pairs_it_asks_for_them_and_for_nothing_else() -> None:
    assert InverseTransformationNetwork(pairs=7).requires() == ThreatModel(pairs=7)
    assert not InverseTransformationNetwork(pairs=7).requires().own_keys
    unpaired = ThreatModel(public="unpaired", own_keys=True)
    assert InverseTransformationNetwork(variant="fixed").requires() == unpaired


@pytest.mark.parametrize("variant", ["fixed", "paper"])
def test_pairs_under_other_keys_say_nothing_of_a_one_time_pad(variant: str) -> None:
    sets = smooth_sets(victims=48, adversary=64)
    attack = InverseTransformationNetwork(preset="smoke", variant=variant, pairs=16, epochs=3)
    scenario = _paired("one-time-pad", sets, attack)
    truth = scenario.truth.images
    assert truth is not None
    mean = mean_image(sets.adversary).expand_as(truth).contiguous()
    shown = _images(_run(scenario, attack))
    assert float((ssim(shown, truth) - ssim(mean, truth)).mean()) < 0.02


def test_with_known_pairs_its_positive_control_is_a_key_that_one_pair_gives_away() -> None:
    attack = InverseTransformationNetwork(preset="smoke", variant="fixed", pairs=1)
    control = attack.positive_control(target_class("etc")().public())
    assert control is not None
    sets = smooth_sets(victims=9, adversary=8)
    scenario = _paired(control.target, sets, attack, **control.settings)
    shown = _images(_run(scenario, attack.at_control_budget()))
    truth = scenario.truth.images
    assert truth is not None
    assert float(ssim(shown, truth).mean()) > 0.9


def test_a_linear_network_that_would_be_too_large_is_refused() -> None:
    attack = InverseTransformationNetwork(variant="fixed", pairs=2)
    scheme = target_class("etc")(block_size=16).public()
    assert attack.obstacle(scheme, (3, 64, 64)) is None
    assert "weights" in str(attack.obstacle(scheme, (3, 256, 256)))


def _ideal_output(levels: Tensor) -> Tensor:
    """The tanh output that minimises the published loss for each plain level in [0, 1].

    The loss is (sigmoid(t) - (2 p - 1))², and t lies in [-1, 1].
    """
    wanted = 2 * levels.double() - 1
    grid = torch.linspace(-1, 1, 20_001, dtype=torch.float64)
    return grid[(grid.sigmoid() - wanted[:, None]).square().argmin(dim=1)]


def test_under_the_published_evaluation_a_perfect_network_shows_mostly_black_or_white() -> None:
    levels = torch.arange(256)
    shown = VARIANTS["published-evaluation"].shown(_ideal_output(levels / 255))
    black, white = levels / 255 < 0.634, levels / 255 > 0.866
    assert bool((shown[black] == 0).all())
    assert bool((shown[white] == 255).all())
    assert bool(((shown[~black & ~white] > 0) & (shown[~black & ~white] < 255)).all())
    assert int(black.sum()) == 162


def test_the_other_variants_can_show_every_level() -> None:
    levels = torch.arange(256).double() / 255
    inside = levels.clamp(1e-9, 1 - 1e-9)
    assert VARIANTS["paper"].shown(inside.logit()).tolist() == list(range(256))
    fixed = VARIANTS["published-evaluation-fixed"]
    assert fixed.shown(2 * levels - 1).tolist() == list(range(256))


@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_pixels_and_the_level_shown_are_each_others_inverse(variant: str) -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    values = VARIANTS[variant].pixels(images)
    low = -1.0 if VARIANTS[variant].signed else 0.0
    assert (values.min().item(), values.max().item()) == (low, 1.0)
    assert torch.equal(images, torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16))


def test_the_published_evaluation_depends_on_the_batch_and_the_others_do_not() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Tanh())
    from ppattack.solvers.trained.inverse_transformation import reconstructions

    ciphertexts = smooth_images(12)
    for name, variant in VARIANTS.items():
        together = reconstructions(network, variant, ciphertexts, CPU)[:2]
        alone = reconstructions(network, variant, ciphertexts[:2], CPU)
        assert torch.equal(together, alone) == (name != "published-evaluation")


@pytest.mark.skipif("PPATTACK_DATA" not in os.environ, reason="PPATTACK_DATA names no image sets")
def test_a_perfect_network_scores_as_little_as_was_measured_on_cifar10() -> None:
    truth = _cifar10_test(1000)
    table = VARIANTS["published-evaluation"].shown(_ideal_output(torch.arange(256) / 255))
    scores = ssim(table[truth.long()], truth).abs()
    assert float(scores.median()) == pytest.approx(0.194, abs=0.02)


def _cifar10_test(count: int) -> Tensor:
    from PIL import Image

    path = Path(os.environ["PPATTACK_DATA"]) / "cifar10-jpeg-small.tar.gz"
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and "test/" in member.name:
                file = archive.extractfile(member)
                assert file is not None
                with Image.open(io.BytesIO(file.read())) as image:
                    found.append(torch.from_numpy(np.array(image.convert("RGB"))))
            if len(found) == count:
                break
    return torch.stack(found).permute(0, 3, 1, 2).contiguous()


@pytest.mark.process
def test_importing_the_attack_does_not_import_torch() -> None:
    code = "import sys, ppattack.attacks.itn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settings", "patience"),
    [
        ({}, 2),
        ({"patience": 5}, 5),
        ({"patience": 0}, None),
        ({"recipe": "published"}, None),
        ({"recipe": "published", "patience": 3}, 3),
        ({"variant": "fixed"}, None),
        ({"variant": "published-evaluation"}, None),
        ({"preset": "paper"}, None),
    ],
)
def test_only_the_paper_s_variant_with_the_quick_recipe_stops_early(
    settings: dict[str, Any], patience: int | None
) -> None:
    recipe = InverseTransformationNetwork(**settings)._recipe()
    assert recipe.patience == patience
    assert (recipe.ema is not None) == (patience is not None or settings.get("variant") == "fixed")


def test_patience_without_images_to_validate_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="patience=1 needs images"):
        InverseTransformationNetwork(pairs=8, patience=1)
    assert InverseTransformationNetwork(pairs=8, patience=0).config.patience == 0
