"""Candidate matching: which of 10,000 images a single ciphertext is of, each under its own key.

Prints, for each scheme and alteration of the candidates, the share of ciphertexts that are named
(rank 1 and 10), the share that is named with a p-value up to .001 (the recall), and the seconds of
the attack, features included. With ``--absent`` so many more ciphertexts are of images that are not
among the candidates; the share of them with such a p-value is the measured false-match rate, once
of all (and how many of these have exactly what no key changes in common with a candidate) and once
without images that have a lookalike among the candidates (correlation of 16-pixel thumbnails above
.9, mirrored or not). ``--link`` matches with ciphertexts under other keys. Needs
CIFAR-10 as a folder with ``train/`` and ``test/``, or as ``npz:FILE``::

    python benchmarks/candidate_matching.py --data cifar10 [--schemes pe,ele] [--altered jpeg50]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import typing
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine

from ppattack.attack import Context
from ppattack.attacks.candidate_matching import CandidateMatching
from ppattack.data.alterations import Covered
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.evaluation.scores import evaluate
from ppattack.jpeg import Jpeg
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.solvers.candidates.lookalikes import ALIKE, thumbnails

SCHEMES: dict[str, tuple[str, dict[str, Any]]] = {
    "pe": ("pe", {"color_shuffle": True}),
    "le": ("le", {}),
    "ele": ("ele", {}),
    "etc4": ("etc", {"block_size": 4}),
    "etc8": ("etc", {"block_size": 8}),
    "etc16": ("etc", {"block_size": 16}),
    "gray": ("etc-gray", {}),
    "patches": ("patch-shuffle", {}),
    "vit": ("vit-blocks", {}),
    "pad": ("one-time-pad", {}),
}
SURE = 0.001


def main() -> None:
    """Run every cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--schemes", default="pe,le,ele,etc4,etc16,pad")
    parser.add_argument("--altered", default=",".join(typing.get_args(Covered)[:-1]))
    parser.add_argument("-n", type=int, default=500)
    parser.add_argument("--absent", type=int, default=0)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--size", type=int)
    parser.add_argument("--jpeg", help="what every ciphertext goes through: 75:444")
    parser.add_argument("--link", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--views", choices=("true", "false"), default="true")
    asked = parser.parse_args()
    print(machine())
    print(f"{asked.n} ciphertexts, {asked.candidates} candidates, seed {asked.seed}; {vars(asked)}")
    print("scheme  candidates  rank 1   [95 %]          rank 10  p <= .001  CPU s  s", flush=True)
    others = asked.candidates - asked.n
    wanted = ImageRequest(
        victims=asked.n + asked.absent, adversary=others, size=asked.size, seed=asked.seed
    )
    sets = registry.dataset(asked.data).load(wanted)
    for scheme in asked.schemes.split(","):
        for altered in asked.altered.split(","):
            _cell(asked, sets, scheme, altered)


def _cell(asked: argparse.Namespace, sets: ImageSets, scheme: str, altered: Any) -> None:
    name, settings = SCHEMES[scheme]
    target = registry.target(name)(**settings)
    attack = CandidateMatching(
        distractors=len(sets.adversary),
        altered=altered,
        views=asked.views == "true",
        link=asked.link,
        absent=asked.absent / len(sets.victims),
    )
    jpeg = None if asked.jpeg is None else Jpeg.read(asked.jpeg)
    scenario = simulate(attack, target, sets, "image", asked.seed, jpeg=jpeg)
    context = Context(torch.device("cpu"), seed=asked.seed)
    begun, start = time.perf_counter(), time.process_time()
    recovery = attack(scenario.observation, context)
    spent, passed = time.process_time() - start, time.perf_counter() - begun
    scorer = ImageScorer(torch.device("cpu"), "not needed here")
    found = evaluate(recovery, scenario, target, scorer, asked.seed).scores.matching
    if found is None or found.wilson95 is None or recovery.p_values is None:
        raise SystemExit("nothing was scored")
    low, high = found.wilson95
    text = (
        f"{scheme:7} {altered:11} {found.reconstruction.mean:.3f}   [{low:.3f}, {high:.3f}]  "
        f"{found.top.get('10', 1.0):.3f}    {found.recall_at_fmr['0.001']:.3f}      "
        f"{spent:5.1f}  {passed:.1f}"
    )
    if asked.absent:
        assert recovery.exact is not None
        sure = (recovery.p_values <= SURE) | recovery.exact
        gone, alone = _absent(scenario)
        wrong, really = int(sure[gone].sum()), int(sure[gone][alone].sum())
        text += (
            f"  false: {wrong} of {int(gone.sum())} ({int(recovery.exact[gone].sum())} exactly "
            f"equal), without lookalikes {really} of {alone.sum()}"
        )
    print(text, flush=True)


def _absent(scenario: Scenario) -> tuple[torch.Tensor, torch.Tensor]:
    """``(N,)`` whose images are not there; and which of these have no lookalike there either."""
    truth, plain = scenario.truth.matching, scenario.truth.images
    assert truth is not None and plain is not None  # noqa: PT018
    gone = truth < 0
    theirs = thumbnails(scenario.observation.public_images).flatten(1).T
    ours = thumbnails(plain[gone])
    most = [(each.flatten(1) @ theirs).amax(dim=1) for each in (ours, ours.flip(3))]
    return gone, torch.maximum(*most) <= ALIKE


if __name__ == "__main__":
    main()
