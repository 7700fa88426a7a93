"""Chosen images against ciphers whose key follows from the contents of the image."""

from __future__ import annotations

import numpy as np
import pytest

from ppattack.attack import Recovery
from ppattack.attacks.chosen_plaintext import KEYED, ChosenPlaintext
from ppattack.data.source import ImageSets
from ppattack.errors import PpattackError
from ppattack.probes.advice import IMAGES_BY_VALUE, VALUES, advice
from ppattack.probes.examination import examine
from ppattack.scenario import simulate
from ppattack.solvers.any_cipher import keyed
from ppattack.target import Target
from tests.support.attack_contract import CONTEXT
from tests.support.natural import natural_images
from tests.support.plugins import keyed_by_contents as ciphers
from tests.support.plugins.strong_ciphers import PlaintextKeystream

SHAPE = (3, 16, 16)


def attacked(target: Target, shape: tuple[int, int, int] = SHAPE) -> tuple[Recovery, float]:
    """What came back of 24 images, and the share of bytes that are right."""
    images = natural_images(24, shape[1], channels=shape[0])
    attack = ChosenPlaintext(model=KEYED, images=keyed.IMAGES)
    sets = ImageSets("natural", images, images[:0])
    recovery = attack(simulate(attack, target, sets, "dataset", 1).observation, CONTEXT)
    assert recovery.images is not None
    return recovery, float((recovery.images == images).double().mean())


@pytest.mark.parametrize("shape", [SHAPE, (1, 24, 20)])
def test_every_value_of_every_number_has_images(shape: tuple[int, int, int]) -> None:
    rows = keyed.chosen_images(shape)
    assert rows.shape == (keyed.IMAGES, int(np.prod(shape)))
    counts = {
        "mean": np.bincount(rows.mean(1).astype(int), minlength=256),
        "exclusive-or": np.bincount(np.bitwise_xor.reduce(rows, axis=1), minlength=256),
        "sum modulo 256": np.bincount(rows.sum(1, dtype=int) % 256, minlength=256),
    }
    assert (counts["mean"] == keyed.EACH).all()
    assert min(counts["sum modulo 256"]) >= keyed.EACH - 1
    assert min(counts["exclusive-or"]) >= keyed.EACH - 1
    for name, value_of in keyed.NUMBERS.items():
        assert np.array_equal(np.bincount(value_of(rows), minlength=256), counts[name])


@pytest.mark.parametrize(
    ("cipher", "number"),
    [
        (ciphers.KeyedByMean, "mean"),
        (ciphers.KeyedByParity, "exclusive-or"),
        pytest.param(ciphers.KeyedBySumModulo, "sum modulo 256", marks=pytest.mark.slow),
    ],
)
def test_images_come_back(cipher: type[Target], number: str) -> None:
    recovery, right = attacked(cipher())
    assert right > 0.99
    assert not recovery.refuted
    assert recovery.notes["decided by"] == number
    assert recovery.notes["values with a map"] > 200


@pytest.mark.parametrize("cipher", [ciphers.KeyedBySum, ciphers.KeyedByCorner, PlaintextKeystream])
def test_nothing_is_believed_of_other_ciphers(cipher: type[Target]) -> None:
    recovery, right = attacked(cipher(), (1, 16, 16))
    assert recovery.refuted
    assert recovery.limits == "no map of any value makes images of the ciphertexts"
    assert right < 0.05
    # What was tried stays in the report.
    assert recovery.notes["model"] == "none"
    assert recovery.notes["chosen plaintexts used"] == keyed.IMAGES
    assert recovery.notes["values with a map"] == 0
    assert recovery.notes["roughness"] is None


def test_audits_are_advised_to_choose_them() -> None:
    assert (VALUES, IMAGES_BY_VALUE) == (keyed.VALUES, keyed.IMAGES)
    for cipher, settings in (
        (ciphers.KeyedByMean, [{"attack.images": "1536", "attack.model": KEYED}]),
        (ciphers.KeyedBySum, []),
    ):
        found = examine(cipher(), SHAPE, "dataset", 0)
        properties = {each.name: each for each in found.findings}
        assert [dict(each.settings) for each in advice(found.kind, properties, 768)] == settings


def test_it_says_how_many_images_it_needs() -> None:
    images = natural_images(2)
    sets = ImageSets("natural", images, images[:0])
    with pytest.raises(PpattackError, match=r"needs 1,536 chosen plaintexts \(--set attack.images"):
        simulate(ChosenPlaintext(model=KEYED), ciphers.KeyedByMean(), sets, "dataset", 1)
