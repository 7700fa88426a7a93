"""What identity costs: CPU seconds to look for reconstructions among candidates.

The ciphertexts, a random public image for each victim and the constant guesses are looked for too,
as in every run. CPU time of one thread, so that a busy machine changes little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from ppattack.data.source import ImageRequest
from ppattack.evaluation.gallery import Gallery, missing_kinds
from ppattack.evaluation.reidentification import identity_scores
from ppattack.metrics.baselines import blind_baselines
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.lpips_weights import find_weights
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.seeding import numpy_stream


def main() -> None:
    """Print a row for each number of victims and candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="photos")
    parser.add_argument("--sizes", default="64x200,64x1000,256x1000")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    lpips = Lpips() if find_weights("alex") else "no weights"
    scorer = ImageScorer("cpu", lpips)
    if not isinstance(lpips, str):
        lpips.features(torch.zeros(64, 3, 32, 32, dtype=torch.uint8))  # its matrices, once
    for kind, reason in missing_kinds(scorer).items():
        print(f"without {kind}: {reason}")
    print("victims  candidates  CPU s to load the others  CPU s to look for all")
    for size in asked.sizes.split(","):
        victims, candidates = (int(number) for number in size.split("x"))
        source = registry.dataset(asked.data)
        plain = ImageRequest(victims, 2000)
        without = _spent(partial(source.load, plain))
        begun = time.process_time()
        sets = source.load(replace(plain, distractors=candidates - victims))
        loaded = time.process_time() - begun - without
        attack = registry.attack("fr")()
        scenario = simulate(attack, registry.target("pe")(), sets, "image", 0)
        seen = scenario.observation
        rng = numpy_stream(0, "baselines")
        blind = blind_baselines(seen.ciphertexts, seen.image_shape, sets.adversary, rng)
        begun = time.process_time()
        identity_scores(sets.victims, blind, scenario, scorer, seed=0)
        spent = time.process_time() - begun
        print(f"{victims:7}  {len(Gallery.of(scenario)):10}  {loaded:24.2f}  {spent:20.2f}")


def _spent(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
