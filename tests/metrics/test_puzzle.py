"""Puzzle scores against counts by hand, against pictures, and under every global state."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ppattack.block_states import Arrangement, States, states
from ppattack.errors import ImageError
from ppattack.metrics.puzzle import (
    NOWHERE,
    Assembled,
    PuzzleScores,
    from_arrangements,
    from_keys,
    over_keys,
    scores,
)
from ppattack.metrics.states import global_states
from ppattack.permxor import PermXor, identity
from targets.etc import EtC
from tests.support.schemes import generate_key, generate_keys

BLOCK = 4
GROUP = states(colours=True)
GREY = states(colours=False)
SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4))
SEEDS = st.integers(0, 10_000)
quick = settings(deadline=None, max_examples=40)


def random_arrangement(
    rows: int, columns: int, group: States, rng: np.random.Generator
) -> Arrangement:
    order = rng.permutation(rows * columns).reshape(rows, columns)
    return Arrangement(order, rng.integers(0, group.count, (rows, columns)))


def damaged(true: Arrangement, group: States, rng: np.random.Generator) -> Arrangement:
    """The truth in some global state, with up to three exchanges and one state changed."""
    turn = int(rng.choice(group.upright(*true.grid.shape)))
    found = true.turned(turn, group)
    grid, state = found.grid.copy().reshape(-1), found.state.copy().reshape(-1)
    for _ in range(rng.integers(0, 4)):
        a, b = rng.integers(0, grid.size, 2)
        grid[[a, b]], state[[a, b]] = grid[[b, a]], state[[b, a]]
    if rng.integers(2):
        state[rng.integers(0, grid.size)] = rng.integers(0, group.count)
    return Arrangement(grid.reshape(true.grid.shape), state.reshape(true.grid.shape))


def values(found: PuzzleScores) -> dict[str, float]:
    return {field.name: float(getattr(found, field.name)[0]) for field in fields(found)}


def scored(found: Arrangement, true: Arrangement, group: States = GROUP) -> dict[str, float]:
    return values(scores(from_arrangements([found], [true], group), group))


def placed(origin: list[list[int]], state: list[list[int]] | None = None) -> dict[str, float]:
    at = np.array([origin])
    left = np.zeros_like(at) if state is None else np.array([state])
    return values(scores(Assembled(at, left), GROUP))


def number(*, turns: int = 0, mirrored: bool = False, negative: bool = False) -> int:
    """A state without a change of colours."""
    wanted = (GROUP.dihedral == turns + 4 * mirrored) & (GROUP.negative == negative)
    return int(np.flatnonzero(wanted & (GROUP.colour == 0))[0])


def test_nine_blocks_as_they_were() -> None:
    assert set(placed([[0, 1, 2], [3, 4, 5], [6, 7, 8]]).values()) == {1.0}


def test_a_row_moved_from_the_top_to_the_bottom() -> None:
    found = placed([[3, 4, 5], [6, 7, 8], [0, 1, 2]])
    assert found["raw_direct"] == found["direct"] == 0.0
    assert found["neighbour"] == found["position_neighbour"] == 9 / 12
    assert found["largest"] == found["position_largest"] == 6 / 9


def test_two_blocks_exchanged() -> None:
    found = placed([[8, 1, 2], [3, 4, 5], [6, 7, 0]])
    assert found["direct"] == found["raw_direct"] == 7 / 9
    assert found["neighbour"] == 8 / 12
    assert found["largest"] == 7 / 9


def test_one_block_complemented_where_it_belongs() -> None:
    here = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    state = np.zeros((3, 3), np.intp)
    state[1, 1] = number(negative=True)
    found = placed(here, state.tolist())
    assert found["direct"] == 8 / 9
    assert found["neighbour"] == 8 / 12
    assert found["largest"] == 8 / 9
    assert [found[f"position_{name}"] for name in ("direct", "neighbour", "largest")] == [1.0] * 3


def test_every_block_turned_where_it_stands_is_not_a_turned_image() -> None:
    turned = np.full((2, 2), number(turns=1)).tolist()
    found = placed([[0, 1], [2, 3]], turned)
    assert found["neighbour"] == 0.0
    assert found["largest"] == 1 / 4
    assert found["position_neighbour"] == found["position_largest"] == 1.0
    together = placed([[1, 3], [0, 2]], turned)  # a quarter turn counter-clockwise
    assert together["direct"] == together["neighbour"] == together["largest"] == 1.0
    assert together["raw_direct"] == 0.0


def test_mirrored_as_a_whole_and_by_place_alone() -> None:
    state = np.full((2, 3), number(mirrored=True)).tolist()
    found = placed([[2, 1, 0], [5, 4, 3]], state)
    assert (found["direct"], found["neighbour"], found["raw_direct"]) == (1.0, 1.0, 0.0)
    plain = placed([[2, 1, 0], [5, 4, 3]])
    assert (plain["neighbour"], plain["position_neighbour"]) == (3 / 7, 1.0)
    assert plain["largest"] == 2 / 6


def test_blocks_that_are_no_plain_blocks_join_nothing() -> None:
    found = placed([[NOWHERE, NOWHERE], [2, 3]])
    assert found["direct"] == 2 / 4
    assert found["neighbour"] == 1 / 4
    assert found["largest"] == 2 / 4


def test_one_block_has_no_seam_to_get_wrong() -> None:
    assert set(placed([[0]]).values()) == {1.0}


def _pictures(found: Arrangement, true: Arrangement, seed: int) -> dict[str, float]:
    """N_c by looking: a pair of blocks is right where some global state of the image shows it."""
    rows, columns = found.grid.shape
    rng = np.random.default_rng(seed)
    size = (1, 3, rows * BLOCK, columns * BLOCK)
    plain = torch.from_numpy(rng.integers(0, 256, size, dtype=np.uint8))
    cipher = true.key(BLOCK, 3, GROUP)(plain)
    seen = found.key(BLOCK, 3, GROUP).inverse()(cipher)
    shown = {pair for state in _all_states(plain) for pair in _pairs(state)}
    ours = _pairs(seen[0].numpy())
    same = _blocks(seen[0].numpy()), _blocks(plain[0].numpy())
    return {
        "neighbour": sum(pair in shown for pair in ours) / len(ours) if ours else 1.0,
        "raw_direct": sum(a == b for a, b in zip(*same, strict=True)) / len(same[0]),
    }


def _all_states(plain: torch.Tensor) -> list[NDArray[np.uint8]]:
    upright = [state[0].numpy() for state in global_states(plain)]
    return upright + [np.rot90(state, axes=(1, 2)) for state in upright]


def _pairs(image: NDArray[np.uint8]) -> list[bytes]:
    _, height, width = image.shape
    across = [
        b"-" + np.ascontiguousarray(image[:, y : y + BLOCK, x : x + 2 * BLOCK]).tobytes()
        for y in range(0, height, BLOCK)
        for x in range(0, width - BLOCK, BLOCK)
    ]
    down = [
        b"|" + np.ascontiguousarray(image[:, y : y + 2 * BLOCK, x : x + BLOCK]).tobytes()
        for y in range(0, height - BLOCK, BLOCK)
        for x in range(0, width, BLOCK)
    ]
    return across + down


def _blocks(image: NDArray[np.uint8]) -> list[bytes]:
    _, height, width = image.shape
    return [
        np.ascontiguousarray(image[:, y : y + BLOCK, x : x + BLOCK]).tobytes()
        for y in range(0, height, BLOCK)
        for x in range(0, width, BLOCK)
    ]


@quick
@given(size=SIZES, seed=SEEDS)
def test_right_seams_are_those_that_show_in_some_state_of_the_image(
    size: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    true = random_arrangement(*size, GROUP, rng)
    found = damaged(true, GROUP, rng)
    ours, seen = scored(found, true), _pictures(found, true, seed)
    assert ours["neighbour"] == seen["neighbour"]
    assert ours["raw_direct"] == seen["raw_direct"]


@quick
@given(size=SIZES, seed=SEEDS, colours=st.booleans())
def test_laws(size: tuple[int, int], seed: int, colours: bool) -> None:
    group, rng = states(colours=colours), np.random.default_rng(seed)
    true = random_arrangement(*size, group, rng)
    turn = int(rng.choice(group.upright(*size)))
    assert set(scored(true, true, group).values()) == {1.0}
    whole = scored(true.turned(turn, group), true, group)
    assert {value for name, value in whole.items() if name != "raw_direct"} == {1.0}
    found = damaged(true, group, rng)
    ours = scored(found, true, group)
    turned = scored(found.turned(turn, group), true, group)
    assert {k: v for k, v in ours.items() if k != "raw_direct"} == {
        k: v for k, v in turned.items() if k != "raw_direct"
    }
    for name in ("direct", "neighbour", "largest"):
        assert 0 <= ours[name] <= ours[f"position_{name}"] <= 1
    blocks = size[0] * size[1]
    assert ours["largest"] >= 1 / blocks
    assert (ours["largest"] == 1) == (ours["direct"] == 1)


@quick
@given(seed=SEEDS, size=SIZES, colours=st.booleans())
def test_keys_say_what_arrangements_say(seed: int, size: tuple[int, int], colours: bool) -> None:
    group, rng = states(colours=colours), np.random.default_rng(seed)
    channels = 3 if colours else 1
    true = [random_arrangement(*size, group, rng) for _ in range(3)]
    found = [damaged(each, group, rng) for each in true]
    keys = [_stacked([one.key(BLOCK, channels, group) for one in side]) for side in (found, true)]
    shape = (channels, size[0] * BLOCK, size[1] * BLOCK)
    by_keys = from_keys(keys[0], keys[1], shape, BLOCK, group)
    expected = from_arrangements(found, true, group)
    assert np.array_equal(by_keys.origin, expected.origin)
    assert np.array_equal(by_keys.state, expected.state)


def _stacked(keys: list[PermXor]) -> PermXor:
    return PermXor(np.stack([key.index for key in keys]), np.stack([key.mask for key in keys]))


def test_keys_of_a_target() -> None:
    target, shape = EtC(block_size=BLOCK), (3, 16, 24)
    one = target.permxor(generate_key(target, shape))
    assert values(scores(from_keys(one, one, shape, BLOCK, GROUP), GROUP))["direct"] == 1.0
    many = target.permxor(generate_keys(target, shape, 2))
    both = scores(from_keys(one, many, shape, BLOCK, GROUP), GROUP)
    assert both.neighbour.shape == (2,)
    assert both.neighbour.max() < 0.3
    nothing = from_keys(identity(one.symbols), one, shape, BLOCK, GROUP)
    assert values(scores(nothing, GROUP))["direct"] < 0.2


def test_a_key_without_whole_blocks_has_none_in_place() -> None:
    shape, rng = (3, 16, 16), np.random.default_rng(0)
    target = EtC(block_size=BLOCK)
    true = target.permxor(generate_key(target, shape))
    noise = PermXor(rng.permutation(768), np.zeros(768, np.uint8))
    found = from_keys(noise, true, shape, BLOCK, GROUP)
    assert (found.origin == NOWHERE).all()
    few = true.index.copy()
    few[[0, 500]] = few[[500, 0]]
    nearly = from_keys(PermXor(few, true.mask), true, shape, BLOCK, GROUP)
    assert set(values(scores(nearly, GROUP)).values()) == {1.0}


def test_a_random_arrangement_scores_about_nothing() -> None:
    rng = np.random.default_rng(1)
    true = [random_arrangement(8, 8, GREY, rng) for _ in range(50)]
    found = [random_arrangement(8, 8, GREY, rng) for _ in range(50)]
    chance = scores(from_arrangements(found, true, GREY), GREY)
    assert chance.neighbour.mean() < 0.01
    assert chance.raw_direct.mean() < 0.01
    assert chance.largest.mean() < 2.1 / 64
    assert 0.02 < chance.position_neighbour.mean() < 0.1  # 4 of 63 blocks are neighbours


def test_several_keys_an_image() -> None:
    first = np.array([[0.1, 0.9], [0.5, 0.2]])
    second = np.array([[1.0, 0.0], [0.5, 0.4]])
    rest = [np.array([[i + 0.25, i + 0.5], [i + 0.5, i + 1.0]]) for i in range(4)]
    found = PuzzleScores(first, second, np.zeros((2, 2)), *rest)
    kept = over_keys(found, "max")
    assert kept.direct.tolist() == [0.1, 0.5]
    assert kept.neighbour.tolist() == [1.0, 0.5]
    assert kept.raw_direct.tolist() == [0.25, 0.5]
    mean = over_keys(found)
    assert mean.direct.tolist() == [0.5, 0.35]
    assert mean.neighbour.tolist() == [0.5, 0.45]
    assert (kept.direct + kept.neighbour >= mean.direct + mean.neighbour).all()


def test_arrangements_that_hold_a_block_twice_are_refused() -> None:
    rng = np.random.default_rng(0)
    true = random_arrangement(2, 2, GROUP, rng)
    for grid in (np.array([[0, 1], [2, 2]]), np.array([[0, 1, 2, 3]])):
        wrong = Arrangement(grid, np.zeros_like(grid))
        with pytest.raises(ImageError, match="hold each of them once"):
            from_arrangements([wrong], [true], GROUP)
