"""Reconstructions that do not depend on the ciphertexts are told from weak ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.evaluation.verdict import decide
from ppattack.metrics.baselines import class_means
from ppattack.metrics.images import ImageScorer
from ppattack.reports.run import ControlResult
from ppattack.scenario import simulate
from ppattack.threat import ThreatModel
from targets.pe import PE
from tests.conftest import smooth_sets
from tests.support.probe import Probe

SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")
PASSED = ControlResult(target="t", config={}, victims=24, gain=None, passed=True, words="")


def _evaluated(images: Tensor, sets: ImageSets) -> Evaluation:
    scenario = simulate(Probe(ThreatModel()), PE(), sets, "dataset", seed=0)
    return evaluate(Recovery(images=images), scenario, PE(), SCORER, seed=0)


def _noise(like: Tensor, levels: float, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(0, levels, tuple(like.shape)).astype(np.float32))


def _whole(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("level", [0, 1, 37, 128, 255])
def test_any_constant_is_a_collapse(sets: ImageSets, level: int) -> None:
    found = _evaluated(torch.full_like(sets.victims, level), sets)
    assert found.spread == 0
    assert found.collapse is not None
    verdict, reason, *_ = decide(found, PASSED, PASSED)
    assert verdict == "INCONCLUSIVE"
    assert reason.startswith("the attack collapsed: ")
    # An attack that knows why it made nothing says it better.
    found = replace(found, refuted=True, limits="no model fits")
    verdict, reason, *_ = decide(found, PASSED, PASSED)
    assert verdict == "INCONCLUSIVE"
    assert reason.endswith(", but no model fits.")


def test_one_picture_with_a_little_noise_for_all_is_a_collapse(sets: ImageSets) -> None:
    one = sets.adversary[:1].float().expand_as(sets.victims)
    assert _evaluated(_whole(one + _noise(one, 1.0)), sets).collapse is not None
    assert _evaluated(_whole(one + _noise(one, 8.0)), sets).collapse is None


def test_a_grey_of_another_level_for_each_image_scores_like_the_constant(sets: ImageSets) -> None:
    levels = torch.linspace(119, 137, len(sets.victims))
    images = _whole(levels[:, None, None, None].expand_as(sets.victims))
    found = _evaluated(images, sets)
    assert found.spread is not None
    assert found.spread > 5
    assert found.collapse is not None
    assert "like the constant image 'const128'" in found.collapse


def test_a_few_spots_on_grey_score_like_the_constant() -> None:
    """What a generator that has given up still makes of single blocks."""
    sets = smooth_sets(victims=24, adversary=24, size=48)
    rng = np.random.default_rng(0)
    images = torch.full_like(sets.victims, 128)
    for image in images:
        row, column = rng.integers(0, 44, 2)
        spot = rng.integers(0, 256, (3, 4, 4), dtype=np.uint8)
        image[:, row : row + 4, column : column + 4] = torch.from_numpy(spot)
    found = _evaluated(images, sets)
    assert found.spread is not None
    assert found.spread > 2
    assert found.collapse is not None
    assert "like the constant image 'const128'" in found.collapse


def test_noise_scores_like_black_and_is_no_collapse() -> None:
    sets = smooth_sets(victims=24, adversary=24, size=96)
    noise = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, tuple(sets.victims.shape), dtype=np.uint8)
    )
    found = _evaluated(noise, sets)
    assert found.scores.ssim is not None
    assert abs(found.scores.ssim.reconstruction.mean) < 0.02
    assert found.collapse is None
    assert decide(found, PASSED, None)[0] == "RESISTED"


def test_a_faint_image_on_grey_is_no_collapse(sets: ImageSets) -> None:
    faint = _whole(128 + (sets.victims.float() - 128) * 0.15)
    found = _evaluated(faint, sets)
    assert found.collapse is None


def test_victims_that_are_all_alike_come_back_alike(sets: ImageSets) -> None:
    alike = replace(sets, victims=sets.victims[:1].repeat(len(sets.victims), 1, 1, 1))
    found = _evaluated(alike.victims, alike)
    assert found.spread == 0
    assert found.collapse is None


def test_the_exact_key_counts_whatever_the_images(sets: ImageSets) -> None:
    scenario = simulate(Probe(ThreatModel()), PE(), sets, "dataset", seed=0)
    assert scenario.truth.key is not None
    key = PE().permxor(scenario.truth.key)
    black = torch.zeros_like(sets.victims)
    found = evaluate(Recovery(images=black, key=key), scenario, PE(), SCORER, seed=0)
    assert found.collapse is not None
    assert decide(found, None, None)[0] == "BROKEN"


def test_the_mean_of_each_class_is_a_guess_where_classes_are_known(sets: ImageSets) -> None:
    def classes(images: Tensor) -> Tensor:
        return (images.float().mean(dim=(1, 2, 3)) > 128).long()

    labelled = replace(
        sets,
        classes=("dark", "bright"),
        victim_labels=classes(sets.victims),
        adversary_labels=classes(sets.adversary),
    )
    for known in (True, False):
        probe = Probe(ThreatModel(public="unpaired", labels=known))
        scenario = simulate(probe, PE(), labelled, "dataset", seed=0)
        means = class_means(
            labelled.adversary, classes(labelled.adversary), classes(labelled.victims)
        )
        found = evaluate(Recovery(images=means), scenario, PE(), SCORER, seed=0)
        assert ("class-mean" in found.baselines) == known
        assert found.scores.ssim is not None
        assert found.scores.ssim.gain is not None
        if known:
            assert found.scores.ssim.gain.mean <= 1e-6
