"""Border lines are freed from the colours of other blocks."""

from __future__ import annotations

import pytest
import torch

from ppattack.block_states import states
from ppattack.blocks import split
from ppattack.jpeg import Jpeg
from ppattack.solvers.blocks.halved_colours import without_neighbours
from tests.conftest import smooth_images
from tests.support.puzzles import scrambled


def enlarged(samples: torch.Tensor) -> torch.Tensor:
    """Twice as long, three quarters of a sample and one of the next, the ends kept."""
    padded = torch.cat([samples[:1], samples, samples[-1:]])
    pairs = [(3 * padded[1:-1] + side) / 4 for side in (padded[:-2], padded[2:])]
    return torch.stack(pairs, 1).flatten(0, 1)


def test_lines_inside_and_brightness_stay() -> None:
    pieces = torch.from_numpy(split(smooth_images(2, 32).numpy(), 8))
    freed = without_neighbours(pieces)
    inner = (..., slice(1, -1), slice(1, -1))
    assert (freed[inner].int() - pieces[inner].int()).abs().max() <= 1


def test_own_samples_are_found_again() -> None:
    own, other = torch.tensor([96.0, 104, 112, 120]), torch.tensor([200.0, 200])
    seen = enlarged(torch.cat([other, own, other]))[4:12]
    chroma = torch.zeros(3, 8, 8)
    chroma[0], chroma[2] = 0.114 * (seen - 128), -0.299 * (seen - 128)  # no brightness
    freed = without_neighbours((128 + 4 * chroma).round().clamp(0, 255).to(torch.uint8))
    wanted = 1.5 * seen[1] - 0.5 * seen[2]
    assert wanted == pytest.approx(own[0])
    found = freed[2, 4].float()
    assert found[0] == pytest.approx(128 - 4 * 0.299 * (float(wanted) - 128), abs=2)


def test_blocks_of_a_jpeg_come_closer_to_what_they_were() -> None:
    pieces, _ = scrambled(smooth_images(4, 64), 16, states(colours=True), seed=1)
    image = pieces.view(4, 4, 4, 3, 16, 16).permute(0, 3, 1, 4, 2, 5).reshape(4, 3, 64, 64)
    received = torch.from_numpy(split(Jpeg(95, "420").transport(image.contiguous()).numpy(), 16))
    border = torch.ones(16, 16, dtype=torch.bool)
    border[1:-1, 1:-1] = False

    def error(found: torch.Tensor) -> float:
        return float((found.float() - pieces.float())[..., border].abs().mean())

    assert error(without_neighbours(received)) < 0.5 * error(received)
