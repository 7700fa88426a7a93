"""Learning from public images which pieces are neighbours, once for the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ppattack.caches.user import cache_folder
from ppattack.context import SilentProgress
from ppattack.solvers.jigsaw import learned_seams
from ppattack.solvers.jigsaw.learned_seams import CANDIDATES, LearnedSeams
from ppattack.solvers.kept import Kept, Tensors

KIND = "seams"
NAME = 32
"""Digits of a fingerprint in the name of a file."""
FEWEST_IMAGES = 40
"""With fewer the network is hardly better than the gradient."""
MOST_SEAMS = 90_000
"""Seams learned from, each seen from both sides of it."""
STEPS, BATCH, RATE, DECAY = 3000, 128, 3e-3, 0.02
COMPARED = 12
"""Pieces compared in a step: the right one and others, the likelier ones more often."""
LIKELIER = 0.6
"""How much more often."""


def learned(images: Tensor, edge: int) -> LearnedSeams | None:
    """The network, or None if images are too few, or pieces too many, too few or too small.

    Args:
        images: ``(M, C, H, W)`` uint8, pieces of so many pixels side by side in their places.
        edge: of a piece, pixels.
    """
    rows, columns = int(images.shape[2]) // edge, int(images.shape[3]) // edge
    if len(images) < FEWEST_IMAGES or not learned_seams.usable(rows * columns, edge):
        return None
    seams = 2 * (rows * (columns - 1) + (rows - 1) * columns)
    used = images[:: max(1, -(-len(images) * seams // MOST_SEAMS))]
    facts = {"edge": edge, "threads": torch.get_num_threads(), "device": str(images.device)}
    folder, room = cache_folder(KIND), Path(__file__).parent
    kept = Kept.of(folder, SilentProgress(), {"images": used}, facts, room)
    found = kept.stage(kept.fingerprint[:NAME], lambda: _learn(used, edge), images.device)
    with torch.random.fork_rng(devices=[]):
        network = learned_seams.network_for(len(found["mean"])).to(images.device)
    network.load_state_dict({k.removeprefix("network."): v for k, v in found.items() if "." in k})
    network.eval().requires_grad_(requires_grad=False)
    return LearnedSeams(network, found["mean"], found["scale"])


def _learn(images: Tensor, edge: int) -> Tensors:
    seen, right = examples(images, edge)
    some = seen[:: max(1, len(seen) // 2000)].float().flatten(0, 1)
    mean, scale = some.mean(0), some.std(0) + 1e-3
    drawn = torch.Generator().manual_seed(0)
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        made = LearnedSeams(learned_seams.network_for(len(mean)).to(images.device), mean, scale)
        _train(made, seen, right, drawn)
    weights = {f"network.{name}": value for name, value in made.network.state_dict().items()}
    return {**weights, "mean": mean, "scale": scale}


def examples(images: Tensor, edge: int) -> tuple[Tensor, Tensor]:
    """Seams of images in their places.

    Args:
        images: see :func:`learned`.
        edge: likewise.

    Returns:
        ``(S, K, M)`` float16 features of the likeliest pieces at a side; ``(S,)`` which is right.
    """
    count, channels, height, width = images.shape
    grid = np.arange(height // edge * (width // edge)).reshape(height // edge, -1)
    tiles = images.reshape(count, channels, len(grid), edge, grid.shape[1], edge)
    pieces = tiles.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    ways = [(grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:])]
    ways += [(after, before) for before, after in ways]
    pairs = [[torch.from_numpy(part.ravel()).to(images.device) for part in way] for way in ways]
    seen, right = [], []
    for one in pieces:
        for (found, likely), (first, second) in zip(learned_seams.views(one), pairs, strict=True):
            listed = learned_seams.nearest(likely)[first]
            at = listed == second[:, None]
            told = at.any(1)
            seen.append(found[first[told, None], listed[told]].half())
            right.append(at[told].long().argmax(1))
    return torch.cat(seen), torch.cat(right)


def _train(made: LearnedSeams, seen: Tensor, right: Tensor, drawn: torch.Generator) -> None:
    """Make the right piece the likeliest of a few at a side."""
    network = made.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    order = torch.linspace(LIKELIER, 0, CANDIDATES)
    rows = torch.arange(BATCH)
    with torch.enable_grad():
        for _ in range(STEPS):
            batch = torch.randint(len(seen), (BATCH,), generator=drawn)
            answer = right[batch].cpu()
            rank = torch.rand(BATCH, CANDIDATES, generator=drawn) + order
            rank[rows, answer] = 2 + LIKELIER
            some = rank.topk(COMPARED, 1).indices  # the right one first
            given = seen[batch].float()[rows[:, None], some]
            scores = made.scores(given)
            answers = torch.zeros(BATCH, dtype=torch.long, device=scores.device)
            optimizer.zero_grad()
            functional.cross_entropy(scores, answers).backward()
            optimizer.step()
            schedule.step()
    network.eval().requires_grad_(requires_grad=False)
