"""Seams weighed by a network that learned from public images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.jpeg import Jpeg
from ppattack.solvers import jigsaw
from ppattack.solvers.blocks import puzzle as block_puzzle
from ppattack.solvers.jigsaw import learned_seams, seam_lessons
from ppattack.solvers.jigsaw.learned_seams import LearnedSeams
from ppattack.solvers.shared_blocks import keys
from ppattack.target.structure import Structure
from tests.support.natural import natural_images

EDGE, GRID = 8, 6


@pytest.fixture(scope="module", autouse=True)
def _small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seam_lessons, "FEWEST_IMAGES", 6)
        patched.setattr(seam_lessons, "STEPS", 100)
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patched.setenv("PPATTACK_CACHE", "on")
        yield


def photographs(count: int, seed: int) -> Tensor:
    """Images of 6 by 6 pieces, with noise, so that no border fits exactly."""
    images = natural_images(count, EDGE * GRID, seed).float()
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + 2 * noise).clamp(0, 255).to(torch.uint8)


def cut(image: Tensor) -> Tensor:
    tiles = image.reshape(3, GRID, EDGE, GRID, EDGE)
    return tiles.permute(1, 3, 0, 2, 4).reshape(-1, 3, EDGE, EDGE).contiguous()


def learned(count: int = 6) -> LearnedSeams:
    found = seam_lessons.learned(photographs(count, 1), EDGE)
    assert found is not None
    return found


def test_they_put_a_puzzle_together() -> None:
    pieces = cut(photographs(1, 9)[0])
    order = np.random.default_rng(0).permutation(GRID**2)
    solve = partial(
        jigsaw.solve, turns=False, flips=False, negatives=False, colours=False, seams=learned()
    )
    given = pieces[torch.from_numpy(order)]
    found = solve(given, GRID, GRID, rounds=3)
    assert np.array_equal(order[found.arrangement.grid].ravel(), np.arange(GRID**2))
    assert found.notes["seams"] == "learned from public images"
    assert found.confidence.mean() > 0.5
    several = torch.stack([given[:9], given[:9]])
    measured = solve(several, 3, 3, rounds=1)
    assert measured.notes["seams"] == "measured"


def test_a_table_is_of_likelihoods_seen_from_both_sides() -> None:
    pieces = cut(photographs(1, 9)[0])
    table = learned().surprise(pieces)
    count = len(pieces)
    assert table.shape == (4, count, 1, count)
    for side in range(4):
        assert torch.allclose(table[side, :, 0], table[(side + 2) % 4, :, 0].T)
        assert torch.isinf(table[side, :, 0].diagonal()).all()
    finite = table[table.isfinite()]
    assert 0 <= float(finite.min()) < 0.7
    assert float(finite.max()) <= np.log(count / learned_seams.DOUBT) + 1e-4


def every_view(pieces: Tensor) -> list[Tensor]:
    """``(n, n, M)`` features of all pairs, second pieces in order, from each side of the first."""
    return [
        torch.zeros_like(seen).scatter_(1, near[..., None].expand_as(seen), seen)
        for near, seen in learned_seams.views(pieces, len(pieces))
    ]


def test_features_are_the_same_for_images_in_every_state() -> None:
    pieces = cut(photographs(1, 4)[0])
    plain = every_view(pieces)
    for changed in (255 - pieces, pieces[:, [2, 0, 1]]):
        for seen, other in zip(plain, every_view(changed), strict=True):
            assert torch.allclose(seen, other, atol=2e-2)
    right, below, left, above = range(4)
    sides = {
        "mirrored": (pieces.flip(3), (left, below, right, above)),
        "upside down": (pieces.flip(2), (right, above, left, below)),
        "transposed": (pieces.transpose(2, 3), (below, right, above, left)),
    }
    for changed, order in sides.values():
        for seen, side in zip(every_view(changed), order, strict=True):
            assert torch.allclose(seen, plain[side], atol=2e-2)


def test_the_likeliest_pieces_come_first() -> None:
    pieces = cut(photographs(1, 4)[0])
    every = every_view(pieces)
    for (near, seen), whole in zip(learned_seams.views(pieces, 5), every, strict=True):
        assert near.shape == (GRID**2, 5)
        assert torch.equal(seen, whole.take_along_dim(near[..., None], 1))
    near, _ = learned_seams.views(pieces, 5)[0]
    found = (
        near[:, 0].view(GRID, GRID)[:, :-1] == torch.arange(1, 37).view(GRID, GRID)[:, :-1]
    ).float()
    assert found.mean() > 0.8


def test_examples_are_the_true_neighbours() -> None:
    image = photographs(1, 2)
    seen, right = seam_lessons.examples(image, EDGE)
    near, found = learned_seams.views(cut(image[0]))[0]
    assert len(seen) == len(right) <= 4 * GRID * (GRID - 1)
    assert len(seen) > 3 * GRID * (GRID - 1)
    assert 1 in near[0]  # the piece to the right of the first one
    assert torch.equal(seen[0], found[0].half())
    assert int(near[0, right[0]]) == 1


def test_they_are_learned_once_for_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.get_rng_state()
    first = learned(8)
    assert torch.equal(torch.get_rng_state(), state)

    def refused(*_: object) -> None:
        raise AssertionError("learned again")

    monkeypatch.setattr(seam_lessons, "_learn", refused)
    pieces = cut(photographs(1, 9)[0])
    assert torch.equal(learned(8).surprise(pieces), first.surprise(pieces))
    with pytest.raises(AssertionError, match="learned again"):
        learned(7)


@pytest.mark.parametrize(
    ("count", "size", "edge"), [(5, 48, 8), (6, 48, 4), (6, 40, 8), (6, 180, 6)]
)
def test_where_nothing_can_be_learned(count: int, size: int, edge: int) -> None:
    images = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    assert seam_lessons.learned(images, edge) is None


def test_who_learns_them() -> None:
    public = photographs(12, 1)
    moved = replace(keys.MOVED, block_size=EDGE)
    puzzle = block_puzzle.Puzzle((3, EDGE * GRID, EDGE * GRID), moved)
    assert block_puzzle.learn(public, puzzle, one_key=False).puzzle.seams is not None
    assert block_puzzle.learn(public, puzzle).puzzle.seams is None
    assert block_puzzle.learn(None, puzzle, one_key=False).puzzle.seams is None
    sent = replace(puzzle, jpeg=Jpeg.read("90"))
    assert block_puzzle.learn(public, sent, one_key=False).puzzle.seams is None
    scrambled = Structure("shared-block", "byte", EDGE, moves_blocks=True)
    assert keys.taught(public, scrambled).seams is not None
    assert keys.taught(public, scrambled, jpeg=Jpeg.read("90")).seams is None
    assert keys.taught(public, replace(scrambled, moves_blocks=False)).seams is None
