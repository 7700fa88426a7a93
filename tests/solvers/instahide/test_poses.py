"""Mixtures of cropped and mirrored images: the maps, then all stages."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from ppattack.context import SilentProgress
from ppattack.metrics.ssim_matrix import ssim_matrix
from ppattack.solvers.instahide.posed.images import descended
from ppattack.solvers.instahide.posed.placement import (
    POSES,
    Placement,
    in_all_poses,
    pose_number,
    products_in_poses,
    taken_back,
    waves_of,
)
from ppattack.solvers.instahide.posed.solve import solve_posed
from ppattack.solvers.instahide.posed.statistics import PosedStatistics, learn, mean_precision
from ppattack.target.mixing import MixingLaw, as_mixed
from tests.support.mixtures import SCALE, Mixed, images, mixed

SHAPE = (3, 16, 16)
LAW = MixingLaw(3, 2, augment=True)
BLACK = -1.0


def _placement(case: Mixed) -> Placement:
    held, plan = slice(case.plan.private), case.plan
    shifts = torch.from_numpy(plan.shifts[:, held])
    return Placement(
        torch.from_numpy(plan.members[:, held]),
        torch.from_numpy(plan.weights[:, held]).float(),
        pose_number(shifts[..., 0], shifts[..., 1], torch.from_numpy(plan.mirrored[:, held])),
        len(case.private),
    )


@cache
def _known() -> PosedStatistics:
    own = images("attacker's", 800)
    return learn(own, own, LAW, SCALE, 0, 2000)


def test_images_are_placed_as_the_scheme_moves_them() -> None:
    case = mixed(5, 8, law=LAW)
    placement = _placement(case)
    found = placement.placed(case.numbers.view(-1, *SHAPE) - BLACK)
    wanted = sum(
        torch.from_numpy(case.plan.weights[:, slot, None]).float()
        * (SCALE.numbers(as_mixed(case.plan, case.private, slot)).flatten(1) - BLACK)
        for slot in range(2)
    )
    assert isinstance(wanted, torch.Tensor)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert len(np.unique(case.plan.shifts)) == 9  # every shift that there is


def test_gathering_is_the_transposed_map() -> None:
    generator = torch.Generator().manual_seed(0)
    placement = _placement(mixed(5, 8, law=LAW))
    image = torch.randn(5, *SHAPE, generator=generator)
    values = torch.randn(40, *SHAPE, generator=generator)
    there = (placement.placed(image) * values.flatten(1)).sum()
    assert torch.allclose(there, (placement.gathered(values) * image).sum(), rtol=1e-3)


def test_products_in_all_poses() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, *SHAPE, generator=generator)
    values = torch.randn(3, *SHAPE, generator=generator)
    placed = in_all_poses(image)
    wanted = torch.einsum("nd,kpd->nkp", values.flatten(1), placed)
    assert placed.shape == (2, POSES, 768)
    assert torch.allclose(products_in_poses(waves_of(values), image), wanted, atol=1e-3)
    back = taken_back(placed[0, 7].view(1, *SHAPE), torch.tensor([7]), torch.ones(1))
    seen = back != 0
    assert torch.equal(back[seen], image[0].flatten()[seen])


def test_a_mean_precision_is_that_of_an_image_in_a_random_pose() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(768, 20, generator=generator)
    image = torch.randn(1, *SHAPE, generator=generator)
    sizes = (in_all_poses(image)[0] @ root).square().sum(1)
    mean = mean_precision(root @ root.T, SHAPE)
    found = image.flatten() @ mean @ image.flatten()
    assert torch.allclose(found, sizes.mean(), rtol=1e-3)


def test_conjugate_gradients_solve_a_system() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=generator)
    matrix, wanted = root @ root.T + torch.eye(6), torch.randn(2, 6, generator=generator)
    big = torch.block_diag(matrix, matrix)
    found = descended(
        lambda x: (big @ x.flatten()).view(2, 6),
        (big @ wanted.flatten()).view(2, 6),
        torch.zeros(2, 6),
        lambda x: x,
        12,
    )
    assert torch.allclose(found, wanted, atol=1e-3)


def _found(case: Mixed) -> tuple[bool, float, float]:
    """Whether it is real, and the best SSIM of images, mirrored or not, and of the mean image."""
    found = solve_posed(case.release, _known(), SilentProgress(), iterations=6, refinements=1)
    assert found is not None
    levels = SCALE.levels(found.images)
    mean = case.private.float().mean(0, keepdim=True).round().to(torch.uint8)
    ours = ssim_matrix(torch.cat([levels, levels.flip(3)]), case.private).amax(0)
    return found.real, float(ours.mean()), float(ssim_matrix(mean, case.private).mean())


def test_cropped_and_mirrored_images_come_back_in_their_poses() -> None:
    real, ours, blind = _found(mixed(6, 40, law=LAW))
    assert real
    assert ours > blind + 0.15


@pytest.mark.slow
def test_nothing_comes_of_cropped_images_that_are_not_repeated() -> None:
    real, ours, blind = _found(mixed(60, 1, law=LAW))
    assert not real
    assert ours < blind + 0.15
