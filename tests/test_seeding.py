from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack import seeding
from tests.conftest import numpy_global_state


def test_a_stream_repeats_and_its_neighbours_differ() -> None:
    first = seeding.numpy_stream(0, "key").integers(0, 1 << 62, 8)
    again = seeding.numpy_stream(0, "key").integers(0, 1 << 62, 8)
    others = [seeding.numpy_stream(1, "key"), seeding.numpy_stream(0, "data")]
    assert (first == again).all()
    assert all((first != other.integers(0, 1 << 62, 8)).any() for other in others)


@given(st.lists(st.one_of(st.integers(0, 9), st.text("ab", max_size=3)), max_size=3))
def test_names_are_not_concatenated(names: list[int | str]) -> None:
    assert seeding.derive(0, *names) != seeding.derive(0, *names, "")
    assert seeding.derive(0, 1, "1") != seeding.derive(0, "1", 1)
    assert seeding.derive(0, "ab", "c") != seeding.derive(0, "a", "bc")


def test_streams_leave_the_global_generators_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), numpy_global_state()
    seeding.torch_stream(3, "x").manual_seed(5)
    seeding.numpy_stream(3, "x").random(10)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert numpy_global_state() == numpy_state
