"""How often public photographs tell the global state of others, and how sure it is said to be.

    python benchmarks/global_state.py PUBLIC VICTIMS [--size 224] [--public 300] [--splits 3]
        [--others folder:DIR]

PUBLIC and VICTIMS are folders of photographs without a common one. For each split, so many random
photographs of PUBLIC teach; the photographs of VICTIMS stay as they are, which is the state that is
to be found among 96. Sets of 1 (each photograph), 5, 20 and 50 are drawn from them, 400 of each
size. A set counts as right if the state or its mirror image is chosen. "said" is the mean of the
probability that goes with the choice. With ``--others``, an image source as for ``--data``, its
images teach too. Crops and sets share photographs: the standard error is that over photographs,
drawn again with replacement (bootstrap), and sets drawn of those.
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
from ppattack.solvers.global_state.others import Others
from ppattack.solvers.global_state.prior import StatePrior

SETS, SIZES, DRAWN_AGAIN = 400, (1, 5, 20, 50), 50


def main() -> None:
    """One line for each split and size of sets, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("public", type=Path)
    parser.add_argument("victims", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--public", dest="count", type=int, default=300)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--others", default="")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known, victims = (_photographs(each, asked.size) for each in (asked.public, asked.victims))
    group, rows = choice.group_for(3), []
    for split in range(asked.splits):
        taken = np.random.default_rng(split).permutation(len(known))[: asked.count]
        start = time.process_time()
        prior = choice.fit_best(
            known[torch.from_numpy(taken)], group, others=Others.named(asked.others)
        )
        print(f"split {split}: fitted in {time.process_time() - start:.0f} CPU seconds")
        scores = prior.scores(victims)
        rows.append([_measured(prior, scores, size, split) for size in SIZES])
        for size, (right, said) in zip(SIZES, rows[-1], strict=True):
            error = _error(prior, scores, size)
            print(
                f"  sets of {size:2}: right {right:.3f} ± {error:.3f}, said {said:.3f}", flush=True
            )
    for size, (right, said) in zip(SIZES, np.mean(rows, axis=0), strict=True):
        print(f"mean, sets of {size:2}: right {right:.3f}, said {said:.3f}")


def _photographs(folder: Path, size: int) -> torch.Tensor:
    files = sorted(each for each in folder.rglob("*") if each.suffix in (".jpg", ".JPEG", ".png"))
    whole = (np.asarray(Image.open(each).convert("RGB").resize((size, size))) for each in files)
    return torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image in whole]))


def _measured(prior: StatePrior, scores: torch.Tensor, size: int, seed: int) -> tuple[float, float]:
    """Share of sets that are right up to a mirror, and the mean of what is said of them."""
    group = choice.group_for(3)
    totals = _totals(scores, size, np.random.default_rng(seed))
    said = [prior.up_to_mirror(total, size, group) for total in totals]
    return _right(prior, totals), float(np.mean(said))


def _error(prior: StatePrior, scores: torch.Tensor, size: int) -> float:
    """Standard error of the share that is right, over photographs."""
    shares = []
    for seed in range(DRAWN_AGAIN):
        rng = np.random.default_rng(seed)
        again = torch.from_numpy(rng.integers(0, len(scores), len(scores)))
        shares.append(_right(prior, _totals(scores[again], size, rng)))
    return float(np.std(shares))


def _totals(scores: torch.Tensor, size: int, rng: np.random.Generator) -> torch.Tensor:
    """Scores added up over sets of photographs."""
    if size == 1:
        return scores
    sets = [rng.choice(len(scores), size, replace=False) for _ in range(SETS)]
    return torch.stack([scores[torch.from_numpy(one)].sum(0) for one in sets])


def _right(prior: StatePrior, totals: torch.Tensor) -> float:
    """Share of sets of which the state or its mirror image is chosen."""
    pairs = mirrors(choice.group_for(3), prior.wanted)
    right = [0] if pairs is None else [0, int(pairs[0])]
    return float(np.isin(totals.argmax(1).numpy(), right).mean())


if __name__ == "__main__":
    main()
