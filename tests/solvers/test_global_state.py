"""The state of all images is found from what public images look like."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.metrics.states import global_states
from ppattack.permxor import identity
from ppattack.solvers import global_state
from ppattack.solvers.key_estimate import KeyEstimate
from tests.natural import natural_images


@pytest.mark.parametrize("shape", [(3, 6, 6), (1, 6, 6), (3, 4, 6)])
def test_transformations_are_the_global_states(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (1, *shape), dtype=np.uint8))
    group = global_state.group_for(shape[0])
    wanted = group.upright(*shape[1:])
    ours = {
        global_state.transformation(int(state), shape, group)(image).numpy().tobytes()
        for state in wanted
    }
    theirs = {state.contiguous().numpy().tobytes() for state in global_states(image)}
    assert ours == theirs
    assert len(ours) == len(wanted)


@pytest.mark.parametrize("state", [0, 1, 2, 7, 11])
@pytest.mark.parametrize("unit", ["byte", "nibble"])
def test_a_key_is_brought_to_the_natural_state(state: int, unit: str) -> None:
    images = natural_images(60, 8, seed=1)
    group = global_state.group_for(3)
    wanted = global_state.unturned(group)
    assert len(wanted) == 12
    wrong = global_state.transformation(int(wanted[state]), (3, 8, 8), group)
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
