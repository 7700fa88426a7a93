"""A scheme that is not what its ``structure`` says is found out, and one that is, is not."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppattack.probes.examination import examine
from ppattack.probes.moves import confined, moved_whole
from ppattack.target import Structure, Target
from targets.ele import ELE
from targets.etc import EtC
from targets.le import LE
from targets.pe import PE
from tests.support.plugins import ciphers
from tests.support.plugins.misdeclared import SaysPixels
from tests.support.program import in_process

SHAPE = (3, 32, 32)


def saying(scheme: type[Target], **declared: Any) -> Target:
    """A scheme that says so."""
    body = {"structure": lambda self: Structure(**declared), "__doc__": "Declared."}
    made: Target = type("Declared", (scheme,), body)()
    return made


def against(target: Target) -> str | None:
    return examine(target, SHAPE, "dataset", 3).contradiction


@pytest.mark.parametrize(
    ("scheme", "declared", "words"),
    [
        (ciphers.Scattered, {"kind": "pixels"}, "bytes stay in their pixel"),
        (ciphers.Scattered, {"kind": "none"}, "nothing is moved"),
        (ciphers.Scattered, {"kind": "shared-block", "block_size": 4}, "stay in their 4x4 block"),
        (ciphers.Scattered, {"kind": "blocks", "block_size": 4}, "blocks of 4 pixels move"),
        (ciphers.Chained, {"kind": "any"}, "reaches 2[0-9]+ bytes"),
        (ciphers.Bits, {"kind": "any"}, "reaches 8 bytes"),
        (ciphers.Substituted, {"kind": "any"}, "exclusive-or of images is not"),
        (LE, {"kind": "any"}, "moved as wholes, but|reaches 2 bytes"),
        (EtC, {"kind": "blocks-dihedral", "block_size": 32}, "blocks of 32 pixels move"),
    ],
)
def test_a_false_declaration_is_contradicted(
    scheme: type[Target], declared: dict[str, Any], words: str
) -> None:
    found = against(saying(scheme, **declared))
    assert found is not None
    assert re.search(words, found), found


@pytest.mark.parametrize(
    ("scheme", "declared"),
    [
        (ciphers.Scattered, {"kind": "any"}),
        (ciphers.Masked, {"kind": "pixels"}),
        (LE, {"kind": "blocks", "unit": "nibble", "block_size": 4}),
        (LE, {"kind": "any", "unit": "nibble"}),
        (ELE, {"kind": "blocks", "unit": "nibble", "block_size": 4}),
        (EtC, {"kind": "any"}),
        (EtC, {"kind": "blocks", "block_size": 16}),
        (ciphers.Chained, {"kind": "any", "lossy": True}),
    ],
)
def test_a_true_or_weaker_one_is_not(scheme: type[Target], declared: dict[str, Any]) -> None:
    assert against(saying(scheme, **declared)) is None


@pytest.mark.parametrize("variant", ["ito", "madono"])
@pytest.mark.parametrize("scheme", [PE, LE, ELE, EtC])
def test_published_code_is_what_it_says(scheme: type[Target], variant: str) -> None:
    if variant == "ito" or scheme in (ELE, EtC):
        assert against(scheme(variant=variant)) is None


def test_where_symbols_go_is_read_by_hand() -> None:
    shape = (1, 4, 4)
    stay = np.arange(16)
    assert confined(stay, shape) == 1
    swapped = stay.reshape(4, 4)[[2, 3, 0, 1]].ravel()  # halves of blocks of 2 change places
    assert confined(swapped, shape) is None
    assert moved_whole(swapped, shape) == 2
    inside = stay.reshape(4, 4)[[1, 0, 3, 2]].ravel()
    assert confined(inside, shape) == 2
    assert moved_whole(np.roll(stay, 1), shape) == 1
    rows = stay.reshape(4, 4)[::-1].ravel()
    assert moved_whole(rows, shape) == 2


@pytest.mark.parametrize("command", ["probe", "audit -q --preset smoke -n 10 --adversary 4"])
def test_the_program_says_so_in_one_line(command: str, tmp_path: Path) -> None:
    file = inspect.getfile(SaysPixels)
    code, out, errors = in_process(f"{command} --target {file}:SaysPixels", tmp_path)
    assert code == 2
    assert out == ""
    assert errors.count("\n") == 1
    assert "class SaysPixels): structure says 'pixels' (bytes stay in their pixel), but" in errors
    assert "Mend encrypt, or leave structure out." in errors
    assert not list(tmp_path.rglob("bench-*"))


def test_a_description_of_other_images_is_not_judged() -> None:
    """A scheme that converts images first says something of what it converts them to."""
    from targets.etc_gray import EtcGray

    assert against(EtcGray()) is None
