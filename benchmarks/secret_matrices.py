"""Secret matrices: what pairs give, and what ciphertexts alone give, by their number.

Images come from a folder with ``train/`` (public images) and ``test/`` (victims and pairs), or
from photographs that are installed with scikit-image. Every seed chooses images and a key::

    python benchmarks/secret_matrices.py [--data folder:DIR] [--size 224] [--seeds 0 1 2]
        [--cases rom-pairs rom-ciphertexts rom-single rmt patch-mix]

``thumbnail``: the correlation of brightness, block by block, with the truth, within each image;
its sign may be lost, so it is shown without. Times are of the processor.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor
from torch.nn import functional

from ppattack.attack import Context
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.plugins import registry
from ppattack.scenario import simulate

CPU = torch.device("cpu")
Case = tuple[str, dict[str, Any], str, dict[str, Any], int, int]
"""Target, its settings, attack, its settings, victims, public images."""
REGRESSION, COMPONENTS = "linear-regression", "principal-components"
CASES: dict[str, list[Case]] = {
    "rom-pairs": [
        *(("rom", {}, REGRESSION, {"pairs": pairs}, 40, 100) for pairs in (1, 2, 4)),
        ("rom", {}, REGRESSION, {"chosen": 4}, 40, 100),
    ],
    "rom-ciphertexts": [
        *(("rom", {}, COMPONENTS, {}, victims, 300) for victims in (8, 40, 100)),
        ("rom", {}, COMPONENTS, {}, 40, 0),
    ],
    "rom-single": [("rom", {}, COMPONENTS, {}, 1, 300)],
    "rmt": [
        *(("rmt", {}, REGRESSION, {"pairs": pairs}, 40, 100) for pairs in (1, 4)),
        ("rmt", {}, REGRESSION, {"chosen": 1}, 40, 100),
        ("rmt", {"noise": 20}, REGRESSION, {"pairs": 4}, 40, 100),
    ],
    "patch-mix": [("patch-mix", {}, REGRESSION, {"pairs": 0}, 40, 100)],
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="photos", help="as in ppattack run --data")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(vars(given), machine(), sep="\n")
    print("| scheme | attack | images | SSIM by seed | blind | LPIPS | blind | thumbnail | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.cases:
        for case in CASES[name]:
            print(_row(case, [_measured(case, given, seed) for seed in given.seeds]), flush=True)
    return 0


def _measured(case: Case, given: argparse.Namespace, seed: int) -> tuple[float, ...]:
    """SSIM, the best blind guess's, LPIPS, likewise, the thumbnail's correlation, seconds."""
    target, settings, attack, options, victims, public = case
    made, tried = registry.target(target)(**settings), registry.attack(attack)(**options)
    sets = _loaded(given, victims + tried.requires().pairs, public, seed)
    scenario = simulate(tried, made, sets, "dataset", seed)
    start = time.process_time()
    recovery = tried(scenario.observation, Context(CPU, seed + 1))
    seconds = time.process_time() - start
    scores = evaluate(recovery, scenario, made, ImageScorer(CPU, Lpips()), seed).scores
    assert recovery.images is not None
    assert scenario.truth.images is not None
    alike = _thumbnails(recovery.images, scenario.truth.images)
    found = []
    for score in (scores.ssim, scores.lpips):
        assert score is not None
        assert score.baseline is not None
        found += [score.reconstruction.mean, score.baseline.mean]
    return (*found, alike, seconds)


def _loaded(given: argparse.Namespace, victims: int, public: int, seed: int) -> ImageSets:
    request = ImageRequest(victims=victims, adversary=public, size=given.size, seed=seed)
    return registry.dataset(given.data).load(request)


def _thumbnails(found: Tensor, truth: Tensor) -> float:
    """The mean correlation of brightness in blocks of 16 pixels, without its sign."""
    shades = [
        functional.avg_pool2d(x.double().mean(dim=1, keepdim=True), 16).flatten(1)
        for x in (found, truth)
    ]
    first, second = (x - x.mean(dim=1, keepdim=True) for x in shades)
    cosines = (first * second).sum(dim=1) / (first.norm(dim=1) * second.norm(dim=1) + 1e-9)
    return float(cosines.abs().mean())


def _row(case: Case, found: Sequence[tuple[float, ...]]) -> str:
    target, settings, attack, options, victims, public = case
    means = [sum(part) / len(found) for part in zip(*found, strict=True)]
    words = ", ".join(f"{name}={value}" for name, value in {**settings, **options}.items())
    by_seed = " ".join(f"{each[0]:.3f}" for each in found)
    numbers = f"{by_seed} | {means[1]:.3f} | {means[2]:.3f} | {means[3]:.3f} | {means[4]:.4f}"
    images = f"{victims} + {public} public"
    return f"| {target} | {attack} {words} | {images} | {numbers} | {means[5]:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
