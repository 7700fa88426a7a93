"""Keys from a few ciphertexts: blocks that stayed are turned in place; the score of a shift."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.metrics.shifts import best_shifted_ssim
from ppattack.metrics.states import best_state_ssim
from ppattack.solvers.blocks import puzzle as block_puzzle
from ppattack.solvers.shared_blocks import keys
from ppattack.solvers.shared_blocks.models import Geometry, public_models
from ppattack.solvers.shared_blocks.outcome import Outcome
from ppattack.solvers.shared_blocks.pixels import Found
from ppattack.solvers.shared_blocks.search import Search
from targets.block_defence import BlockDefence
from targets.vit_blocks import VitBlocks
from tests.support.natural import natural_sets


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Victims and public images, of 32 px."""
    sets = natural_sets(12, 120, size=32)
    return sets.victims, sets.adversary


def test_blocks_that_stayed_are_turned_where_they_stand(
    images: tuple[torch.Tensor, torch.Tensor],
) -> None:
    plain, public = images
    target = VitBlocks(block_size=4, scramble=False)
    key = target.generate_key(np.random.default_rng(1), (3, 32, 32))
    ciphertexts = target.encrypt(plain, key)
    solver = keys.taught(public, target.structure(), rounds=2)
    found, notes = solver.key(ciphertexts)
    back = found.inverse()(ciphertexts)
    grey = plain.float().mean(1), back.float().mean(1)
    alike = [np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(*grey, strict=True)]
    assert np.abs(alike).min() > 0.9  # whichever negative and colour order
    assert notes["order"] in ("sure", "unsure")


def test_without_complements_none_is_undone(images: tuple[torch.Tensor, torch.Tensor]) -> None:
    plain, public = images
    target = BlockDefence(block_size=4, transformation="shf")
    key = target.generate_key(np.random.default_rng(2), (3, 32, 32))
    ciphertexts = target.encrypt(plain, key)
    found, _ = keys.taught(public, target.structure(), rounds=1).key(ciphertexts)
    assert not found.mask.any()
    back = found.inverse()(ciphertexts)
    assert (back.sort(1).values.float().mean() - plain.sort(1).values.float().mean()).abs() < 1


def test_a_picture_shifted_over_its_background_scores_after_the_shift() -> None:
    plain = natural_sets(2, 2, size=32).victims
    moved = 255 - plain.roll((8, 24), (2, 3)).flip(3)
    assert best_shifted_ssim(moved, plain, 8, shared=True) == pytest.approx([1, 1])
    assert best_state_ssim(moved, plain, shared=True).max() < 0.9
    unrelated = natural_sets(4, 2, size=32).victims[2:]
    assert best_shifted_ssim(unrelated, plain, 8, shared=False).max() < 0.9


@pytest.mark.parametrize(("agreed", "allowed"), [(1, keys.FEW_ATTEMPTS), (3, 0)])
def test_blocks_in_an_unsure_order_are_put_together_less_often(
    agreed: int, allowed: int, images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    plain, public = images
    target = VitBlocks(block_size=8)
    ciphertexts = target.encrypt(
        plain[:1], target.generate_key(np.random.default_rng(1), (3, 32, 32))
    )
    models = public_models(public, Geometry(3, 8))
    solver = keys.Solver(target.structure(), Geometry(3, 8), models, None)
    ended = Outcome(Found(np.arange(192), 1.0), agreed, rounds=3, enough=3)
    puzzles: list[block_puzzle.Puzzle] = []

    def made(*args: Any, **settings: Any) -> block_puzzle.Puzzle:
        puzzles.append(block_puzzle.Puzzle(*args, **settings))
        return puzzles[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Search, "run", lambda self, tick: ended)
        patch.setattr(
            keys, "block_puzzle", SimpleNamespace(**vars(block_puzzle) | {"Puzzle": made})
        )
        solver.key(ciphertexts)
    assert [puzzle.attempts for puzzle in puzzles] == [allowed]
