"""The state of all images is found from what public images look like."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.block_states import Indices, transformation
from ppattack.jpeg import Jpeg
from ppattack.metrics.states import global_states
from ppattack.permxor import identity
from ppattack.solvers.global_state import choice, jpeg_priors
from ppattack.solvers.global_state.features import examples
from ppattack.solvers.global_state.key_estimate import KeyEstimate
from tests.support.natural import either_way, natural_images

pytestmark = pytest.mark.long


@pytest.mark.parametrize("shape", [(3, 6, 6), (1, 6, 6), (3, 4, 6)])
def test_transformations_are_the_global_states(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (1, *shape), dtype=np.uint8))
    group = choice.group_for(shape[0])
    wanted = group.upright(*shape[1:])
    ours = {transformation(int(state), shape, group)(image).numpy().tobytes() for state in wanted}
    theirs = {state.contiguous().numpy().tobytes() for state in global_states(image)}
    assert ours == theirs
    assert len(ours) == len(wanted)


@pytest.mark.parametrize("state", [0, 1, 2, 7, 11])
@pytest.mark.parametrize("unit", ["byte", "nibble"])
def test_a_key_is_brought_to_the_natural_state(state: int, unit: str) -> None:
    images = natural_images(60, 8, seed=1)
    group = choice.group_for(3)
    wanted = choice.unturned(group)
    assert len(wanted) == 12
    wrong = transformation(int(wanted[state]), (3, 8, 8), group)
    key = identity(192).after(wrong)
    key = key.as_nibbles() if unit == "nibble" else key
    found = KeyEstimate(key).settled(images, natural_images(300, 8, seed=2), wanted)
    assert torch.equal(found.decrypt(images), images)
    assert found.notes["global_state_probability"] > 0.9


def test_too_few_public_images_decide_nothing() -> None:
    images = natural_images(20, 8, seed=1)
    found = KeyEstimate(identity(192)).settled(images, images[:5])
    assert torch.equal(found.decrypt(images), images)
    assert "too few" in str(found.notes["global_state"])


def chosen(
    images: torch.Tensor, public: torch.Tensor, wanted: Indices | None = None
) -> tuple[int, float]:
    group = choice.group_for(3)
    prior = choice.fitted(public, group, wanted)
    state, notes = choice.choose(images, prior, group)
    return state, float(notes["global_state_probability"])


def test_what_public_images_do_not_tell_is_called_even() -> None:
    group = choice.group_for(3)
    mirror = np.flatnonzero((group.dihedral % 4 == 0) & (group.negative + group.colour == 0))
    assert len(mirror) == 2
    images = natural_images(500, 8, seed=1)
    sure = []
    for seed in range(6):
        own, public = either_way(images, seed).split([100, 400])
        sure.append(chosen(own, public, mirror)[1])
    assert 0.4 < np.mean(sure) < 0.65
    assert chosen(images[:100], images[100:], mirror)[1] > 0.99


@pytest.mark.long
def test_of_images_unlike_public_ones_no_state_is_certain() -> None:
    images, public = natural_images(264, 32).split([24, 240])
    way = jpeg_priors.under_any_key(16, choice.group_for(3), Jpeg(3, "420"))
    group = choice.group_for(3)
    prior = choice.fitted(public, group, None)
    found = [choice.choose(way(images), prior, group) for _ in range(6)]
    wrong = [float(said["global_state_probability"]) for state, said in found if state != 0]
    assert len(wrong) > 3
    assert max(wrong) < 0.75


def test_what_compression_adds_by_itself_is_taken_off() -> None:
    public = natural_images(100, 16)
    group = choice.group_for(3)
    wanted = choice.unturned(group)

    def brighter_at_the_left(images: torch.Tensor) -> torch.Tensor:
        brighter = images.clone()
        brighter[..., :4] = images[..., :4].clamp(max=235) + 20
        return brighter

    seen = examples(public, group, wanted, brighter_at_the_left)
    plain = examples(public, group, wanted, None)
    added = seen.artefacts[: 3 * 64].view(3, 8, 8)
    assert (added[..., :2] > 10).all()
    assert (added[..., 2:] == 0).all()
    drift = (seen.features - plain.features)[:, : 3 * 64]
    assert float(drift.abs().mean()) < float(added.mean())
    assert float(plain.artefacts.abs().max()) == 0
