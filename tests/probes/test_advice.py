"""What the probes advise can be run, and fits what they found."""

from __future__ import annotations

import shlex

import pytest

from ppattack.plugins import registry
from ppattack.probes.advice import advice
from ppattack.probes.examination import examine
from ppattack.probes.kinds import KINDS, STRUCTURED
from ppattack.request import RunRequest
from ppattack.runs.probing import probe
from tests.support import home_made
from tests.support.plugins.strong_ciphers import PlaintextKeystream

SHAPE = (3, 32, 32)
PAIRS = {
    "PermuteXor": 8,
    "BitShuffle": 128,
    "Substitution": 8,
    "Diffusion": 8,
    "SecretMatrix": 8,
    "DctSigns": 98,  # eight would do, but a matrix for every block answers in the same way
}


@pytest.mark.parametrize("name", PAIRS)
def test_known_pairs_are_as_many_as_the_kind_of_cipher_needs(name: str) -> None:
    found = probe(RunRequest("", home_made.path(name)))
    (line,) = [each.command for each in found.attacks if each.attack == "known-plaintext"]
    words = shlex.split(line)
    assert words[:4] == ["ppattack", "run", "--attack", "known-plaintext"]
    assert f"attack.pairs={PAIRS[name]}" in words
    assert home_made.path(name) in words


def test_a_matrix_for_every_block_needs_more_pairs_than_a_block_has_values() -> None:
    found = examine(home_made.cipher("SecretMatrix", own=True), SHAPE, "dataset", 0)
    properties = {each.name: each for each in found.findings}
    pairs = {each.attack: dict(each.settings) for each in advice(found.kind, properties, 3072)}
    assert pairs["known-plaintext"] == {"attack.pairs": "76"}
    assert pairs["chosen-plaintext"] == {"attack.images": "76"}
    assert "ciphertext-only" in pairs


def test_rounds_need_hundreds() -> None:
    target = home_made.cipher("Diffusion", rounds=2)
    found = examine(target, SHAPE, "dataset", 0)
    properties = {each.name: each for each in found.findings}
    settings = [
        dict(each.settings) for each in advice(found.kind, properties, 3072) if each.settings
    ]
    assert settings == [{"attack.images": "385"}, {"attack.pairs": "400"}]
    assert not [each for each in advice(found.kind, properties, 1 << 20) if each.settings]


def test_every_advised_attack_takes_its_settings() -> None:
    for name in home_made.NAMES:
        found = examine(home_made.cipher(name), SHAPE, "dataset", 0)
        properties = {each.name: each for each in found.findings}
        for one in advice(found.kind, properties, 3072):
            if one.attack not in registry.names("attack"):
                assert one.attack == "ciphertext-only"
                continue
            settings = {key.partition(".")[2]: value for key, value in one.settings.items()}
            registry.attack(one.attack)(preset="smoke", **settings)


def test_nothing_is_advised_if_nothing_applies() -> None:
    assert not {"fresh", "noisy", "local", "avalanche", "unknown", "tokens"} & STRUCTURED
    for kind in set(KINDS) - STRUCTURED:
        assert advice(kind, {}, 3072) == ()
    assert examine(PlaintextKeystream(), SHAPE, "dataset", 0).kind == "avalanche"
