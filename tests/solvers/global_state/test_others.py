"""Other public images, of any kind and size, teach which way up images are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.caches.memory import Recent
from ppattack.errors import DataError, UnknownNameError
from ppattack.plugins import registry
from ppattack.solvers.global_state import choice, others, thumbnails
from ppattack.solvers.global_state.prior import StatePrior
from tests.support.natural import either_way, natural_images

GROUP = choice.group_for(3)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "FEWEST", 100)
    monkeypatch.setattr(others, "STEPS", 40)
    monkeypatch.setattr(others, "_RECENT", Recent(2))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PPATTACK_CACHE", "on")


def stored(folder: Path, images: torch.Tensor) -> others.Others:
    """A file of images as a source."""
    np.savez(folder / "others.npz", images=images.permute(0, 2, 3, 1).numpy())
    return others.Others(f"npz:{folder / 'others.npz'}")


def test_they_help_where_public_images_are_few(tmp_path: Path) -> None:
    more = stored(tmp_path, either_way(natural_images(200, 32, seed=1), seed=1))
    images = either_way(natural_images(80, 24, seed=4), seed=2)
    alone = choice.fit_best(images[:14], GROUP)
    prior = choice.fit_best(images[:14], GROUP, others=more)
    pairs = prior.mirrored
    assert pairs is not None
    scores, before = prior.scores(images[14:]), alone.scores(images[14:])
    assert torch.allclose(scores.exp().sum(1), torch.ones(66).double())
    assert torch.allclose(scores, scores[:, pairs], atol=1e-6)
    assert float(scores[:, 0].mean()) > float(before[:, 0].mean()) + 0.3
    _, notes = choice.choose(images[14:], prior, GROUP)
    assert notes["global_state"] == "chosen by public and other images, or its mirror image"
    assert notes["global_state_probability_up_to_mirror"] > 0.8


def test_scores_that_say_nothing_get_no_share() -> None:
    rng = np.random.default_rng(0)
    told = torch.log_softmax(torch.from_numpy(rng.normal(0, 1, (400, 8))), 1)
    true = torch.distributions.Categorical(logits=told).sample()
    own = torch.stack([row.roll(-int(at)) for row, at in zip(told, true, strict=True)])
    noise = torch.log_softmax(torch.from_numpy(rng.normal(0, 3, (400, 8))), 1)
    empty = torch.zeros(1, 8).double()
    prior = StatePrior(empty, np.arange(8), own, empty[0], calibrated=True)
    ours, theirs = others.likeliest_shares(prior, noise)
    assert 0.7 < ours < 1.4
    assert theirs == 0
    prior = StatePrior(empty, np.arange(8), noise, empty[0], calibrated=True)
    assert others.likeliest_shares(prior, own) == (theirs, ours)


def test_the_network_is_learned_once_for_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = natural_images(100, 32, seed=1)
    more = stored(tmp_path, images)
    victims = thumbnails.measured(natural_images(4, 32, seed=5))
    first = more.scorer(images[:1], GROUP)
    monkeypatch.setattr(others, "_RECENT", Recent(2))

    def refused(*_: object) -> None:
        raise AssertionError("learned again")

    monkeypatch.setattr(thumbnails.Learner, "learned", refused)
    assert torch.equal(more.scorer(images[:1], GROUP)(victims), first(victims))
    changed = stored(tmp_path, images.flip(0))
    with pytest.raises(AssertionError, match="learned again"):
        changed.scorer(images[:1], GROUP)


def test_a_network_serves_fewer_states_too(tmp_path: Path) -> None:
    images = natural_images(100, 32, seed=1)
    every = stored(tmp_path, images).scorer(images[:1], GROUP)
    wanted = choice.unturned(GROUP)
    few = every.on(thumbnails.Learner.of(images[:1], GROUP, wanted, None))
    data = thumbnails.measured(images[:6])
    seen = torch.stack([every.seen(data, int(state)) for state in wanted], 1)
    assert torch.allclose(few(data), torch.log_softmax(seen.double(), 1), atol=1e-5)


def test_colours_become_brightness_and_are_not_made_up(tmp_path: Path) -> None:
    images = natural_images(120, 32, seed=1)
    more = stored(tmp_path, images)
    source = registry.dataset(more.name)
    grey = more.images(source, 1)
    assert grey.shape == (120, 1, 32, 32)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    every = torch.sort((images * weights).sum((1, 2, 3))).values
    assert torch.allclose(torch.sort(grey.float().sum((1, 2, 3))).values, every, atol=600)
    without = stored(tmp_path, grey)
    with pytest.raises(DataError, match="1 channels, and the attacked ones have 3"):
        without.images(source=registry.dataset(without.name), channels=3)


def test_wrong_sources_are_refused(tmp_path: Path) -> None:
    image = natural_images(1, 32)
    few = stored(tmp_path, natural_images(99, 32))
    with pytest.raises(DataError, match=r"has 99 images, and at least 100 are needed"):
        few.scorer(image, GROUP)
    with pytest.raises(DataError):
        others.Others(f"folder:{tmp_path / 'missing'}").scorer(image, GROUP)
    with pytest.raises(UnknownNameError, match="nearest"):
        others.Others("foldr:x").scorer(image, GROUP)
    assert others.Others.named("") is None
