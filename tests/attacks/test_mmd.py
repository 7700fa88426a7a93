"""The maximum mean discrepancy attack: it breaks what its authors say, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ppattack.attack import Context
from ppattack.attacks.mmd import MaximumMeanDiscrepancy
from ppattack.config import as_dict
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, DataError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.reports.scores import MatchingScores
from ppattack.scenario import Scenario, simulate
from ppattack.seeding import torch_stream
from ppattack.target import Target
from ppattack.target.natural_noise import natural_images
from ppattack.threat import KeyScope, Observation
from ppattack.training.recipe import Recipe
from targets.neuracrypt import NeuraCrypt
from targets.pe import PE

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=7)


def _scenario(target: Target, scope: KeyScope = "dataset", count: int = 64) -> Scenario:
    """Of images with more dark than light, like photographs: negatives are told apart."""
    noise = natural_images(torch_stream(4, "images"), (count, 1, 32, 32))
    images = (noise.float().square() / 255).to(torch.uint8)
    sets = ImageSets(name="noise", victims=images, adversary=images[:0], notes=())
    return simulate(MaximumMeanDiscrepancy(), target, sets, scope, seed=2)


def _matched(target: Target, epochs: int, scope: KeyScope = "dataset") -> MatchingScores:
    scenario = _scenario(target, scope)
    recovery = MaximumMeanDiscrepancy(epochs=epochs)(scenario.observation, CONTEXT)
    assert recovery.notes["last_loss"] < recovery.notes["first_loss"]
    scorer = ImageScorer(CONTEXT.device, "not needed here")
    found = evaluate(recovery, scenario, target, scorer, seed=0).scores.matching
    assert found is not None
    assert found.wilson95 is not None
    assert found.top["10"] >= found.top["1"] == found.reconstruction.mean
    return found


def _small(depth: int) -> NeuraCrypt:
    return NeuraCrypt(variant="small", depth=depth, shuffle=False)


def test_the_linear_encoder_is_broken() -> None:
    assert _matched(_small(1), 80).reconstruction.mean >= 0.95


def test_the_published_depth_resists() -> None:
    assert _matched(_small(7), 40).reconstruction.mean <= 0.1


def test_nothing_is_matched_under_a_key_an_image() -> None:
    found = _matched(_small(1), 40, "image")
    assert found.wilson95 is not None
    assert found.wilson95[0] <= 1 / 64


def test_the_paper_preset_is_the_published_training() -> None:
    attack = MaximumMeanDiscrepancy(preset="paper")
    assert as_dict(attack.config) == {
        "epochs": 25,
        "batch_size": 64,
        "learning_rate": 1e-4,
        "weight_decay": 1e-3,
    }
    recipe = attack.recipe()
    optimizer = recipe.optimiser(torch.nn.Linear(2, 2))
    assert type(optimizer).__bases__ == (torch.optim.Adam,)  # without its marks for the compiler
    assert optimizer.defaults["weight_decay"] == 1e-3
    assert recipe == Recipe(25, 64, "adam", 1e-4, weight_decay=1e-3, validation_share=0.0)


def test_other_schemes_and_numbers_are_refused() -> None:
    attack = MaximumMeanDiscrepancy()
    with pytest.raises(ConfigError, match="tokens, not image"):
        _scenario(PE())
    scheme = PE().public()
    scheme.card = replace(scheme.card, cipher="tokens")
    assert "has none" in str(attack.obstacle(scheme, (1, 64, 64)))
    seen = _scenario(_small(1), count=6).observation
    fewer = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=seen.ciphertexts,
        image_shape=seen.image_shape,
        public_images=seen.public_images[:5],
    )
    with pytest.raises(DataError, match="5 with 6"):
        attack(fewer, CONTEXT)
