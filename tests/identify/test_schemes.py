"""From properties to schemes, settings and attacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from ppattack.errors import PpattackError
from ppattack.identify.attacks import ALONE, ONE_KEY, PAIRS, UNKNOWN_ONE_KEY, attacks_on
from ppattack.identify.schemes import SCHEMES, candidates
from ppattack.plugins import registry
from tests.support.folders_of_ciphertexts import encrypted, found_in, identified, pads, photographs

SHAPE = (3, 32, 32)
SMALL: dict[str, dict[str, Any]] = {
    "neuracrypt": {"variant": "small"},
    "color-neuracrypt": {"variant": "small"},
}


@pytest.mark.parametrize(
    ("case", "scheme", "settings"),
    [
        ("plain", "plain", {}),
        ("pad", "one-time-pad", {}),
        ("pe", "pe", {}),
        ("pe colours", "pe", {"color_shuffle": True}),
        ("le", "le", {"block_size": 4}),
        ("ele", "ele", {"block_size": 4}),
        ("etc", "etc", {"block_size": 4}),
        ("etc 8", "etc", {"block_size": 8}),
        ("patch-shuffle", "patch-shuffle", {"patch_size": 4}),
        ("shf", "block-defence", {"block_size": 4, "transformation": "shf"}),
        ("np", "block-defence", {"block_size": 4, "transformation": "np"}),
        ("vit-blocks", "vit-blocks", {"block_size": 4}),
    ],
)
def test_the_likeliest_scheme_and_its_settings(
    case: str, scheme: str, settings: dict[str, Any]
) -> None:
    first, *others = candidates(found_in(case), SHAPE)
    assert (first.scheme, first.settings) == (scheme, settings)
    assert first.likely
    assert not [each for each in others if each.likely]
    registry.target(first.scheme)(**first.settings)  # they are settings of the scheme


def test_grey_ciphertexts_three_times_as_wide_are_those_of_the_grey_scheme() -> None:
    (first, *_) = candidates(found_in("etc-gray"), (1, 32, 96))
    assert (first.scheme, first.settings) == ("etc-gray", {"block_size": 8})
    halved = identified(encrypted("etc-gray", subsampling="420"))
    assert halved.scheme == "etc-gray"
    assert halved.settings == {"block_size": 8, "subsampling": "420"}


@pytest.mark.parametrize("case", ["mask", "whole bytes", "whole pixels"])
def test_unknown_schemes_have_no_candidate(case: str) -> None:
    assert candidates(found_in(case), SHAPE) == []


@pytest.mark.parametrize("name", ["PermuteXor", "Diffusion", "BitShuffle", "Substitution"])
def test_home_made_ciphers_are_no_known_scheme(name: str) -> None:
    found = identified(encrypted(name))
    assert found.scheme in (None, "one-time-pad")
    assert found.scheme is None or name == "Diffusion"
    if found.scheme is None:
        assert "no known scheme" in found.words
        assert found.attacks == UNKNOWN_ONE_KEY


def test_a_secret_table_hides_whether_files_share_a_key() -> None:
    rng = np.random.default_rng(5)
    plain = photographs()
    flat = plain.reshape(len(plain), -1)
    order = rng.permutation(flat.shape[1])
    table = rng.permutation(256).astype(np.uint8)
    assert identified(table[flat[:, order]].reshape(plain.shape)).key_scope != "image"
    assert identified(flat[:, order].reshape(plain.shape)).key_scope == "dataset"
    own = rng.permuted(flat, axis=1).reshape(plain.shape)
    assert identified(own).key_scope == "image"
    assert identified(table[own]).key_scope == "undecided"


def test_blocks_that_stay_are_not_those_of_etc() -> None:
    found = identified(encrypted("DctSigns"))
    assert (found.scheme, found.block_size) == (None, 8)


def test_the_other_home_made_ciphers_are_no_known_scheme_either() -> None:
    for name in ("DctSigns", "Arnold", "SecretMatrix"):
        found = identified(encrypted(name))
        assert found.scheme is None, name
        assert "no known scheme" in found.words
        assert found.key_scope != "image"


def test_the_identity_and_global_changes_are_plain() -> None:
    for images in (photographs(), 255 - photographs(), photographs()[:, ::-1].copy()):
        found = identified(images)
        assert found.scheme == "plain"
        assert found.attacks == ()
        assert found.key_scope == "undecided"


def test_noise_has_no_structure() -> None:
    for seed in range(10):
        found = identified(pads(12, 32, seed))
        assert found.scheme == "one-time-pad"
        assert (found.block_size, found.compression, found.attacks) == (None, None, ())


@pytest.mark.parametrize("name", ["neuracrypt", "color-neuracrypt", "rom", "rmt", "patch-mix"])
def test_numbers_that_are_no_images(name: str) -> None:
    plain = photographs()
    plain = plain[:, :1] if name == "neuracrypt" else plain
    codes = encrypted(name, images=plain, **SMALL.get(name, {})).astype(np.float32)
    found = identified(codes)
    assert found.scheme == name
    if name == "neuracrypt":
        shuffled = next(each for each in found.properties if each.name == "shuffled")
        assert shuffled.answer == "yes"
        assert found.settings == SMALL[name]
        kept = encrypted(name, images=plain, shuffle=False, **SMALL[name]).astype(np.float32)
        assert identified(kept).settings == {"variant": "small", "shuffle": False}


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("block", [4, 8])
def test_a_table_of_levels_gives_few_numbers(
    block: int, scope: Literal["dataset", "image"]
) -> None:
    codes = encrypted("block-defence-ffx", scope, block_size=block).astype(np.float32)
    found = identified(codes)
    assert (found.scheme, found.settings) == ("block-defence-ffx", {"block_size": block})
    assert found.key_scope == scope
    assert found.attacks == ("covariance-matching",)
    assert identified(codes[:1]).scheme == "block-defence-ffx"


def test_numbers_without_a_pattern_are_no_known_scheme() -> None:
    rng = np.random.default_rng(2)
    for shape in ((6, 16, 64), (6, 3, 16, 16)):
        found = identified(rng.normal(size=shape).astype(np.float32))
        assert found.scheme is None
        assert found.key_scope == "undecided"


def test_flat_files_say_nothing() -> None:
    for shape in ((1, 3, 32, 32), (12, 1, 16, 16)):
        found = identified(np.full(shape, 200, np.uint8))
        assert (found.scheme, found.key_scope) == (None, "undecided")
        assert "flat" in found.words


@pytest.mark.parametrize("scheme", ["etc", "le", "ele", "vit-blocks"])
@pytest.mark.parametrize("block", [7, 14])
def test_blocks_that_are_no_power_of_two(scheme: str, block: int) -> None:
    images = photographs(28 if block == 7 else 56)
    found = identified(encrypted(scheme, images=images, block_size=block))
    assert (found.scheme, found.block_size) == (scheme, block)


@pytest.mark.parametrize("scheme", ["pe", "le", "ele", "etc"])
def test_grey_files(scheme: str) -> None:
    settings: dict[str, Any] = {} if scheme == "pe" else {"block_size": 4}
    grey = photographs()[:, :1].copy()
    found = identified(encrypted(scheme, images=grey, **settings))
    assert (found.scheme, found.settings) == (scheme, settings)
    assert found.key_scope == "dataset"


def test_two_kinds_of_files_are_a_mix() -> None:
    images = np.concatenate([encrypted("pe")[:12], pads(12)])
    found = identified(images)
    assert found.scheme is None
    assert "several kinds" in found.words


def test_foreign_files_are_named_and_change_nothing() -> None:
    images = encrypted("etc", block_size=4)
    images[7] = photographs()[7]
    found = identified(images)
    assert [odd.name for odd in found.foreign] == ["7"]
    assert (found.scheme, found.block_size, found.key_scope) == ("etc", 4, "dataset")


def test_every_scheme_of_the_table_is_registered() -> None:
    assert {scheme.name for scheme in SCHEMES} <= set(registry.names("target"))
    assert set(ALONE) | set(ONE_KEY) <= {scheme.name for scheme in SCHEMES}


@pytest.mark.parametrize("scheme", sorted(set(ALONE) | set(ONE_KEY)))
def test_advised_attacks_apply(scheme: str) -> None:
    """What the attacks themselves say of the scheme, at sizes at which they are advised."""
    target = registry.target(scheme)(**SMALL.get(scheme, {}))
    public = target.public(own_keys=True)
    shape = (1, 32, 32) if scheme == "neuracrypt" else SHAPE
    if scheme in ("etc", "patch-shuffle"):
        assert attacks_on(scheme, "image", 4)[0] == "exhaustive"
    for name in attacks_on(scheme, "dataset", None):
        attack = registry.attack(name)
        if name in ("code-alignment", "neuracrypt-matching", "encoder-regression"):
            assert target.card.cipher in attack.card.ciphers
            continue
        try:
            assert not attack().obstacle(public, shape)
        except PpattackError as error:
            pytest.fail(f"{name}: {error}")


def test_pairs_are_of_no_use_under_a_key_each() -> None:
    for scheme in ONE_KEY:
        assert not set(PAIRS) & set(attacks_on(scheme, "image", None))
    assert attacks_on(None, "image", None) == ()
    assert attacks_on(None, "dataset", None) == UNKNOWN_ONE_KEY


def test_few_blocks_that_look_moved_do_not_rule_le_out() -> None:
    """Sixteen blocks of one file lie beside unlike ones now and then; many blocks do not."""
    found = found_in("le")
    for error, names in ((0.15, ["le"]), (0.05, [])):
        moved = replace(found["moved"], answer="yes", facts={"standard error": error})
        fitting = candidates({**found, "moved": moved}, SHAPE)
        assert [each.scheme for each in fitting] == names
    byte = replace(found["unit"], what="byte")
    moved = replace(found["moved"], answer="yes", facts={"standard error": 0.15})
    fitting = candidates({**found, "moved": moved, "unit": byte}, SHAPE)
    assert "le" not in [each.scheme for each in fitting]
