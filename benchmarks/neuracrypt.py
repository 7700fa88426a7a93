"""The matching attack on NeuraCrypt: accuracy of every stage, by depth, and seconds.

Images are cut from photographs that are installed with scikit-image, or come from a folder with
``train/`` and ``test/``. The adversary holds them too, in another order::

    python benchmarks/neuracrypt.py [--photographs DIR] [--size 64] [--images 200]
        [--scheme small|paper] [--hidden WIDTH] [--only TEXT]
        [--preset standard|paper] [--set NAME=VALUE ...]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from ppattack.scenario import simulate
from ppattack.threat import KeyScope

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        title: what is attacked.
        target: name of the scheme.
        settings: the scheme's.
        scope: one key, or one per image.
        channels: those of the images.
    """

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    target: str = "neuracrypt"
    scope: KeyScope = "dataset"
    channels: int = 1


ROWS = (
    Row("linear, no shuffle", {"depth": 1, "shuffle": False}),
    Row("linear", {"depth": 1}),
    Row("depth 3, no shuffle", {"depth": 3, "shuffle": False}),
    Row("depth 3", {"depth": 3}),
    Row("depth 7", {}),
    Row("depth 7, patches of 16", {"patch_size": 16}),
    Row("depth 7, batch statistics", {"batch_norm": "batch"}),
    Row("depth 7, colour", {}, channels=3),
    Row("depth 15", {"depth": 15}),
    Row("depth 27", {"depth": 27}),
    Row("depth 47", {"depth": 47}),
    Row("color-neuracrypt, depth 7", {}, "color-neuracrypt", channels=3),
    Row("control: one key per image, linear", {"depth": 1}, scope="image"),
    Row("control: one key per image, depth 3", {"depth": 3}, scope="image"),
    Row("control: one key per image, depth 7", {}, scope="image"),
    Row("control: one key per image, batch", {"batch_norm": "batch"}, scope="image"),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="a folder with train/ and test/")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--only", default="", help="rows whose title contains this text")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--scheme", default="small", help="variant of the scheme")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the attack")
    parser.add_argument("--hidden", type=int, help="width of the scheme's hidden layers")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = dict(text.split("=", 1) for text in given.set)
    print("| scheme | matched | 95 % | among 10 | by stage | s | s by stage | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if given.only in row.title:
            print(_measured(row, given, settings), flush=True)
    print(machine())
    return 0


def _measured(row: Row, given: argparse.Namespace, settings: Mapping[str, Any]) -> str:
    sets = images_of(given.photographs, given.images, given.size, row.channels, given.seed)
    attack = registry.attack("neuracrypt-matching")(preset=given.preset, **settings)
    sizes = {"variant": given.scheme, "hidden": given.hidden}
    target = registry.target(row.target)(**sizes, **row.settings)
    scenario = simulate(attack, target, sets, row.scope, given.seed)
    device = torch.device(given.device)
    start = time.perf_counter()
    recovery = attack(scenario.observation, Context(device, given.seed + 1))
    seconds = time.perf_counter() - start
    scorer = ImageScorer(device, "not needed here")
    scores = evaluate(recovery, scenario, target, scorer, given.seed).scores.matching
    if scores is None or scores.wilson95 is None:
        raise RuntimeError("the attack was not scored")
    low, high = scores.wilson95
    stages = ", ".join(f"{name} {share:.3f}" for name, share in scores.stages.items())
    times = ", ".join(f"{name} {spent:.1f}" for name, spent in recovery.notes["seconds"].items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {row.title} | {scores.reconstruction.mean:.3f} | {low:.3f}–{high:.3f} | "
        f"{scores.top.get('10', float('nan')):.3f} | {stages} | {seconds:.1f} | {times} | "
        f"{peak:.0f} |"
    )


def images_of(folder: Path | None, count: int, size: int, channels: int, seed: int) -> ImageSets:
    """The victims' images, from a folder or cut from the installed photographs."""
    source = registry.dataset("photos" if folder is None else f"folder:{folder}")
    sets = source.load(ImageRequest(victims=count, adversary=0, size=size, seed=seed))
    return sets if channels == 3 else replace(sets, victims=_grey(sets.victims))


def _grey(images: Tensor) -> Tensor:
    """Luma of colour images, ``(N, 1, H, W)`` uint8."""
    weights = torch.tensor(LUMA).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True).round().to(torch.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
