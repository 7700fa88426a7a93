"""Learning from public images which pieces are neighbours, and which are at the edges of an image.

That is done once for the same images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ppattack.caches.user import cache_folder
from ppattack.context import SilentProgress
from ppattack.solvers.jigsaw import learned_seams, outer_edges
from ppattack.solvers.jigsaw.learned_seams import CANDIDATES, LearnedSeams
from ppattack.solvers.jigsaw.outer_edges import OuterEdges
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
EDGE_IMAGES = 50
"""Images whose edges are learned from."""
EDGE_STEPS, EDGE_BATCH, EDGE_RATE, EDGE_DECAY = 1000, 512, 5e-3, 0.1


def learned(images: Tensor, edge: int) -> LearnedSeams | None:
    """The networks, or None if images are too few, or pieces too many, too few or too small.

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
    return _made(found, images.device)


def _made(found: Tensors, device: torch.device) -> LearnedSeams:
    """The networks of what :func:`_learn` gives."""
    parts: dict[str, dict[str, Tensor]] = {"seams": {}, "edges": {}}
    for name, value in found.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    networks = []
    for own, kept in ((learned_seams, parts["seams"]), (outer_edges, parts["edges"])):
        with torch.random.fork_rng(devices=[]):
            network = own.network_for(len(kept["mean"])).to(device)
        weights = {k.removeprefix("network."): v for k, v in kept.items() if "." in k}
        network.load_state_dict(weights)
        networks.append(network.eval().requires_grad_(requires_grad=False))
    seams, edges = parts["seams"], parts["edges"]
    outer = OuterEdges(networks[1], edges["mean"], edges["scale"])
    return LearnedSeams(networks[0], seams["mean"], seams["scale"], outer)


def _learn(images: Tensor, edge: int) -> Tensors:
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        seams = _learned_seams(images, edge)
        edges = _learned_edges(images, edge, seams)
    return {
        f"{part}.{name}": value
        for part, made in (("seams", seams), ("edges", edges))
        for name, value in (
            *((f"network.{name}", value) for name, value in made.network.state_dict().items()),
            ("mean", made.mean),
            ("scale", made.scale),
        )
    }


def _learned_seams(images: Tensor, edge: int) -> LearnedSeams:
    seen, right = examples(images, edge)
    some = seen[:: max(1, len(seen) // 2000)].float().flatten(0, 1)
    mean, scale = some.mean(0), some.std(0) + 1e-3
    drawn = torch.Generator().manual_seed(0)
    made = LearnedSeams(learned_seams.network_for(len(mean)).to(images.device), mean, scale)
    _train(made, seen, right, drawn)
    return made


def _learned_edges(images: Tensor, edge: int, seams: LearnedSeams) -> OuterEdges:
    """Learn at which seams the edges of images meet that are bent to rings."""
    some = images[:: max(1, -(-len(images) // EDGE_IMAGES))]
    pieces, grid = _cut(some, edge)
    rings = [outer_edges.ring(seams.surprise(one)[:, :, 0], one, grid) for one in pieces]
    seen = torch.cat([part.flatten(0, 1) for ring in rings for part in ring])
    meet = [torch.zeros(part.shape[:2]).index_fill(0, torch.tensor(0), 1) for part in rings[0]]
    answers = torch.cat([part.flatten() for part in meet]).repeat(len(rings)).to(images.device)
    mean, scale = seen.mean(0), seen.std(0) + 1e-3
    made = OuterEdges(outer_edges.network_for(len(mean)).to(images.device), mean, scale)
    drawn = torch.Generator().manual_seed(0)
    optimizer, schedule = _descent(made.network, EDGE_RATE, EDGE_DECAY, EDGE_STEPS)
    with torch.enable_grad():
        for _ in range(EDGE_STEPS):
            batch = torch.randint(len(seen), (EDGE_BATCH,), generator=drawn).to(images.device)
            scores = made.network((seen[batch] - mean) / scale)[:, 0]
            optimizer.zero_grad()
            functional.binary_cross_entropy_with_logits(scores, answers[batch]).backward()
            optimizer.step()
            schedule.step()
    return made


def _cut(images: Tensor, edge: int) -> tuple[Tensor, NDArray[np.intp]]:
    """``(M, n, C, B, B)`` pieces of images, and where those of an image stand."""
    count, channels, height, width = images.shape
    grid = np.arange(height // edge * (width // edge)).reshape(height // edge, -1)
    tiles = images.reshape(count, channels, len(grid), edge, grid.shape[1], edge)
    return tiles.permute(0, 2, 4, 1, 3, 5).flatten(1, 2), grid


def _descent(
    network: nn.Module, rate: float, decay: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)


def examples(images: Tensor, edge: int) -> tuple[Tensor, Tensor]:
    """Seams of images in their places.

    Args:
        images: see :func:`learned`.
        edge: likewise.

    Returns:
        ``(S, K, M)`` float16 features of the likeliest pieces at a side; ``(S,)`` which is right.
    """
    pieces, grid = _cut(images, edge)
    ways = [(grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:])]
    ways += [(after, before) for before, after in ways]
    pairs = [[torch.from_numpy(part.ravel()).to(images.device) for part in way] for way in ways]
    seen, right = [], []
    for one in pieces:
        for (near, found), (first, second) in zip(learned_seams.views(one), pairs, strict=True):
            at = near[first] == second[:, None]
            told = at.any(1)
            seen.append(found[first[told]].half())
            right.append(at[told].long().argmax(1))
    return torch.cat(seen), torch.cat(right)


def _train(made: LearnedSeams, seen: Tensor, right: Tensor, drawn: torch.Generator) -> None:
    """Make the right piece the likeliest of a few at a side."""
    network = made.network.train()
    optimizer, schedule = _descent(network, RATE, DECAY, STEPS)
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
