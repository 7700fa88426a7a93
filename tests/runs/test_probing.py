"""A probe as it is asked for: its size, its report, and what it is refused for."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

import ppattack
from ppattack.errors import ImageError, NotApplicable
from ppattack.reports.probe import ProbeReport
from ppattack.request import RunRequest
from ppattack.runs.probing import probe_target
from ppattack.target import Key
from tests.support import home_made
from tests.support.plugins import ciphers, least


class Only96(ciphers.Masked):
    """Takes images of 96 pixels."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Refuse others."""
        if images.shape[-1] != 96:
            raise ImageError("96 pixels only.")
        return super().encrypt(images, key)


def test_it_says_what_was_tried_and_survives_a_file() -> None:
    found = ppattack.probe(RunRequest("", home_made.path("Diffusion"), size=16, seed=3))
    assert isinstance(found, ppattack.ProbeReport)
    assert (found.target, found.shape, found.key_scope) == ("diffusion", (3, 16, 16), "dataset")
    assert found.kind == "chained"
    assert found.weakness == "A few pairs tell such a map."
    assert 200 < found.images < 320
    assert ProbeReport.model_validate_json(found.to_json()) == found


def test_large_images_are_tried_in_part_unless_the_scheme_takes_no_other() -> None:
    asked = RunRequest("", "pe")
    assert probe_target(asked, ciphers.Masked(), (3, 96, 128)).shape == (3, 64, 64)
    assert probe_target(asked, Only96(), (3, 96, 96)).shape == (3, 96, 96)


def test_a_scope_that_a_scheme_does_not_have_is_refused() -> None:
    asked = RunRequest("", "pe", key_scope="image")
    assert probe_target(asked, least.Keyed(), None).kind == "fresh"
    with pytest.raises(NotApplicable, match="no key scope 'image'"):
        probe_target(asked, least.Shifted(), None)


def test_the_same_seed_finds_the_same() -> None:
    asked = RunRequest("", home_made.path("BitShuffle"), size=16)
    assert ppattack.probe(asked) == ppattack.probe(asked)
