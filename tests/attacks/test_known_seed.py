"""Known seeds: published keys are found, keys drawn at random are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.known_seed import KnownSeed
from ppattack.errors import ConfigError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.keys import key_agreement
from ppattack.scenario import Scenario, from_ciphertexts, simulate
from ppattack.seeding import numpy_stream
from ppattack.solvers.known_pairs.tie_breaking import roughness
from ppattack.target import PermXorTarget, Target
from targets.block_defence import BlockDefence
from targets.ele import ELE
from targets.etc import EtC
from targets.etc_sub import EtcSub
from targets.keyless import Keyless
from targets.le import LE
from targets.pe import PE
from targets.vit_blocks import VitBlocks
from tests.conftest import smooth_sets
from tests.support.natural import natural_images

CONTEXT = Context(torch.device("cpu"), seed=3)
SEED = 17


def attacked(target: Target, size: int = 32, **settings: Any) -> tuple[Recovery, Scenario]:
    attack = KnownSeed(**({"last": 25} | settings))
    scenario = simulate(attack, target, smooth_sets(12, 8, size), "dataset", seed=5)
    return attack(scenario.observation, CONTEXT), scenario


@pytest.mark.parametrize(
    "target",
    [
        LE(variant="ito", legacy_seed=SEED),
        ELE(variant="ito", legacy_seed=SEED),
        PE(variant="ito", legacy_seed=SEED),
        PE(variant="ito", truncation=False, legacy_seed=SEED),
        EtC(variant="ito", block_size=4, legacy_seed=SEED),
        EtC(variant="madono", block_size=4, legacy_seed=SEED),
        EtC(variant="madono", block_size=4, channel_bug=False, legacy_seed=SEED),
        VitBlocks(variant="demo", block_size=8, legacy_seed=SEED),
        VitBlocks(variant="re", block_size=8, legacy_seed=SEED),
        BlockDefence(variant="code", legacy_seed=SEED),
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [32, 30])
def test_a_published_key_is_found(target: PermXorTarget, size: int) -> None:
    recovery, scenario = attacked(target, size)
    assert recovery.key is not None
    assert scenario.truth.key is not None
    assert key_agreement(recovery.key, target.permxor(scenario.truth.key)).exact
    assert recovery.notes["seed"] == SEED
    assert recovery.notes["seeds tried"] == 26
    assert recovery.notes["breaks"] == "published data, not the scheme"
    assert recovery.images is not None
    assert scenario.truth.images is not None
    error = (recovery.images.float() - scenario.truth.images.float()).abs().mean()
    assert error < (25.0 if getattr(target.config, "channel_bug", False) else 1.0)


@pytest.mark.parametrize("target", [LE(variant="ito"), ELE(variant="ito")], ids=repr)
@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_a_key_drawn_at_random_is_not_found(target: PermXorTarget, scope: Any) -> None:
    attack = KnownSeed(last=25)
    scenario = simulate(attack, target, smooth_sets(12, 8, 32), scope, seed=5)
    recovery = attack(scenario.observation, CONTEXT)
    scorer = ImageScorer(torch.device("cpu"), "not needed here")
    scores = evaluate(recovery, scenario, target, scorer, seed=0).scores
    assert scores.ssim is not None
    assert scores.ssim.gain is not None
    assert scores.ssim.gain.mean < 0.0


@pytest.mark.parametrize("keys", ["common", "independent"])
def test_of_a_list_the_likeliest_keys_are_tried_whatever_the_seed(keys: Any) -> None:
    """Seeds are far outside of the range; keys among the hundred likeliest are found, no others."""
    shape, plain = (3, 64, 64), natural_images(1, 64, seed=4)
    target = EtcSub(variant="code", keys=keys)
    listed = target.likely_seeds(shape)[:100]
    shares = [share for _, share in listed]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.073, abs=0.003)
    assert sum(shares) == pytest.approx(0.84, abs=0.01)
    known = {_content(_with_seed(target, seed), shape) for seed, _ in listed}
    outcomes = set()
    for number in range(4):
        key = target.generate_key(numpy_stream(number, "key"), shape)
        attack = KnownSeed(likely=100)
        scenario = from_ciphertexts(
            attack,
            target,
            target.encrypt(plain, key),
            ("one",),
            truth=None,
            public=None,
            scope="dataset",
        )
        recovery = attack(scenario.observation, CONTEXT)
        assert recovery.notes["seeds tried"] == 100
        assert recovery.notes["share of all keys tried"] == pytest.approx(0.84, abs=0.01)
        assert recovery.key is not None
        found = key_agreement(recovery.key, target.permxor(key)).exact
        assert found == (target.permxor(key).index.tobytes() in known)
        outcomes.add(found)
    assert outcomes == {True, False}


def _with_seed(target: EtcSub, seed: int) -> EtcSub:
    return EtcSub(target.config, legacy_seed=seed)


def _content(target: EtcSub, shape: tuple[int, int, int]) -> bytes:
    return target.permxor(target.generate_key(numpy_stream(0, "key"), shape)).index.tobytes()


def test_without_its_list_a_scheme_is_tried_seed_by_seed() -> None:
    target = EtcSub(variant="code", legacy_seed=SEED)
    recovery, _ = attacked(target, likely=0)
    assert recovery.notes["seed"] == SEED
    assert "share of all keys tried" not in recovery.notes


def test_seeds_outside_the_range_are_not_tried() -> None:
    target = LE(variant="ito", legacy_seed=SEED)
    assert attacked(target, first=SEED, last=SEED)[0].notes["seed"] == SEED
    assert attacked(target, first=SEED + 1, last=25)[0].notes["seed"] > SEED
    assert attacked(target, first=0, last=SEED - 1)[0].notes["seed"] < SEED


def test_the_adversary_is_not_told_the_seed() -> None:
    target = LE(variant="ito", legacy_seed=SEED)
    _, scenario = attacked(target)
    assert scenario.observation.scheme.config.legacy_seed is None
    assert scenario.observation.scheme.target.config.legacy_seed is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (LE(), "its keys come from no seed"),
        (Keyless(), "no published code draws its keys from a seed"),
        (ELE(variant="madono"), "the seed alone does not give the key"),
    ],
    ids=repr,
)
def test_what_it_cannot_be_tried_on(target: Target, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        attacked(target)


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ConfigError, match="last 3 is below first 4"):
        KnownSeed(first=4, last=3)


def test_roughness_by_hand() -> None:
    image = torch.tensor([[0, 10, 10], [4, 10, 255]], dtype=torch.uint8)[None, None]
    down, across = [16, 0, 245**2], [100, 0, 36, 245**2]
    assert roughness(image) == pytest.approx((sum(down) + sum(across)) / 7)
    assert roughness(torch.full((2, 3, 4, 4), 9, dtype=torch.uint8)) == 0.0
    assert roughness(torch.full((1, 1, 1, 1), 9, dtype=torch.uint8)) == 0.0
