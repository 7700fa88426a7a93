"""Priors in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ppattack.solvers.global_state import choice, learned_once, thumbnails
from tests.support.natural import natural_images

GROUP = choice.group_for(3)


@pytest.fixture(autouse=True)
def _untrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(_: object, scorer: thumbnails.Scorer, *rest: object) -> None:
        scorer.network.eval().requires_grad_(requires_grad=False)

    monkeypatch.setattr(thumbnails.Learner, "_train", train)
    monkeypatch.setattr(thumbnails, "THUMBNAILS", 30)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def _refused(*_: object) -> None:
    raise AssertionError("a prior in the cache is learned again")


def test_a_prior_is_learned_once_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPATTACK_CACHE", "on")
    public, wanted = natural_images(30, 32, seed=3), choice.unturned(GROUP)
    victims = natural_images(4, 32, seed=5)
    first = learned_once.fit(public, GROUP, wanted)
    (file,) = (tmp_path / "ppattack" / "global-state").iterdir()
    monkeypatch.setattr(thumbnails, "fit", _refused)
    again = learned_once.fit(public, GROUP, wanted)
    assert torch.equal(first.scores(victims), again.scores(victims))
    assert choice.choose(victims, first, GROUP) == choice.choose(victims, again, GROUP)
    with pytest.raises(AssertionError, match="learned again"):
        learned_once.fit(public.flip(0), GROUP, wanted)
    with pytest.raises(AssertionError, match="learned again"):
        learned_once.fit(public, GROUP, wanted[:6])
    file.write_bytes(file.read_bytes()[:-8] + b"damaged!")
    with pytest.raises(AssertionError, match="learned again"):
        learned_once.fit(public, GROUP, wanted)


def test_the_cache_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPATTACK_CACHE", "off")
    learned_once.fit(natural_images(30, 32, seed=3), GROUP, choice.unturned(GROUP))
    assert not list(tmp_path.iterdir())
