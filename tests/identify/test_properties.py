"""Every property with a scheme that has it and one that has not."""

from __future__ import annotations

import pytest

from ppattack.identify.properties.content import block_of
from tests.support.folders_of_ciphertexts import CASES, found_in

CONTENT = {
    "plain": "photographs",
    "pad": "noise",
    "mask": "one mask",
    "pe": "values in place",
    "pe each": "values in place",
    "pe colours": "values in place",
    "le": "shared blocks",
    "le each": "shared blocks",
    "ele": "own blocks",
    "ele each": "own blocks",
    "etc": "whole blocks",
    "etc each": "whole blocks",
    "etc 8": "whole blocks",
    "etc-gray": "whole blocks",
    "patch-shuffle": "whole blocks",
    "shf": "shared blocks",
    "np": "shared blocks",
    "vit-blocks": "shared blocks",
    "whole bytes": "whole image",
    "whole pixels": "whole image",
}
BLOCKS = dict.fromkeys(
    ("le", "le each", "ele", "ele each", "etc", "etc each", "patch-shuffle", "shf", "np"), 4
) | {"vit-blocks": 4, "etc 8": 8, "etc-gray": 8}


@pytest.mark.parametrize("name", CASES)
def test_the_content_and_its_block_size(name: str) -> None:
    found = found_in(name)
    assert found["content"].what == CONTENT[name]
    assert block_of(found) == BLOCKS.get(name)


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("smooth", ("plain", "etc", "patch-shuffle"), ("pe", "le", "ele", "whole bytes", "pad")),
        ("block-edges", ("etc", "etc 8", "patch-shuffle"), ("plain", "pe", "le", "pad")),
        ("shared-blocks", ("le", "le each", "shf", "np"), ("plain", "ele", "pe", "whole bytes")),
        ("in-place", ("pe", "pe each", "pe colours"), ("ele", "whole bytes", "plain", "pad")),
        ("own-blocks", ("ele", "ele each"), ("whole bytes", "pe", "plain", "etc", "le", "pad")),
        ("noise", ("pad",), ("pe", "le", "ele", "mask", "whole bytes")),
        ("common-mask", ("mask",), ("pad", "ele", "pe")),
        ("complements", ("pe", "le", "ele", "etc"), ("patch-shuffle", "whole bytes", "plain")),
        ("colours", ("pe colours", "etc"), ("pe", "patch-shuffle", "etc-gray", "plain")),
        ("turned", ("etc",), ("plain",)),
        ("moved", ("etc", "vit-blocks", "ele", "patch-shuffle"), ("le", "shf", "np", "pe")),
        ("combined", (), ("le", "le each", "shf", "np", "vit-blocks")),
        ("shuffled-inside", ("le", "shf", "ele", "vit-blocks"), ("np", "etc", "pe", "plain")),
    ],
)
def test_a_property_is_seen_where_it_is(
    name: str, yes: tuple[str, ...], no: tuple[str, ...]
) -> None:
    answers = {case: found_in(case)[name].answer for case in (*yes, *no)}
    assert answers == {**dict.fromkeys(yes, "yes"), **dict.fromkeys(no, "no")}


@pytest.mark.parametrize(
    ("case", "unit"),
    [
        ("le", "nibble"),
        ("ele", "nibble"),
        ("shf", "byte"),
        ("vit-blocks", "byte"),
        ("whole bytes", "byte"),
        ("whole pixels", "pixel"),
        ("etc", "block"),
    ],
)
def test_the_unit(case: str, unit: str) -> None:
    assert found_in(case)["unit"].what == unit


@pytest.mark.parametrize(
    ("case", "scope"),
    [
        ("pe", "dataset"),
        ("pe each", "image"),
        ("le", "dataset"),
        ("le each", "image"),
        ("ele", "dataset"),
        ("ele each", "image"),
        ("etc", "dataset"),
        ("etc each", "image"),
        ("mask", "dataset"),
        ("whole bytes", "dataset"),
        ("plain", "undecided"),
        ("pad", "undecided"),
    ],
)
def test_the_key_scope(case: str, scope: str) -> None:
    assert found_in(case)["key-scope"].what == scope


@pytest.mark.parametrize("name", CASES)
def test_every_finding_says_what_it_measured(name: str) -> None:
    for finding in found_in(name).values():
        assert finding.answer in ("yes", "no", "undecided")
        assert finding.words
        assert finding.statistic
        if finding.p is not None:
            assert 0 <= finding.p <= 1
