"""The mirror is named only on evidence, and what is said of a choice is what comes true."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.solvers.global_state import choice, thumbnails
from ppattack.solvers.global_state.fitting import folds, mirrors, tells_mirror
from ppattack.solvers.global_state.prior import StatePrior
from tests.support.natural import either_way, natural_images

GROUP = choice.group_for(3)


@pytest.fixture(scope="module")
def even() -> tuple[StatePrior, torch.Tensor]:
    """A prior of images whose left and right are a coin, and others of the same kind."""
    images = either_way(natural_images(420, 8, seed=1), seed=5)
    prior = choice.fitted(images[120:], GROUP)
    assert prior is not None
    return prior, images[:120]


def test_states_come_in_pairs_of_mirror_images() -> None:
    wanted = GROUP.upright(8, 8)
    pairs = mirrors(GROUP, wanted)
    assert pairs is not None
    places = torch.arange(len(wanted))
    assert torch.equal(pairs[pairs], places)
    assert not (pairs == places).any()
    assert mirrors(GROUP, choice.unturned(GROUP)) is None


def test_an_even_mirror_is_not_named(even: tuple[StatePrior, torch.Tensor]) -> None:
    prior, images = even
    assert prior.mirrored is not None
    scores = prior.scores(images)
    assert torch.allclose(scores, scores[:, prior.mirrored], atol=1e-6)
    _, notes = choice.choose(images, prior, GROUP)
    assert notes["global_state"] == "chosen by public images, or its mirror image"
    assert notes["global_state_probability"] <= 0.5
    assert notes["global_state_probability_up_to_mirror"] > 0.9
    assert "mirrored" not in notes["global_state_runner_up"].split(",")[0] or (
        "," in notes["global_state_runner_up"]
    )


def test_a_mirror_that_public_images_tell_is_named() -> None:
    images = natural_images(400, 8, seed=1)
    prior = choice.fitted(images[100:], GROUP)
    assert prior is not None
    assert prior.mirrored is None
    state, notes = choice.choose(images[:100], prior, GROUP)
    assert state == 0
    assert notes["global_state"] == "chosen by public images"
    assert "global_state_probability_up_to_mirror" not in notes
    flipped, _ = choice.choose(images[:100].flip(3), prior, GROUP)
    assert GROUP.dihedral[flipped] == 4


def test_evidence_for_the_mirror() -> None:
    pairs = torch.tensor([1, 0])
    rng = np.random.default_rng(0)
    leads = torch.from_numpy(rng.normal(0.0, 1.0, 400))
    assert not tells_mirror(torch.stack([leads, torch.zeros(400).double()], 1), pairs)
    assert tells_mirror(torch.stack([leads + 0.5, torch.zeros(400).double()], 1), pairs)
    assert not tells_mirror(torch.ones(1, 2), pairs)


@pytest.mark.parametrize("count", [1, 4])
def test_what_is_said_comes_true(even: tuple[StatePrior, torch.Tensor], count: int) -> None:
    prior, images = even
    assert prior.mirrored is not None
    scores, rng = prior.scores(images), np.random.default_rng(0)
    right, said = [], []
    for _ in range(150):
        total = scores[rng.choice(len(images), count, replace=False)].sum(0)
        right.append(int(total.argmax()) in {0, int(prior.mirrored[0])})
        said.append(prior.up_to_mirror(total, count, GROUP))
    assert np.mean(right) > 0.3
    assert np.mean(said) == pytest.approx(np.mean(right), abs=0.12)


def test_of_noise_and_of_scrambled_images_nothing_is_sure(
    even: tuple[StatePrior, torch.Tensor],
) -> None:
    prior, images = even
    drawn = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, images.shape, generator=drawn, dtype=torch.uint8)
    order = torch.randperm(images[0].numel(), generator=drawn)
    for wrong in (noise, images.flatten(1)[:, order].view_as(images)):
        _, notes = choice.choose(wrong, prior, GROUP)
        assert notes["global_state_probability_up_to_mirror"] < 0.6


def test_folds_hold_every_image_out_once() -> None:
    parts = folds(11, 3)
    assert len(parts) == 3
    assert torch.cat([out for out, _ in parts]).sort().values.tolist() == list(range(11))
    for out, rest in parts:
        assert not set(out.tolist()) & set(rest.tolist())
        assert len(out) + len(rest) == 11


def test_a_network_learns_from_thumbnails_and_is_even_too() -> None:
    images = either_way(natural_images(110, 32, seed=3), seed=6)
    wanted = GROUP.upright(32, 32)
    pairs = mirrors(GROUP, wanted)
    learner = thumbnails.Learner.of(images[:1], GROUP, wanted, pairs)
    state = torch.get_rng_state()
    data = thumbnails.measured(images)
    scorer = learner.learned(data[:80], steps=40)
    again = learner.learned(data[:80], steps=40)
    assert torch.equal(torch.get_rng_state(), state)
    found = scorer(data[80:])
    assert torch.equal(found, again(data[80:]))
    assert torch.allclose(found, found[:, pairs], atol=1e-6)
    assert int(found.sum(0).argmax()) in {0, int(pairs[0])} if pairs is not None else False
    assert float(found[:, 0].mean()) > -np.log(96) + 0.5


def test_when_thumbnails_are_worth_it() -> None:
    every, few = GROUP.upright(64, 64), choice.unturned(GROUP)[:1]
    large = torch.zeros(200, 3, 64, 64, dtype=torch.uint8)
    assert thumbnails.worth_it(large, every)
    assert not thumbnails.worth_it(large[:199], every)
    assert not thumbnails.worth_it(large[..., :48], every)
    assert not thumbnails.worth_it(large[:, :, :32, :32], every)
    assert not thumbnails.worth_it(large, few)


@pytest.mark.slow
def test_large_public_images_add_a_network() -> None:
    images = either_way(natural_images(260, 64, seed=1), seed=2)
    prior = choice.fitted(images[40:], GROUP)
    assert isinstance(prior, thumbnails.ThumbnailPrior)
    state, notes = choice.choose(images[:40], prior, GROUP)
    assert GROUP.dihedral[state] in (0, 4)
    assert notes["global_state_probability_up_to_mirror"] > 0.9
