"""Encryption of CIFAR-size images against copying the same bytes, and the memory it takes.

One key for the whole data set, its tables already built, one thread. Run it with
``python benchmarks/encryption.py``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import Ratio, compare, finish

from ppattack.seeding import numpy_stream
from ppattack.target import PermXorTarget
from targets.ele import ELE
from targets.etc import EtC
from targets.keyless import Keyless
from targets.le import LE
from targets.pe import PE

SHAPE = (3, 32, 32)
SPEED_IMAGES = 10_000
MEMORY_IMAGES = 60_000
WARM_UP = 8
"""Untimed turns, until the allocator reuses the output's pages: fresh ones cost several copies."""
MEMORY_SLACK = 0.1
"""Memory beyond the output, as a share of it, that an encryption may take."""
QUICK_REPEATS = 75
"""Turns for a bound of 1; a higher bound means longer turns, so fewer suffice."""
BOUNDS: list[tuple[str, PermXorTarget, float]] = [
    ("pe", PE(), 1.5),
    ("pe with colour shuffle", PE(color_shuffle=True), 12),
    ("keyless", Keyless(), 12),
    ("etc, blocks of 16", EtC(), 12),
    ("etc, blocks of 4", EtC(block_size=4), 12),
    ("le", LE(), 30),
    ("ele", ELE(), 30),
]
"""The scheme, its settings, and at most how many times as long as a copy it may take."""


def main() -> int:
    """Measure everything; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="timed turns of each side")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    flat = []
    if Path("/proc/self/clear_refs").exists():
        flat = [_memory_is_flat(name, target) for name, target, _ in BOUNDS]
    else:
        print("memory is measured only on Linux")
    images = torch.randint(0, 256, (SPEED_IMAGES, *SHAPE), dtype=torch.uint8)
    ratios = [
        ratio
        for name, target, bound in BOUNDS
        for ratio in _speed(name, target, bound, images, repeats)
    ]
    code = finish(ratios)
    return code if all(flat) else 1


def _speed(
    name: str, target: PermXorTarget, bound: float, images: torch.Tensor, repeats: int
) -> list[Ratio]:
    key = target.generate_key(numpy_stream(0, "key"), SHAPE)
    for _ in range(WARM_UP):
        ciphertexts = target.encrypt(images, key)
    copy = torch.empty_like(images)
    sides = {
        f"{name}: encrypt": lambda: target.encrypt(images, key),
        f"{name}: decrypt": lambda: target.decrypt(ciphertexts, key),
    }
    return [
        compare(
            title,
            side,
            lambda: copy.copy_(images),
            sense="slower",
            bound=bound,
            repeats=max(repeats, round(QUICK_REPEATS / bound)),
            reference_runs=max(1, round(bound / 2)),
        )
        for title, side in sides.items()
    ]


def _memory_is_flat(name: str, target: PermXorTarget) -> bool:
    """Print how far an encryption raises the peak memory beyond its output."""
    key = target.generate_key(numpy_stream(0, "key"), SHAPE)
    images = torch.full((MEMORY_IMAGES, *SHAPE), 7, dtype=torch.uint8)
    target.encrypt(images[:100], key)
    output = images.numel()
    held = _restart_peak()
    target.encrypt(images, key)
    extra = max(0, _status_bytes("VmHWM") - held - output)
    flat = extra <= MEMORY_SLACK * output
    print(
        f"{f'{name}: {MEMORY_IMAGES} images':<58} {extra / 1e6:8.1f} MB beyond the output of "
        f"{output / 1e6:.0f} MB (bound ≤ {MEMORY_SLACK * output / 1e6:.0f})  "
        f"{'ok' if flat else 'MISSED'}",
        flush=True,
    )
    return flat


def _restart_peak() -> int:
    """Let Linux forget the peak memory of this process; return the bytes that it holds now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"this kernel does not report {field}")


if __name__ == "__main__":
    sys.exit(main())
