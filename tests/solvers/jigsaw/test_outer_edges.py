"""Where a picture ends that was put together, learned from the edges of public images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ppattack.block_states import BELOW, Arrangement
from ppattack.solvers.jigsaw import outer_edges, seam_lessons
from ppattack.solvers.jigsaw.learned_seams import LearnedSeams
from tests.support.natural import natural_images

EDGE, GRID = 8, 6
WHOLE = np.arange(GRID**2).reshape(GRID, GRID)


@pytest.fixture(scope="module", autouse=True)
def _small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seam_lessons, "FEWEST_IMAGES", 8)
        patched.setattr(seam_lessons, "STEPS", 60)
        patched.setattr(seam_lessons, "EDGE_STEPS", 150)
        patched.setenv("PPATTACK_CACHE", "off")
        yield


@pytest.fixture(scope="module")
def taught() -> LearnedSeams:
    found = seam_lessons.learned(natural_images(8, EDGE * GRID, 1), EDGE)
    assert found is not None
    return found


def cut(image: Tensor) -> Tensor:
    tiles = image.reshape(3, GRID, EDGE, GRID, EDGE)
    return tiles.permute(1, 3, 0, 2, 4).reshape(-1, 3, EDGE, EDGE).contiguous()


def slid(taught: LearnedSeams, image: Tensor, by: tuple[int, int]) -> np.ndarray:
    """Where pieces come to stand of a picture that had slid by so many rows and columns."""
    pieces = cut(image)
    table = taught.surprise(pieces)[:, :, 0]
    assert taught.edges is not None
    start = np.roll(WHOLE, by, (0, 1))
    return taught.edges.slid(Arrangement(start, np.zeros_like(start)), table, pieces).grid


@pytest.mark.parametrize("by", [(0, 0), (2, 0), (0, 5), (3, 1)])
def test_a_picture_that_slid_comes_back(taught: LearnedSeams, by: tuple[int, int]) -> None:
    for image in natural_images(3, EDGE * GRID, 9):
        assert np.array_equal(slid(taught, image, by), WHOLE)


@pytest.mark.parametrize(("outside", "first"), [(2.0, 0), (0.1, 1)])
def test_frames_are_equally_wide_unless_seams_speak_against_it(outside: float, first: int) -> None:
    network = nn.Linear(12, 1)
    with torch.no_grad():
        network.weight.zero_()[0, 0] = 1  # the surprise alone
        network.bias.zero_()
    pieces = torch.randint(256, (16, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    pieces[:4] = pieces[12:] = 0  # a frame of one row above and below
    grid = np.arange(16).reshape(4, 4)
    table = torch.full((4, 16, 16), 1.0)
    for row, surprise in enumerate((7.0, 0.0, 7.0, outside)):
        table[BELOW, grid[row], grid[(row + 1) % 4]] = surprise
    taught = outer_edges.OuterEdges(network, torch.zeros(12), torch.ones(12))
    found = taught.slid(Arrangement(grid, np.zeros_like(grid)), table, pieces.to(torch.uint8))
    assert np.array_equal(found.grid, np.roll(grid, -first, 0))


def test_unevenness_of_every_cut() -> None:
    flat = np.array([1, 1, 0, 0, 0, 0, 1, 1], np.bool_)
    assert outer_edges.unevenness(flat, 4).tolist() == [0, 2, 0, 2]
    assert outer_edges.unevenness(flat[:-1], 7).tolist() == [1, 1, 3, 0, 0, 0, 3]
    assert outer_edges.unevenness(np.ones(8, np.bool_), 4).tolist() == [0] * 4


def test_flat_lines_are_of_one_colour() -> None:
    image = natural_images(1, EDGE * GRID, 9)[0]
    image[:, :, -5:] = 0
    rows, columns = outer_edges.flat_lines(cut(image), WHOLE)
    assert columns.tolist()[-6:] == [False] + [True] * 5
    assert not rows.any()
    image[:, :3] = torch.tensor([200, 30, 90])[:, None, None]
    rows, columns = outer_edges.flat_lines(cut(image), WHOLE)
    assert rows.tolist()[:4] == [True] * 3 + [False]
    assert not columns.any()


def test_a_ring_is_seen_alike_wherever_it_is_cut(taught: LearnedSeams) -> None:
    pieces = cut(natural_images(1, EDGE * GRID, 4)[0])
    table = taught.surprise(pieces)[:, :, 0]
    rows, columns = outer_edges.ring(table, pieces, WHOLE)
    assert torch.equal(rows[1, :, 0], table[1, :GRID, :][:, GRID : 2 * GRID].diagonal())
    assert torch.equal(columns[0, :, 0], table[0, WHOLE[:, -1], WHOLE[:, 0]])
    moved = outer_edges.ring(table, pieces, np.roll(WHOLE, (-2, 1), (0, 1)))
    assert torch.allclose(moved[0], rows.roll((-2, 1), (0, 1)), atol=1e-5)
    assert torch.allclose(moved[1], columns.roll((1, -2), (0, 1)), atol=1e-5)


def test_pieces_without_content_stay() -> None:
    taught = outer_edges.OuterEdges(
        outer_edges.network_for(12).eval(), torch.zeros(12), torch.ones(12)
    )
    pieces = torch.full((6, 3, 8, 8), 80, dtype=torch.uint8)
    table = torch.full((4, 6, 6), float(np.log(6)))
    table[:, torch.arange(6), torch.arange(6)] = float("inf")
    grid = np.arange(6).reshape(2, 3)
    found = taught.slid(Arrangement(grid, np.zeros_like(grid)), table, pieces)
    assert np.array_equal(found.grid, grid)
