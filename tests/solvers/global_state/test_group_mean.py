"""The mean over a group, against the sum over all its elements."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.block_states import states as group_of
from ppattack.solvers.global_state.choice import group_for, unturned
from ppattack.solvers.global_state.features import action, features_of
from ppattack.solvers.global_state.group_mean import coset_chain, mean_over_states


@pytest.mark.parametrize(
    ("channels", "shape", "kind", "steps"),
    [
        (3, (16, 16), "all", 13),
        (1, (16, 16), "all", 8),
        (3, (8, 16), "all", 11),
        (3, (16, 16), "unturned", 7),
    ],
)
def test_it_is_the_mean_over_every_state(
    channels: int, shape: tuple[int, int], kind: str, steps: int
) -> None:
    group = group_for(channels)
    wanted = unturned(group) if kind == "unturned" else group.upright(*shape)
    image = torch.randint(0, 256, (1, channels, *shape)).to(torch.uint8)
    source, sign = action(features_of(image), group, wanted)
    made = torch.randn(source.shape[1], 40, dtype=torch.float64)
    moment = made @ made.T
    states = zip(source, sign, strict=True)
    every = torch.stack([moment[s][:, s] * x[:, None] * x for s, x in states])
    found = mean_over_states(moment, source, sign)
    torch.testing.assert_close(found, every.mean(0), rtol=1e-12, atol=1e-12)
    chain = coset_chain(((source + 1) * sign.long()).numpy())
    assert np.prod([len(each) for each in chain]) == len(wanted)
    assert sum(map(len, chain)) == steps


def test_a_group_of_one_has_no_steps() -> None:
    assert group_of(colours=False, turns=False, flips=False, negatives=False).count == 1
    assert coset_chain(np.array([[1, 2, 3]])) == []
