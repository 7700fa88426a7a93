"""Parts of a block that slid or turned over, each found and put right."""

from __future__ import annotations

import numpy as np
import pytest

from ppattack.solvers.shared_blocks import outcome
from ppattack.solvers.shared_blocks.models import Geometry, Places, rings_of, turned
from ppattack.solvers.shared_blocks.outcome import least_margin
from ppattack.solvers.shared_blocks.pixels import Pixels
from ppattack.solvers.shared_blocks.search import Search
from ppattack.solvers.shared_blocks.slides import NEAREST, moves, promising
from ppattack.solvers.shared_blocks.statistics import Spectrum, contents, covariance, lines
from tests.support.natural import natural_sets


@pytest.mark.parametrize("edge", [4, 8])
def test_swirls_move_rings_of_pixels_alike_in_all_channels(edge: int) -> None:
    geometry, pixels = Geometry(3, edge), edge**2
    swirls = {tuple(swirl) for swirl in geometry.swirls.tolist()}
    rings = edge // 2
    assert len(swirls) == 4 * (2 * rings - 1) - 1  # four pixels go round by two once
    for swirl in np.array(sorted(swirls)):
        assert sorted(swirl) == list(range(3 * pixels))
        assert tuple(np.argsort(swirl)) in swirls
        assert (swirl[:pixels] + pixels == swirl[pixels : 2 * pixels]).all()
        row, column = np.divmod(swirl[:pixels], edge)
        depth = np.minimum.reduce([row, column, edge - 1 - row, edge - 1 - column])
        there, across = np.divmod(np.arange(pixels), edge)
        assert (
            depth == np.minimum.reduce([there, across, edge - 1 - there, edge - 1 - across])
        ).all()


def test_folds_reverse_lines_from_each_side() -> None:
    geometry = Geometry(3, 5)
    grid = np.arange(25).reshape(5, 5)
    wanted = set()
    for count in (2, 3, 4):
        down, up = np.arange(5), np.arange(5)
        down[:count] = down[:count][::-1]
        up[-count:] = up[-count:][::-1]
        for order in (down, up):
            wanted |= {tuple(grid[order].reshape(-1)), tuple(grid[:, order].reshape(-1))}
    assert {tuple(fold[:25]) for fold in geometry.folds.tolist()} == wanted
    assert len(wanted) == 12
    assert (geometry.folds[:, 25:50] == geometry.folds[:, :25] + 25).all()
    assert Geometry(3, 2).folds.shape == (0, 12)


@pytest.mark.parametrize("edge", [1, 2])
def test_in_tiny_blocks_nothing_slides(edge: int) -> None:
    alike = np.eye(edge**2, dtype=np.float32)
    assert moves(edge) == ()
    assert promising(alike, alike, edge) == []


def test_parts_slide_along_their_border_or_turn_over() -> None:
    """In blocks of 3 x 3: counted by hand."""
    every = {
        (tuple(to), tuple(from_)) for group in moves(3) for to, from_ in zip(*group, strict=True)
    }
    assert all(sorted(to) == sorted(from_) for to, from_ in every)
    assert all(a != b for to, from_ in every for a, b in zip(to, from_, strict=True))
    whole = {move for move in every if set(move[0]) == {0, 1, 2, 3, 5, 6, 7, 8}}
    ring = ((0, 1, 2, 3, 5, 6, 7, 8), (3, 0, 1, 6, 2, 7, 8, 5))
    assert ring in whole
    assert (ring[0], (1, 2, 5, 0, 8, 3, 6, 7)) in whole
    assert len(whole) == 2
    lines = {move for move in every if set(move[0]) <= {0, 1, 2}}
    assert lines == {((0, 2), (2, 0)), ((0, 1, 2), (2, 0, 1)), ((0, 1, 2), (1, 2, 0))}
    assert ((0, 1, 3, 4), (3, 0, 4, 1)) in every  # four pixels go round
    assert ((0, 1, 3, 4), (3, 4, 0, 1)) in every  # two rows change places
    # lines 6 x 3; squares of two 4 x 4; of two by three 4 x 4; of three, but for turns, 2
    assert len(every) == 18 + 16 + 16 + 2


def test_the_moves_tried_first_are_those_of_the_least_misfit() -> None:
    rng = np.random.default_rng(3)
    seen, weights = (m @ m.T for m in rng.normal(size=(2, 16, 16)).astype(np.float32))
    costs = {}
    for group in moves(4):
        for to, from_ in zip(*group, strict=True):
            order = np.arange(16)
            order[to] = order[from_]
            moved = seen[np.ix_(order, order)]
            costs[tuple(to), tuple(from_)] = float(np.vdot(moved, weights))
    found = [(tuple(to), tuple(from_)) for to, from_ in promising(seen, weights, 4)]
    assert found == sorted(costs, key=lambda move: costs[move])[:NEAREST]


@pytest.fixture(scope="module")
def searched() -> Search:
    """A search in blocks of 8 px."""
    geometry = Geometry(3, 8)
    sets = natural_sets(60, 400, size=32)
    known = Spectrum(turned(covariance(lines(sets.adversary, 8)), geometry))
    blocks = contents(lines(sets.victims, 8))
    return Search(blocks, [known], geometry, np.random.default_rng(6))


def put_right(search: Search, wrong: Places) -> None:
    """The end that exchanges do not leave: each pixel has nearly all its neighbours."""
    pixels = Pixels(search.cipher, wrong.reshape(3, -1))
    start = pixels.found(np.arange(64))
    found, _, _ = search.unswirled(start, pixels, np.arange(64))
    truth = search.cipher.misfit.best(search.cipher.seen, np.arange(192))[1]
    assert start.misfit > truth + 1
    assert found.misfit <= truth + 0.05


@pytest.mark.parametrize("number", [0, 5, 14, 21, 27, -1, -10])
def test_rings_and_lines_that_moved_together_are_put_right(number: int, searched: Search) -> None:
    geometry = searched.cipher.geometry
    put_right(searched, np.concatenate([geometry.swirls, geometry.folds])[number])


@pytest.mark.parametrize("corner", [(0, 0), (2, 3)])
def test_a_ring_around_any_rectangle_is_put_right(
    corner: tuple[int, int], searched: Search
) -> None:
    wrong, grid = np.arange(64), np.arange(64).reshape(8, 8)
    part = grid[corner[0] : corner[0] + 5, corner[1] : corner[1] + 4]
    for ring in rings_of(part):
        wrong[ring] = np.roll(ring, 1)
    at = np.concatenate([wrong, wrong + 64, wrong + 128])
    pixels = Pixels(searched.cipher, at.reshape(3, -1))
    alone = pixels.exchanged(np.arange(64))
    truth = searched.cipher.misfit.best(searched.cipher.seen, np.arange(192))[1]
    assert pixels.found(alone).misfit > truth + 1
    assert least_margin(searched.cipher, searched._contents, pixels.found(alone), []) < 0
    end = searched._exchanged(pixels.found(alone).at)
    assert end.misfit > truth + 1
    found = least_margin(searched.cipher, searched._contents, end, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "nearest", lambda pixels: [])
        of_bytes = least_margin(searched.cipher, searched._contents, end, [])
    assert found < min(0, of_bytes - 1)  # exchanges of bytes alone hardly speak against it
    put_right(searched, at)
