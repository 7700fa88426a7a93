"""Whole puzzles: what is solved, what must not be, and what makes no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack import blocks
from ppattack.block_states import Arrangement, states
from ppattack.errors import ImageError
from ppattack.solvers import jigsaw
from ppattack.solvers.jigsaw import seam_table
from ppattack.solvers.jigsaw.compatibility import MEASURES
from tests.support.natural import natural_images
from tests.support.puzzles import in_state, landscape, noisy, scored, scrambled

pytestmark = pytest.mark.long

KNOWN = {"turns": False, "flips": False, "negatives": False}


def hard_image() -> torch.Tensor:
    """64 pieces of 8 pixels, of which about half find their neighbours."""
    return noisy(natural_images(1, 64, seed=4), 2)


def solved(pieces: torch.Tensor, shape: tuple[int, int], **settings: Any) -> jigsaw.Solution:
    return jigsaw.solve(pieces, *shape, **settings)


def image_of(found: Arrangement, pieces: torch.Tensor, solution: jigsaw.Solution) -> Any:
    """The image that an arrangement makes of one image's pieces."""
    states_ = zip(found.grid.reshape(-1), found.state.reshape(-1).tolist(), strict=True)
    placed = [in_state(pieces[0, g].numpy(), s, solution.group) for g, s in states_]
    rows, columns = found.grid.shape
    size = pieces.shape[-1]
    return blocks.merge(np.stack(placed), rows * size, columns * size)


@pytest.mark.parametrize("assembly", jigsaw.ASSEMBLIES)
@pytest.mark.parametrize("settings", [{}, {"turns": True}], ids=["known", "turned"])
def test_a_smooth_puzzle_of_192_pieces_is_solved(assembly: Any, settings: dict[str, bool]) -> None:
    settings = {**KNOWN, "colours": False, **settings}
    group = states(**settings)
    pieces, true = scrambled(landscape(336, 448), 28, group, seed=1)
    found = solved(pieces[0], (12, 16), assembly=assembly, compatibility="mgc", **settings)
    scores = scored(found.arrangement, true, group)
    assert scores.direct == scores.neighbour == scores.largest == 1.0


@pytest.mark.parametrize("shape", [(8, 8), (6, 10)], ids=str)
def test_all_four_operations_are_undone_up_to_one_state(shape: tuple[int, int]) -> None:
    group = states(colours=True)
    pieces, true = scrambled(landscape(16 * shape[0], 16 * shape[1], seed=2), 16, group, seed=1)
    found = solved(pieces, shape)
    scores = scored(found.arrangement, true, group)
    assert scores.direct == scores.neighbour == scores.largest == 1.0
    assert found.arrangement.grid.shape == shape
    assert found.confidence.shape == shape
    assert found.confidence.min() > 0.3


def test_many_images_under_one_key_solve_what_one_does_not() -> None:
    group = states(colours=True)
    pieces, true = scrambled(noisy(natural_images(12, 32), 4), 4, group, seed=3)
    one = scored(solved(pieces[:1], (8, 8)).arrangement, true, group).neighbour[0]
    many = scored(solved(pieces, (8, 8)).arrangement, true, group)
    assert one < 0.5
    assert many.neighbour == many.direct == 1.0


def test_borders_of_few_pieces_are_not_mistaken_for_seams() -> None:
    group = states(colours=True)
    for seed in range(4):
        images = noisy(natural_images(20, 16, seed=seed), 2)
        pieces, true = scrambled(images, 8, group, seed)
        assert scored(solved(pieces, (2, 2)).arrangement, true, group).direct == 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_solves_grey_pieces(measure: str) -> None:
    group = states(colours=False)
    pieces, true = scrambled(landscape(96, 96, seed=5, channels=1), 16, group, seed=3)
    found = solved(pieces, (6, 6), compatibility=measure)
    assert found.group.count == 16
    assert scored(found.arrangement, true, group).neighbour[0] > 0.9


def test_the_key_makes_no_difference() -> None:
    group = states(colours=True)
    image = hard_image()
    results = []
    for seed in (1, 2):
        pieces, true = scrambled(image, 8, group, seed)
        found = solved(pieces, (8, 8), rounds=10)
        results.append(
            (scored(found.arrangement, true, group), image_of(found.arrangement, pieces, found))
        )
    (first, one), (second, other) = results
    assert first.neighbour == second.neighbour
    assert 0 < first.neighbour < 1
    assert np.array_equal(one, other)


def test_a_seed_gives_the_same_arrangement_again() -> None:
    group = states(colours=False)
    pieces, _ = scrambled(hard_image(), 8, group, seed=1)
    first, again = (solved(pieces, (8, 8), colours=False, rounds=10, seed=7) for _ in range(2))
    assert np.array_equal(first.arrangement.grid, again.arrangement.grid)
    assert np.array_equal(first.arrangement.state, again.arrangement.state)


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    group = states(colours=True)
    pieces, _ = scrambled(natural_images(2, 32), 8, group, seed=1)
    whole = solved(pieces, (4, 4))
    monkeypatch.setattr(seam_table, "CHUNK_NUMBERS", 1)
    parts = solved(pieces, (4, 4))
    assert np.array_equal(whole.arrangement.grid, parts.arrangement.grid)
    assert np.array_equal(whole.arrangement.state, parts.arrangement.state)


@pytest.mark.parametrize("assembly", jigsaw.ASSEMBLIES)
def test_noise_has_no_neighbours(assembly: Any) -> None:
    group = states(colours=True)
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, 96, 96), dtype=np.uint8)
    pieces, true = scrambled(torch.from_numpy(noise), 8, group, seed=1)
    found = solved(pieces, (12, 12), assembly=assembly, rounds=5)
    scores = scored(found.arrangement, true, group)
    assert scores.neighbour < 0.02
    assert scores.position_neighbour < 0.08
    assert found.confidence.mean() < 0.05


def test_a_wrong_group_is_not_enough() -> None:
    pieces, true = scrambled(landscape(64, 64), 8, states(colours=True), seed=1)
    found = solved(pieces, (8, 8), colours=False)
    group = states(colours=True)
    as_full = Arrangement(found.arrangement.grid, found.arrangement.state * 6)
    assert scored(as_full, true, group).neighbour < 0.3


@pytest.mark.parametrize(
    ("pieces", "shape", "settings", "message"),
    [
        (torch.zeros(4, 3, 8, 8), (2, 2), {}, "uint8"),
        (torch.zeros(4, 3, 8, 6, dtype=torch.uint8), (2, 2), {}, "shape"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.uint8), (2, 3), {}, "got 4"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.uint8), (2, 2), {"compatibility": "x"}, "mgc"),
        (torch.zeros(4, 3, 8, 8, dtype=torch.uint8), (2, 2), {"assembly": "x"}, "gallagher"),
        (torch.zeros(4225, 3, 1, 1, dtype=torch.uint8), (65, 65), {}, "at most 4096"),
    ],
)
def test_what_cannot_be_a_puzzle_is_refused(
    pieces: torch.Tensor, shape: tuple[int, int], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        solved(pieces, shape, **settings)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 1)], ids=str)
def test_tiny_and_flat_puzzles_come_back_whole(shape: tuple[int, int]) -> None:
    pieces = torch.full((shape[0] * shape[1], 3, 4, 4), 200, dtype=torch.uint8)
    found = solved(pieces, shape).arrangement
    assert np.array_equal(np.sort(found.grid, axis=None), np.arange(pieces.shape[0]))
    assert found.grid.shape == shape
