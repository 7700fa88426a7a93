"""Known pairs needed for a good learnt inverse of a scheme: SSIM by number of pairs.

``python benchmarks/itn_pairs.py [SOURCE]``: an image source as in ``ppattack run --data``. Each
cell trains the position-specific network of ``itn`` on a number of pairs under one key, and scores
it on other images under that key.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from ppattack.attack import Context
from ppattack.attacks.itn import InverseTransformationNetwork
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate

SCHEMES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("le", {}),
    ("ele", {}),
    ("pe", {}),
    ("pe", {"color_shuffle": True}),
    ("etc", {"block_size": 4}),
)
PAIRS = (1, 2, 5, 10, 20, 100, 1000)
SCORED = 500
CONTEXT = Context(torch.device("cpu"), seed=0)


def measured(sets: ImageSets, pairs: int, name: str, settings: dict[str, Any]) -> tuple[float, int]:
    """Mean SSIM, and seconds."""
    attack = InverseTransformationNetwork(variant="fixed", pairs=pairs)
    sets = ImageSets(sets.name, sets.victims[: SCORED + pairs], sets.adversary)
    scenario = simulate(attack, registry.target(name)(**settings), sets, "dataset", seed=0)
    start = time.perf_counter()
    images = attack(scenario.observation, CONTEXT).images
    seconds = round(time.perf_counter() - start)
    assert images is not None
    assert scenario.truth.images is not None
    return float(ssim(images, scenario.truth.images).mean()), seconds


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    source = sys.argv[1] if len(sys.argv) > 1 else "photos"
    request = ImageRequest(victims=SCORED + max(PAIRS), adversary=1)
    sets = registry.dataset(source).load(request)
    print(f"{source}, {SCORED} images: mean SSIM (seconds) by known pairs")
    print(f"{'scheme':24}" + "".join(f"{pairs:>14}" for pairs in PAIRS))
    for name, settings in SCHEMES:
        print(f"{' '.join([name, *(f'{k}={v}' for k, v in settings.items())]):24}", end="")
        for pairs in PAIRS:
            score, seconds = measured(sets, pairs, name, settings)
            print(f"{f'{score:.3f} ({seconds} s)':>14}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
