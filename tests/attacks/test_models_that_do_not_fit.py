"""What an attack whose model does not fit says of a scheme: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import ppattack
from ppattack.attack import Attack
from ppattack.attacks.chosen_plaintext import ChosenPlaintext
from ppattack.attacks.known_plaintext import KnownPlaintext
from ppattack.jpeg import Jpeg
from ppattack.scenario import simulate
from ppattack.target import PermXorTarget, Target
from targets.ele import ELE
from targets.pe import PE
from tests.conftest import smooth_sets
from tests.support.attack_contract import CONTEXT
from tests.support.plugins import ciphers, strong_ciphers
from tests.support.run_requests import request
from tests.support.schemes import EXACT_ON_GREY, PAPER, PUBLISHED

pytestmark = pytest.mark.long

FITTING = [*PAPER, *EXACT_ON_GREY, *PUBLISHED, PE(variant="ito")]
FOREIGN = [strong_ciphers.FreshNonce(), strong_ciphers.PadOnce()]
FOREIGN += [strong_ciphers.PlaintextKeystream()]
ATTACKS = [KnownPlaintext(), ChosenPlaintext()]


def recovered(attack: Attack, target: Target, jpeg: str | None = None) -> ppattack.Recovery:
    sets = smooth_sets(12, 4, 32)
    path = None if jpeg is None else Jpeg.read(jpeg)
    scenario = simulate(attack, target, sets, "dataset", seed=3, jpeg=path)
    return attack(scenario.observation, CONTEXT)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.card.name)
@pytest.mark.parametrize("target", FITTING, ids=repr)
def test_every_scheme_here_fits_also_lossy_variants(attack: Attack, target: PermXorTarget) -> None:
    found = recovered(attack, target)
    assert not found.refuted
    assert not found.limits or "too few" in found.limits


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.card.name)
@pytest.mark.parametrize("target", FOREIGN, ids=lambda target: target.card.name)
def test_strong_ciphers_do_not(attack: Attack, target: Target) -> None:
    found = recovered(attack, target)
    assert found.refuted
    assert found.map is None
    assert found.limits.startswith("no generic model fits")
    assert found.notes["model"] == "none"


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("target", FOREIGN, ids=lambda target: target.card.name)
def test_nor_do_they_with_few_pairs(count: int, target: Target) -> None:
    found = recovered(KnownPlaintext(pairs=count), target)
    assert found.refuted
    assert "too few" in found.limits


def test_the_same_pair_again_proves_nothing() -> None:
    sets = smooth_sets(12, 4, 16)
    sets.victims[4:] = sets.victims[4]  # the last eight are known
    attack, target = KnownPlaintext(), strong_ciphers.PlaintextKeystream()
    found = attack(simulate(attack, target, sets, "dataset", seed=3).observation, CONTEXT)
    assert found.refuted
    assert found.map is None


def test_too_few_pairs_for_a_model_say_of_how_many() -> None:
    bits = recovered(KnownPlaintext(), ciphers.Bits())
    assert bits.refuted
    assert "too few for" in bits.limits
    assert "; permuted and masked bits: 8 of 128;" in bits.limits
    chosen = recovered(ChosenPlaintext(), ciphers.Bits())
    assert "too few for" in chosen.limits
    assert "; permuted and masked bits: 6 of 16;" in chosen.limits
    assert "any rounds of XOR and permutation: 6 of 385" in chosen.limits


def test_jpeg_refutes_no_gain_but_is_no_resistance() -> None:
    found = recovered(KnownPlaintext(), PE(), "90")
    assert not found.refuted
    assert "JPEG" in found.limits


def test_too_few_pairs_say_how_many_are_needed() -> None:
    found = recovered(KnownPlaintext(pairs=1), ELE())
    assert not found.refuted
    assert "too few known pairs (1): they tell" in found.limits
    assert "(--set attack.pairs=" in found.limits
    assert not recovered(KnownPlaintext(pairs=2), PE()).limits


@pytest.mark.parametrize(
    ("attack", "isolate"), [("known-plaintext", True), ("chosen-plaintext", False)]
)
def test_the_verdict_is_that_nothing_is_known(tmp_path: Path, attack: str, isolate: bool) -> None:
    target = f"{strong_ciphers.__file__}:PlaintextKeystream"
    done = ppattack.run(request(tmp_path, attack=attack, target=target, isolate=isolate))
    assert done.report.verdict == "INCONCLUSIVE"
    assert "no generic model fits" in done.report.reason
