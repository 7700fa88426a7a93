"""Keys of `block-defence-ffx` from one ciphertext each, or from a few under one key.

Prints how often scale and mask are exact, the share of the levels seen that is exact, what the
attack expected of it, how many of the levels that it calls sure are wrong, bytes and SSIM of the
images (of the first 20 under each key), and CPU seconds. The folder has ``train/`` (the
adversary's) and ``test/``::

    python benchmarks/secret_tables.py CIFAR --size 32 --keys 20
    python benchmarks/secret_tables.py CIFAR --size 32 --keys 3 --each 300
    python benchmarks/secret_tables.py PHOTOGRAPHS --size 224 --block 16 --keys 10
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import astuple, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor

from ppattack.data.source import ImageRequest, ImageSets
from ppattack.maps import MaskedTable
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.solvers.substitution.neighbours import Neighbours
from ppattack.solvers.substitution.recover import SURE, Found, key
from ppattack.target import Key
from targets.block_defence_ffx import BlockDefenceFfx

SCORED = 20
"""Images under a key whose SSIM is measured."""


@dataclass(frozen=True)
class Line:
    """What came of one key."""

    scale_exact: bool
    places_wrong: int
    levels_seen: int
    levels_exact: float
    expected: float
    sure: int
    sure_but_wrong: int
    bytes_exact: float
    ssim: float
    worst_ssim: float
    seconds: float


def main() -> None:
    """Print a line for each key, and one for all."""
    options = _options()
    torch.set_num_threads(1)
    request = ImageRequest(options.keys * options.each, options.public, options.size)
    drawn = registry.dataset(f"folder:{options.folder}").load(request)
    if options.grey:
        drawn = ImageSets(drawn.name, drawn.victims[:, 1:2], drawn.adversary[:, 1:2])
    began = time.process_time()
    neighbours = Neighbours.of(drawn.adversary, np.random.default_rng(0))
    print(f"public images: {time.process_time() - began:.1f} s", flush=True)
    target = BlockDefenceFfx(block_size=options.block)
    lines = []
    for number in range(options.keys):
        plain = drawn.victims[number * options.each : (number + 1) * options.each]
        lines.append(_attacked(target, plain, neighbours, number))
        print(number, lines[-1], flush=True)
    _sum_up(lines)


def _attacked(target: BlockDefenceFfx, plain: Tensor, neighbours: Neighbours, number: int) -> Line:
    channels, height, width = plain.shape[1:]
    true = target.generate_key(np.random.default_rng(number), (channels, height, width))
    ciphertexts = target.encrypt(plain, true)
    began = time.process_time()
    found = key(ciphertexts, target.config.block_size, neighbours)
    images = torch.full_like(plain, 128)
    if found.map is not None:
        images = found.map.invert(ciphertexts)
    seconds = time.process_time() - began
    alike = ssim(images[:SCORED], plain[:SCORED]).numpy()
    exact = float((images == plain).double().mean())
    scores = (exact, float(alike.mean()), float(alike.min()), seconds)
    return Line(*_of_the_key(target, found, true), *scores)


def _of_the_key(
    target: BlockDefenceFfx, found: Found, true: Key
) -> tuple[bool, int, int, float, float, int, int]:
    """What the attack found of scale, mask and table, beside the truth."""
    if found.map is None or found.table is None:
        return False, -1, 0, 0.0, 0.0, 0, 0
    (step,) = found.map.steps
    assert isinstance(step, MaskedTable)
    masked, numbers = target._tables(true)
    right = numbers[found.table.levels] == found.table.numbers
    sure = found.table.sureness >= SURE
    return (
        int(step.scale) == int(numbers[:256].max()),
        int((step.masked != masked.reshape(-1)).sum()),
        len(right),
        float(right.mean()),
        float(found.table.sureness.mean()),
        int(sure.sum()),
        int((sure & ~right).sum()),
    )


def _sum_up(lines: list[Line]) -> None:
    rows = np.array([astuple(line) for line in lines], float)
    names = list(Line.__dataclass_fields__)
    for name, column in zip(names, rows.T, strict=True):
        print(
            f"{name}: mean {column.mean():.4f}, least {column.min():.4f}, most {column.max():.4f}"
        )
    masks = int((rows[:, names.index("places_wrong")] == 0).sum())
    print(f"masks exact: {masks} of {len(lines)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="images, with train/ and test/")
    parser.add_argument("--size", type=int, default=32, help="edge of the images, pixels")
    parser.add_argument("--block", type=int, default=4, help="edge of a block, pixels")
    parser.add_argument("--keys", type=int, default=20, help="keys attacked")
    parser.add_argument("--each", type=int, default=1, help="ciphertexts under each key")
    parser.add_argument("--public", type=int, default=400, help="public images")
    parser.add_argument("--grey", action="store_true", help="one channel of each image")
    return parser.parse_args()


if __name__ == "__main__":
    main()
