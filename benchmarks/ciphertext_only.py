"""What ciphertext-only recovers of home-made ciphers, with fresh keys and fresh images.

``python benchmarks/ciphertext_only.py --cifar DIR [--keys 5] [--only permute-xor,...]``: one line
per cipher, number of ciphertexts and key. Images for the key are test images, public ones and those
that judge it are others. Seconds are CPU time of the attack. ``--pads N`` counts how many of N sets
of random ciphertexts would have been taken for something by the statistics alone, ``--chains N``
how many by the whole attack. ``--fresh`` takes other images, from those behind the public ones, and
other keys.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch

from ppattack.attack import Context
from ppattack.attacks.ciphertext_only import CiphertextOnly
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.solvers.ciphertext_only import solve
from ppattack.solvers.ciphertext_only.case import Case
from ppattack.solvers.ciphertext_only.statistics import ENERGY_BAR, HISTOGRAM_BAR

CIPHERS = Path(__file__).parents[1] / "examples" / "ciphers"
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "permute-xor": ("permute_xor.py:PermuteXor", {}, (1000, 500, 300)),
    "diffusion": ("diffusion.py:Diffusion", {}, (1000,)),
    "diffusion-back-hwc": ("diffusion.py:Diffusion", {"backward": True, "scan": "hwc"}, (1000,)),
    "diffusion-add-cwh": ("diffusion.py:Diffusion", {"add": True, "scan": "cwh"}, (1000,)),
    "diffusion-add-back": ("diffusion.py:Diffusion", {"add": True, "backward": True}, (1000,)),
    "diffusion-2": ("diffusion.py:Diffusion", {"rounds": 2}, (1000,)),
    "diffusion-3": ("diffusion.py:Diffusion", {"rounds": 3}, (1000,)),
    "bit-shuffle": ("bit_shuffle.py:BitShuffle", {}, (1000,)),
    "substitution": ("substitution.py:Substitution", {}, (1000, 300)),
    "secret-matrix": ("secret_matrix.py:SecretMatrix", {}, (1000, 300, 100)),
    "any-matrix": ("secret_matrix.py:SecretMatrix", {"orthogonal": False}, (1000, 300, 100)),
    "own-matrices": ("secret_matrix.py:SecretMatrix", {"own": True}, (3000, 1000, 300, 100)),
    "own-matrices-8": (
        "secret_matrix.py:SecretMatrix",
        {"own": True, "block_size": 8},
        (3000, 1000, 300, 100),
    ),
    "own-matrices-any": (
        "secret_matrix.py:SecretMatrix",
        {"own": True, "orthogonal": False},
        (1000, 300),
    ),
    "dct-signs": ("dct_signs.py:DctSigns", {}, (1000, 300, 100)),
    "arnold": ("arnold.py:Arnold", {}, (1,)),
}
CHAINS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    f"chain-{scan}-{'add' if add else 'xor'}-{'back' if backward else 'forth'}": (
        "diffusion.py:Diffusion",
        {"scan": scan, "add": add, "backward": backward},
        (1000,),
    )
    for scan in ("chw", "hwc", "cwh", "wch", "hcw", "whc")
    for add in (False, True)
    for backward in (False, True)
}
"""Every order of the axes in both directions; run by name, ``--only every-chain`` for all."""
JUDGES = 200
VICTIMS = 5000
PUBLIC = 8000
FRESH_KEY = 100
"""Number of the first key under ``--fresh``."""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--pads", type=int, default=0)
    parser.add_argument("--chains", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    sets = loaded(given.cifar, fresh=given.fresh)
    start = FRESH_KEY if given.fresh else 0
    names = list(CHAINS) if given.only == "every-chain" else given.only.split(",")
    for name in [name for name in names if name]:
        path, settings, counts = (CASES | CHAINS)[name]
        for count in [count for count in counts if count <= given.most]:
            for seed in range(start, start + given.keys):
                attacked(name, f"{CIPHERS / path}", settings, count, seed, sets)
    if given.pads or given.chains:
        false_alarms(given.pads, given.chains, sets)
    return 0


def loaded(folder: Path, *, fresh: bool) -> ImageSets:
    """Images for the keys and, behind them, those that judge; and public ones."""
    source = registry.dataset(f"folder:{folder}")
    if not fresh:
        return source.load(ImageRequest(VICTIMS + JUDGES, PUBLIC, 32, 0))
    sets = source.load(ImageRequest(JUDGES, PUBLIC + VICTIMS, 32, 0))
    victims = torch.cat([sets.adversary[PUBLIC:], sets.victims])
    return ImageSets(sets.name, victims, sets.adversary[:PUBLIC])


def attacked(
    name: str, path: str, settings: dict[str, Any], count: int, seed: int, sets: ImageSets
) -> None:
    """One key: learn it from some ciphertexts, then decrypt those of other images."""
    target = registry.target(path)(**settings)
    first = (seed * count) % VICTIMS
    victims = sets.victims[first : first + count]
    judges = sets.victims[VICTIMS:]
    mine = ImageSets("cifar", victims, sets.adversary)
    scenario = simulate(CiphertextOnly(), target, mine, "dataset", seed)
    began = time.process_time()
    attack = CiphertextOnly()
    recovery = attack(scenario.observation, Context(torch.device("cpu"), seed=seed))
    seconds = time.process_time() - began
    assert recovery.images is not None
    assert scenario.truth.key is not None
    score = ssim(recovery.images, victims).mean()
    right = float((recovery.images == victims).float().mean())
    line = f"{name} n={count} key={seed} SSIM {score:.4f} bytes {right:.4f}"
    if recovery.map is not None:
        made = target.encrypt(judges, scenario.truth.key)
        found = recovery.map.invert(made)
        line += f" | new images: SSIM {ssim(found, judges).mean():.4f}"
        line += f" bytes {float((found == judges).float().mean()):.4f}"
    words = recovery.limits if recovery.refuted else recovery.notes["model"]
    print(f"{line} | {seconds:.1f} s | {words}", flush=True)


def false_alarms(pads: int, whole: int, sets: ImageSets) -> None:
    """How often random ciphertexts pass for something."""
    rng = np.random.default_rng(0)
    shape = (3, 32, 32)
    passed = proven = 0
    highest = [0.0, 0.0]
    for number in range(max(pads, whole)):
        rows = rng.integers(0, 256, (int(rng.choice([32, 100, 300])), 3072), dtype=np.uint8)
        case = Case(rows, sets.adversary, shape, rng)
        found = solve.measured(rows, case)
        highest = [
            max(highest[0], found.dependence.energy),
            max(highest[1], found.table_chi_square),
        ]
        passed += found.dependence.energy >= ENERGY_BAR or found.table_chi_square >= HISTOGRAM_BAR
        if number < whole:
            every: list[solve.Model] = ["masks", "table", "block-matrix", "transform-signs"]
            context = Context(torch.device("cpu"), seed=0)
            proven += solve.solve(case, found, every, context.progress).found is not None
    print(
        f"random ciphertexts: {passed} of {pads} pass the bars of the statistics (largest energy "
        f"{highest[0]:.3f}, chi-square {highest[1]:.2f}); {proven} of {whole} pass as images"
    )


if __name__ == "__main__":
    sys.exit(main())
