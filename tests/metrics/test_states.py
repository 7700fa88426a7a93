from __future__ import annotations

import pytest
import torch

from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import best_state_ssim, global_states
from tests.conftest import smooth_images


@pytest.mark.parametrize(
    ("shape", "count"), [((3, 16, 16), 96), ((1, 16, 16), 16), ((3, 8, 16), 48)]
)
def test_the_states_are_all_there_and_all_different(
    shape: tuple[int, int, int], count: int
) -> None:
    image = torch.randint(0, 256, (1, *shape), generator=torch.Generator().manual_seed(0))
    states = list(global_states(image.to(torch.uint8)))
    assert len(states) == count
    assert len({state.contiguous().numpy().tobytes() for state in states}) == count
    assert all(tuple(state.shape) == (1, *shape) for state in states)


def test_the_best_state_is_found_for_all_images_or_for_each() -> None:
    plain = smooth_images(6, size=16)
    moved = 255 - torch.rot90(plain.flip(3), 3, (2, 3))[:, [2, 0, 1]]
    assert best_state_ssim(moved, plain, shared=True).min() == pytest.approx(1.0)
    mixed = torch.cat([moved[:3], plain[3:]])
    assert best_state_ssim(mixed, plain, shared=False).min() == pytest.approx(1.0)
    assert best_state_ssim(mixed, plain, shared=True).min() < 0.9


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 9, 9), (3, 8, 16)])
def test_each_image_has_the_best_ssim_of_all_its_states(shape: tuple[int, int, int]) -> None:
    draw = torch.Generator().manual_seed(1)
    images, plain = torch.randint(0, 256, (2, 70, *shape), generator=draw, dtype=torch.uint8)
    images[:20] = (plain[:20] // 2 + images[:20] // 2).flip(3)
    images[20], plain[21] = 255, 0
    one_by_one = torch.stack([ssim(state, plain) for state in global_states(images)])
    found = best_state_ssim(images, plain, shared=False)
    assert torch.allclose(found, one_by_one.amax(dim=0), rtol=0, atol=1e-7)
    best = one_by_one[one_by_one.mean(dim=1).argmax()]
    assert torch.allclose(best_state_ssim(images, plain, shared=True), best, rtol=0, atol=1e-12)
