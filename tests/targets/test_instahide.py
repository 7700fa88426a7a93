from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.errors import ConfigError
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target.mixing import (
    SCALES,
    MixingLaw,
    MixingPlan,
    draw_plan,
    draw_weights,
    mixtures,
    soft_labels,
    with_signs,
)
from tests.support.mixtures import images, mixed

CROSS = MixingLaw(6, 2)
INSIDE = MixingLaw(4, 4)


def _plan(law: MixingLaw, count: int = 7, public: int = 20, rounds: int = 5) -> MixingPlan:
    return draw_plan(law, count, public, rounds, lambda name: numpy_stream(3, name))


def test_weights_keep_their_bounds_and_nothing_else_is_cut() -> None:
    rng = np.random.default_rng(0)
    weights = draw_weights(CROSS, 20_000, rng)
    private = weights[:, :2].sum(axis=1)
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights.min() > 0
    assert 0.6 < weights.max() <= 0.65
    assert 0.3 <= private.min() < 0.302
    assert private.mean() == pytest.approx(0.436, abs=0.003)  # the published law, computed apart
    public = weights[:, 2:]
    squares = (public**2).sum(axis=1) / public.sum(axis=1) ** 2
    assert squares.mean() == pytest.approx(0.36, abs=0.01)


def test_weights_of_private_images_alone_have_no_bound_below() -> None:
    weights = draw_weights(INSIDE, 20_000, np.random.default_rng(0))
    assert weights[:, :2].sum(axis=1).min() < 0.1
    assert weights.max() <= 0.65


@pytest.mark.parametrize(("law", "private"), [(CROSS, 2), (INSIDE, 4), (MixingLaw(3, 1), 1)])
def test_every_image_fills_every_slot_once_a_round(law: MixingLaw, private: int) -> None:
    plan = _plan(law)
    assert plan.members.shape == plan.weights.shape == (35, law.members)
    for slot in range(private):
        assert (np.bincount(plan.members[:, slot], minlength=7) == 5).all()
    for slot in range(private, law.members):
        assert plan.members[:, slot].max() < 20
        assert len(set(plan.members[:, slot])) > 7  # public images are not the same ones again


def test_few_public_images_are_repeated() -> None:
    plan = _plan(CROSS, public=3)
    assert set(plan.members[:, 2:].ravel()) == {0, 1, 2}


def test_the_order_says_nothing() -> None:
    plan = _plan(CROSS, count=50, rounds=20)
    position = np.arange(1000) % 50
    assert abs(np.corrcoef(plan.members[:, 0], position)[0, 1]) < 0.1


def test_a_mixture_is_the_weighted_sum_of_its_members() -> None:
    plan, private, public = _plan(CROSS), images("a", 7), images("b", 20)
    made = mixtures(plan, private, public, SCALES["unit"]).numpy()
    for row in range(len(made)):
        wanted = np.zeros(made.shape[1:])
        for slot in range(6):
            pool = private if slot < 2 else public
            image = pool[plan.members[row, slot]].numpy()
            wanted += plan.weights[row, slot] * (image / 127.5 - 1)
        assert np.abs(made[row] - wanted).max() < 1e-5


def test_signs_hide_signs_and_nothing_else() -> None:
    case = mixed(6, 10)
    assert torch.equal(case.encodings.abs().flatten(1), case.signed.abs())
    signs = case.encodings.flatten(1).sign() * case.signed.sign()
    assert abs(float(signs.mean())) < 0.02
    assert abs(float((signs[0] * signs[1]).mean())) < 0.15
    other = with_signs(case.signed, numpy_stream(1, "signs"))
    assert not torch.equal(other, case.encodings.flatten(1))


def test_labels_are_private_weights_not_normalised() -> None:
    plan = _plan(CROSS)
    soft = soft_labels(plan, np.array([0, 0, 1, 1, 2, 2, 2]), 4)
    assert np.allclose(soft.sum(axis=1), plan.weights[:, :2].sum(axis=1))
    assert not soft[:, 3].any()
    classes = np.array([0, 0, 1, 1, 2, 2, 2])[plan.members[:, :2]]
    same = classes[:, 0] == classes[:, 1]
    assert same.any()
    assert ((soft > 0).sum(axis=1) == np.where(same, 1, 2)).all()


def test_crops_and_mirrors_are_those_of_the_plan() -> None:
    law = MixingLaw(2, 1, augment=True)
    plan, private, public = _plan(law), images("a", 7), images("b", 20)
    made = mixtures(plan, private, public, SCALES["unit"]).numpy()
    assert plan.mirrored.any()
    assert set(plan.shifts.ravel()) == set(range(-4, 5))
    for row in (0, 5, 11):
        wanted = np.zeros(made.shape[1:])
        for slot, pool in enumerate((private, public)):
            image = pool[plan.members[row, slot]].numpy().astype(float)
            if plan.mirrored[row, slot]:
                image = image[:, :, ::-1]
            down, right = plan.shifts[row, slot]
            moved = np.zeros_like(image)
            for y in range(16):
                for x in range(16):
                    if 0 <= y - down < 16 and 0 <= x - right < 16:
                        moved[:, y, x] = image[:, y - down, x - right]
            wanted += plan.weights[row, slot] * (moved / 127.5 - 1)
        assert np.abs(made[row] - wanted).max() < 1e-5


def test_scales() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    for scale in SCALES.values():
        assert torch.equal(scale.levels(scale.numbers(levels)), levels)
    unit = SCALES["unit"].numbers(levels)
    assert (float(unit.min()), float(unit.max())) == (-1.0, 1.0)
    black = SCALES["cifar10"].numbers(levels)[0, :, 0, 0]
    assert black.tolist() == pytest.approx([-2.429, -2.418, -2.221], abs=1e-3)


def test_the_target_is_the_law() -> None:
    target: Any = registry.target("instahide")(rounds=4)
    plain = images("a", 5)
    key = target.generate_key(numpy_stream(0, "key"), (3, 16, 16))
    made = target.encrypt(plain, key)
    assert made.shape == (5, 4, 3, 16, 16)
    public = target.public_images((3, 16, 16))
    plan = target.plan(key, 5, len(public))
    mixture = mixtures(plan, plain, public, target.scale)
    assert torch.equal(made.flatten(0, 1).abs(), mixture.abs())
    other = target.generate_key(numpy_stream(1, "key"), (3, 16, 16))
    assert not np.array_equal(target.plan(other, 5, 2000).members, plan.members)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"members": 2, "private": 3}, "use as many members or more"),
        ({"members": 4, "largest": 0.2}, "widen the bounds"),
        ({"least_private": 0.95}, "widen the bounds"),
        ({"rounds": 0}, "rounds"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        registry.target("instahide")(**settings)
