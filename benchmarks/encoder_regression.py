"""Color-NeuraCrypt: what an adversary who knows some pairs can see, by their number.

Images come from a folder with ``train/`` (public images) and ``test/`` (victims and pairs), or
from photographs that are installed with scikit-image. The victims are the same for every number
of pairs; pairs, victims and public images are disjoint; every seed chooses all three and a key::

    python benchmarks/encoder_regression.py [--data folder:DIR] [--size 64] [--victims 100]
        [--pairs 1 3 10 30 100 300] [--seeds 0 1 2] [--target NAME] [--set NAME=VALUE ...]

``matched``: the share of victims whose own image is the nearest to the reconstruction among all
victims' images. The line before the table is the matching attack, which needs no pairs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor

from ppattack.attack import Context
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.reports.scores import MetricScores, Summary
from ppattack.scenario import simulate
from ppattack.target import Target

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Line:
    """One number of pairs under one seed.

    Args:
        ssim: SSIM of the reconstructions.
        gain: over the best blind baseline.
        baseline: name of the best blind baseline.
        lpips: LPIPS of the reconstructions, and of the best blind baseline.
        matched: share of victims matched.
        seconds: what the attack took.
    """

    ssim: float
    gain: Summary
    baseline: str
    lpips: tuple[float, float]
    matched: float
    seconds: float


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="photos", help="as in ppattack run --data")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--victims", type=int, default=100)
    parser.add_argument("--public", type=int, default=500)
    parser.add_argument("--pairs", type=int, nargs="*", default=[1, 3, 10, 30, 100, 300])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--target", default="color-neuracrypt")
    parser.add_argument(
        "--set", nargs="*", default=["variant=small"], help="settings of the scheme"
    )
    parser.add_argument("--centres", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    target = registry.target(given.target)(**dict(text.split("=", 1) for text in given.set))
    print(target, vars(given), machine(), sep="\n")
    loaded = {seed: _loaded(given, seed) for seed in given.seeds}
    for seed, sets in loaded.items():
        print(f"matching attack, seed {seed}: {_matching(target, sets, given.victims, seed)}")
    print("| pairs | SSIM | gain by seed [95 %] | blind | LPIPS | blind | matched | s |")
    print("|---|---|---|---|---|---|---|---|")
    for pairs in given.pairs:
        lines = [_line(target, loaded[seed], given, pairs, seed) for seed in given.seeds]
        print(_row(pairs, lines), flush=True)
    return 0


def _loaded(given: argparse.Namespace, seed: int) -> ImageSets:
    most = given.victims + max(given.pairs)
    request = ImageRequest(victims=most, adversary=given.public, size=given.size, seed=seed)
    return registry.dataset(given.data).load(request)


def _matching(target: Target, sets: ImageSets, victims: int, seed: int) -> str:
    attack = registry.attack("neuracrypt-matching")()
    scenario = simulate(attack, target, _first(sets, victims), "dataset", seed)
    recovery = attack(scenario.observation, Context(CPU, seed + 1))
    scores = evaluate(recovery, scenario, target, _scorer(), seed).scores.matching
    if scores is None:
        raise RuntimeError("the matching was not scored")
    return f"{scores.reconstruction.mean:.3f} of {victims}, 95 % {scores.wilson95}"


def _line(
    target: Target, sets: ImageSets, given: argparse.Namespace, pairs: int, seed: int
) -> Line:
    attack = registry.attack("encoder-regression")(pairs=pairs, centres=given.centres)
    scenario = simulate(attack, target, _first(sets, given.victims + pairs), "dataset", seed)
    start = time.perf_counter()
    recovery = attack(scenario.observation, Context(CPU, seed + 1))
    seconds = time.perf_counter() - start
    scores = evaluate(recovery, scenario, target, _scorer(), seed).scores
    ssim, lpips, plain = scores.ssim, scores.lpips, scenario.truth.images
    if ssim is None or ssim.gain is None or plain is None or recovery.images is None:
        raise RuntimeError("the reconstructions were not scored")
    return Line(
        ssim=ssim.reconstruction.mean,
        gain=ssim.gain,
        baseline=str(ssim.baseline_name),
        lpips=_both(lpips),
        matched=_matched(recovery.images, plain),
        seconds=seconds,
    )


def _both(scores: MetricScores | None) -> tuple[float, float]:
    """Reconstruction and best blind baseline, if both are measured."""
    if scores is None or scores.baseline is None:
        return float("nan"), float("nan")
    return scores.reconstruction.mean, scores.baseline.mean


def _matched(found: Tensor, plain: Tensor) -> float:
    distances = torch.cdist(found.flatten(1).float(), plain.flatten(1).float())
    own = torch.arange(len(plain))
    return (distances.argmin(dim=1) == own).double().mean().item()


def _row(pairs: int, lines: Sequence[Line]) -> str:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    gains = ", ".join(
        f"{line.gain.mean:+.3f} [{line.gain.ci95[0]:+.3f}, {line.gain.ci95[1]:+.3f}]"
        for line in lines
    )
    columns: Mapping[str, Any] = {
        "ssim": f"{mean([line.ssim for line in lines]):.3f}",
        "gains": gains,
        "blind": ", ".join(sorted({line.baseline for line in lines})),
        "lpips": f"{mean([line.lpips[0] for line in lines]):.3f}",
        "blind lpips": f"{mean([line.lpips[1] for line in lines]):.3f}",
        "matched": f"{mean([line.matched for line in lines]):.3f}",
        "seconds": f"{mean([line.seconds for line in lines]):.1f}",
    }
    return f"| {pairs} | " + " | ".join(columns.values()) + " |"


def _first(sets: ImageSets, count: int) -> ImageSets:
    return replace(sets, victims=sets.victims[:count])


def _scorer() -> ImageScorer:
    from ppattack.errors import MetricUnavailable
    from ppattack.metrics.lpips import Lpips

    try:
        return ImageScorer(CPU, Lpips("alex", device=CPU))
    except MetricUnavailable as error:
        return ImageScorer(CPU, str(error))


if __name__ == "__main__":
    raise SystemExit(main())
