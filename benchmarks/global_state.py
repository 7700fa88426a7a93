"""How often public photographs tell the global state of others, and how sure it is said to be.

    python benchmarks/global_state.py PUBLIC VICTIMS [--size 224] [--public 300] [--splits 3]

PUBLIC and VICTIMS are folders of photographs without a common one. For each split, so many random
photographs of PUBLIC teach; the photographs of VICTIMS stay as they are, which is the state that is
to be found among 96. Sets of 1 (each photograph), 5, 20 and 50 are drawn from them, 400 of each
size. A set counts as right if the state or its mirror image is chosen. "said" is the mean of the
probability that goes with the choice.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.fitting import mirrors
from ppattack.solvers.global_state.prior import StatePrior

SETS, SIZES = 400, (1, 5, 20, 50)


def main() -> None:
    """One line for each split and size of sets, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("public", type=Path)
    parser.add_argument("victims", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--public", dest="count", type=int, default=300)
    parser.add_argument("--splits", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known, victims = (_photographs(each, asked.size) for each in (asked.public, asked.victims))
    group, rows = choice.group_for(3), []
    for split in range(asked.splits):
        taken = np.random.default_rng(split).permutation(len(known))[: asked.count]
        start = time.process_time()
        prior = choice.fit_best(known[torch.from_numpy(taken)], group)
        print(f"split {split}: fitted in {time.process_time() - start:.0f} CPU seconds")
        scores = prior.scores(victims)
        rows.append([_measured(prior, scores, size, split) for size in SIZES])
        for size, (right, said) in zip(SIZES, rows[-1], strict=True):
            print(f"  sets of {size:2}: right {right:.3f}, said {said:.3f}", flush=True)
    for size, (right, said) in zip(SIZES, np.mean(rows, axis=0), strict=True):
        print(f"mean, sets of {size:2}: right {right:.3f}, said {said:.3f}")


def _photographs(folder: Path, size: int) -> torch.Tensor:
    files = sorted(each for each in folder.rglob("*") if each.suffix in (".jpg", ".JPEG", ".png"))
    whole = (np.asarray(Image.open(each).convert("RGB").resize((size, size))) for each in files)
    return torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image in whole]))


def _measured(prior: StatePrior, scores: torch.Tensor, size: int, seed: int) -> tuple[float, float]:
    """Share of sets that are right up to a mirror, and the mean of what is said of them."""
    group, rng = choice.group_for(3), np.random.default_rng(seed)
    pairs = mirrors(group, prior.wanted)
    right = {0, int(pairs[0])} if pairs is not None else {0}
    sets = [[i] for i in range(len(scores))]
    if size > 1:
        sets = [rng.choice(len(scores), size, replace=False).tolist() for _ in range(SETS)]
    found, said = [], []
    for one in sets:
        total = scores[one].sum(0)
        found.append(int(total.argmax()) in right)
        said.append(prior.up_to_mirror(total, size, group))
    return float(np.mean(found)), float(np.mean(said))


if __name__ == "__main__":
    main()
