"""Covariance matching on blocks that share a key: moved, complemented, from few ciphertexts."""

from __future__ import annotations

import pytest
import torch

from ppattack.attack import Context
from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.evaluation.leaks import measured, strongest
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.scenario import simulate
from targets.vit_blocks import VitBlocks
from tests.support.natural import natural_sets

CONTEXT = Context(torch.device("cpu"), seed=3)
SCORER = ImageScorer(torch.device("cpu"), "not needed here")


def test_blocks_that_moved_under_one_key_come_back() -> None:
    attack, target = CovarianceMatching(preset="smoke"), VitBlocks(block_size=4)
    scenario = simulate(attack, target, natural_sets(12, 120, size=32), "dataset", seed=1)
    recovery = attack(scenario.observation, CONTEXT)
    found = evaluate(recovery, scenario, target, SCORER, seed=0)
    assert found.best_state_ssim is not None
    assert found.best_state_ssim.mean > 0.9
    assert strongest(measured(found)) in ("state", "images", "key")
    assert "may have ended in a wrong one" in recovery.limits  # so a failure is never RESISTED
    assert recovery.notes["rounds"] == 1


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_few_blocks_are_refused_in_words(scope: str) -> None:
    attack, target = CovarianceMatching(preset="smoke"), VitBlocks()
    images = natural_sets(9 if scope == "dataset" else 3, 30, size=32)
    scenario = simulate(attack, target, images, scope, seed=1)  # type: ignore[arg-type]
    recovery = attack(scenario.observation, CONTEXT)
    count = 36 if scope == "dataset" else 4
    assert recovery.limits == (f"{count} blocks under one key are too few: 40 of them are needed")


def test_keys_of_single_images_are_told_to_be_unsure_after_one_search() -> None:
    attack, target = CovarianceMatching(preset="smoke"), VitBlocks(block_size=4)
    scenario = simulate(attack, target, natural_sets(2, 60, size=32), "image", seed=1)
    recovery = attack(scenario.observation, CONTEXT)
    assert recovery.limits.startswith("unsure of 2 of 2 keys")
    assert [each["order"] for each in recovery.notes["each"]] == ["unsure", "unsure"]
    assert recovery.key is not None
    assert recovery.images is not None
    assert recovery.images.shape == (2, 3, 32, 32)


def test_blocks_of_one_pixel_are_refused_in_words() -> None:
    public = VitBlocks(block_size=1).public()
    assert "no inside" in str(CovarianceMatching().obstacle(public, (3, 32, 32)))
    assert CovarianceMatching().obstacle(VitBlocks(block_size=2).public(), (3, 32, 32)) is None
