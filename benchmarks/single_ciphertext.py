"""Keys of `vit-blocks` from one ciphertext each, or from a few under one key.

A line for each key: whether the order of a block's bytes is exact (up to a turn and the colour
order), the SSIM in the best state of the whole image, plain and shifted in whole blocks, whether
the attack is sure, and CPU seconds, to the order and in all. The folder has ``train/`` (the
adversary's) and ``test/``::

    python benchmarks/single_ciphertext.py PHOTOGRAPHS --size 224 --block 16 --keys 20
    python benchmarks/single_ciphertext.py PHOTOGRAPHS --size 224 --block 16 --keys 10 --each 2
    python benchmarks/single_ciphertext.py PHOTOGRAPHS --size 96 --block 8 --keys 20
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import states, transformation
from ppattack.blocks import split
from ppattack.data.source import ImageRequest
from ppattack.jpeg import Jpeg
from ppattack.metrics.shifts import best_shifted_ssim
from ppattack.metrics.states import best_state_ssim
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.solvers.shared_blocks import keys
from ppattack.target import PermXorTarget
from targets.vit_blocks import VitBlocks

EXACT = 0.999
"""Share of the blocks that must be the truth's, byte for byte."""


@dataclass(frozen=True)
class Line:
    """What came of one key; CPU seconds until the order of bytes was found, and in all."""

    blocks: float
    ssim: float
    shifted: float
    sure: bool
    order: float
    seconds: float


def main() -> None:
    """Print a line for each key, and one for all."""
    options = _options()
    torch.set_num_threads(1)
    last = options.first + options.keys
    count = last * options.each
    request = ImageRequest(count, options.public, options.size)
    drawn = registry.dataset(f"folder:{options.folder}").load(request)
    target = VitBlocks(
        block_size=options.block,
        flips=not options.no_flips,
        shuffle=options.shuffle,
        moving_pixels=options.moving,
        moving_blocks=options.moving,
    )
    began = time.process_time()
    jpeg = Jpeg(options.jpeg) if options.jpeg else None
    solver = keys.taught(drawn.adversary, target.structure(), jpeg=jpeg)
    print(f"public images: {time.process_time() - began:.0f} s", flush=True)
    lines = []
    for number in range(options.first, last):
        plain = drawn.victims[number * options.each : (number + 1) * options.each]
        lines.append(_attacked(solver, target, plain, number, options.jpeg))
        print(number, lines[-1], flush=True)
    _sum_up(lines)


def _attacked(
    solver: keys.Solver, target: PermXorTarget, plain: Tensor, number: int, quality: int
) -> Line:
    shape = (int(plain.shape[1]), int(plain.shape[2]), int(plain.shape[3]))
    key = target.generate_key(np.random.default_rng(number), shape)
    ciphertexts = target.encrypt(plain, key)
    if quality:
        ciphertexts = Jpeg(quality).transport(ciphertexts)
    searched = [began := time.process_time()]
    found, notes = solver.key(ciphertexts, lambda done: searched.append(time.process_time()))
    seconds = time.process_time() - began
    images = found.inverse()(ciphertexts)
    edge = solver.geometry.edge
    tables = target.tables({name: part[None] for name, part in key.parts.items()}, shape)
    true_key = PermXor(tables.index[0], tables.mask[0])
    return Line(
        blocks=_right_blocks(found.inverse()(true_key(plain)), plain, edge),
        ssim=float(best_state_ssim(images, plain, shared=True).mean()),
        shifted=float(best_shifted_ssim(images, plain, edge, shared=True).mean()),
        sure=notes["order"] == "sure",
        order=searched[-1] - began,
        seconds=seconds,
    )


def _right_blocks(images: Tensor, plain: Tensor, edge: int) -> float:
    """Share of the blocks that are the truth's in the best state, wherever they are."""
    group = states(colours=images.shape[1] == 3)
    rows = {block.tobytes() for block in _blocks(plain, edge)}
    best = 0.0
    for state in range(group.count):
        moved = transformation(state, tuple(plain.shape[1:]), group)(images)
        best = max(best, float(np.mean([b.tobytes() in rows for b in _blocks(moved, edge)])))
    return best


def _blocks(images: Tensor, edge: int) -> np.ndarray:
    cut = split(images.numpy(), edge)
    return np.ascontiguousarray(cut.reshape(cut.shape[0] * cut.shape[1], -1))


def _sum_up(lines: list[Line]) -> None:
    exact = sum(line.blocks > EXACT for line in lines)
    wrong = sum(line.sure and line.blocks <= EXACT for line in lines)
    plain, shifted = ([getattr(line, name) for line in lines] for name in ("ssim", "shifted"))
    spent, order = ([getattr(line, name) for line in lines] for name in ("seconds", "order"))
    print(
        f"exact {exact} of {len(lines)}; sure {sum(line.sure for line in lines)}, of which wrong "
        f"{wrong}; SSIM up to state mean {np.mean(plain):.3f}, median {np.median(plain):.3f}, "
        f">= .98: {sum(s >= 0.98 for s in plain)}, shifted >= .98: "
        f"{sum(s >= 0.98 for s in shifted)}; CPU s mean {np.mean(spent):.1f}, "
        f"most {max(spent):.1f}, to the order of bytes {np.mean(order):.1f}, {max(order):.1f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="photographs, with train/ and test/")
    parser.add_argument("--size", type=int, default=224, help="edge of the images, pixels")
    parser.add_argument("--block", type=int, default=16, help="edge of a block, pixels")
    parser.add_argument("--keys", type=int, default=20, help="keys attacked")
    parser.add_argument("--first", type=int, default=0, help="number of the first key")
    parser.add_argument("--each", type=int, default=1, help="ciphertexts under each key")
    parser.add_argument("--public", type=int, default=400, help="public photographs")
    parser.add_argument("--jpeg", type=int, default=0, help="JPEG quality on the way; 0: none")
    parser.add_argument("--shuffle", default="pixels", help="pixels or sub-blocks")
    parser.add_argument("--moving", type=float, default=1.0, help="share that changes places")
    parser.add_argument("--no-flips", action="store_true", help="no complements")
    return parser.parse_args()


if __name__ == "__main__":
    main()
