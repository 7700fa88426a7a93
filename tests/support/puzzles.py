"""Puzzles with a known solution, and slow independent ways to turn and compare pieces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack import blocks
from ppattack.block_states import Arrangement, States
from ppattack.metrics.puzzle import PuzzleScores, from_arrangements, scores
from tests.conftest import smooth_images

Pixels = NDArray[np.uint8]


def in_state(piece: Pixels, state: int, group: States) -> Pixels:
    """A piece ``(C, B, B)`` in a state: flip, turns, complement, colour order."""
    element = int(group.dihedral[state])
    turned = np.rot90(piece[:, :, ::-1] if element > 3 else piece, element % 4, axes=(1, 2))
    if group.negative[state]:
        turned = 255 - turned
    if len(piece) == 3:
        turned = turned[list(blocks.COLOUR_ORDERS[group.colour[state]])]
    return np.ascontiguousarray(turned)


def scrambled(
    images: torch.Tensor, size: int, group: States, seed: int
) -> tuple[torch.Tensor, Arrangement]:
    """Pieces ``(N, n, C, B, B)`` of images under one random key, and what undoes it."""
    rng = np.random.default_rng(seed)
    plain = blocks.split(images.numpy(), size)
    rows, columns = images.shape[2] // size, images.shape[3] // size
    origin = rng.permutation(rows * columns)
    state = rng.integers(0, group.count, rows * columns)
    pieces = np.stack(
        [
            np.stack([in_state(image[o], s, group) for o, s in zip(origin, state, strict=True)])
            for image in plain
        ]
    )
    home = np.argsort(origin)
    undo = group.inverse[state[home]]
    return torch.from_numpy(pieces), Arrangement(
        home.reshape(rows, columns), undo.reshape(rows, columns)
    )


def scored(found: Arrangement, true: Arrangement, group: States) -> PuzzleScores:
    """Scores of one arrangement."""
    return scores(from_arrangements([found], [true], group), group)


def landscape(height: int, width: int, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """``(1, C, height, width)`` uint8: broad and fine structure, no two places alike."""
    edge = max(height, width)
    broad = smooth_images(1, edge, channels, seed).float()
    fine = smooth_images(16, edge // 4 + 1, channels, seed + 1).float()
    tiled = fine.view(4, 4, channels, edge // 4 + 1, edge // 4 + 1).permute(2, 0, 3, 1, 4)
    tiled = tiled.reshape(channels, 4 * (edge // 4 + 1), -1)[None, :, :edge, :edge]
    mixed = (0.7 * broad + 0.3 * tiled).round().clamp(0, 255).to(torch.uint8)
    return mixed[:, :, :height, :width].contiguous()


def noisy(images: torch.Tensor, deviation: float, seed: int = 0) -> torch.Tensor:
    """Images with independent noise, which makes seams ambiguous."""
    noise = np.random.default_rng(seed).normal(0, deviation, tuple(images.shape))
    return (images + torch.from_numpy(noise)).round().clamp(0, 255).to(torch.uint8)
