"""Maximum mean discrepancy on NeuraCrypt, by depth: re-identification, error of codes, seconds.

``python benchmarks/mmd.py [--data folder:DIR] [--size 64] [--images 200] [--preset standard]
[--depths 1 3 7] [--shuffle]``: grey images (the mean of colours) and their codes, the images in
another order. ``error``: mean squared difference between the codes of the trained encoder and the
victims', image by image, divided by the variance of the victims' codes; the mean code scores 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine

from ppattack.attack import Context
from ppattack.attacks.mmd import MaximumMeanDiscrepancy
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.evaluation.statistics import wilson95
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.solvers.trained.mmd import AT_ONCE, generated, learn, represented
from targets.neuracrypt import NeuraCrypt


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="photos", help="as in ppattack run --data")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--depths", type=int, nargs="*", default=[1, 3, 7])
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    attack = MaximumMeanDiscrepancy(preset=given.preset)
    print(attack, vars(given), machine(), sep="\n")
    request = ImageRequest(victims=given.images, adversary=0, size=given.size, seed=given.seed)
    sets = registry.dataset(given.data).load(request)
    grey = sets.victims.float().mean(dim=1, keepdim=True).round().to(torch.uint8)
    print("| depth | re-identified | 95 % | among 10 | error | s |\n|---|---|---|---|---|---|")
    for depth in given.depths:
        target = NeuraCrypt(variant="small", depth=depth, shuffle=given.shuffle)
        print(_row(attack, target, replace(sets, victims=grey), given.seed), flush=True)
    return 0


def _row(attack: MaximumMeanDiscrepancy, target: NeuraCrypt, sets: ImageSets, seed: int) -> str:
    scenario = simulate(attack, target, sets, "dataset", seed)
    seen, truth = scenario.observation, scenario.truth.matching
    if truth is None:
        raise RuntimeError("the true matching is not known")
    context = Context(torch.device("cpu"), seed + 1)
    start = time.perf_counter()
    encoder = target.surrogate(context.torch_stream("encoder"), seen.image_shape)
    real = represented(target.tokens(seen.ciphertexts), shuffled=target.shuffles)
    learn(target, encoder, seen.public_images, real, attack.recipe(), context)
    made = generated(target, encoder, seen.public_images, AT_ONCE)
    nearest = torch.cdist(real, made).topk(10, dim=1, largest=False).indices == truth[:, None]
    seconds = time.perf_counter() - start
    hits = int(nearest[:, 0].sum())
    low, high = wilson95(hits, len(real))
    variance = (real - real.mean(dim=0)).square().mean()
    error = (real - made[truth]).square().mean() / variance
    return (
        f"| {target.config.depth} | {hits / len(real):.3f} | {low:.3f}–{high:.3f} | "
        f"{nearest.any(dim=1).double().mean():.3f} | {error:.3f} | {seconds:.0f} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
