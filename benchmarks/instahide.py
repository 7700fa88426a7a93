"""InstaHide by statistics: images found, Max_SSIM and CPU seconds, by case.

    python benchmarks/instahide.py FOLDER --cases 20x50 20x20 100x50

FOLDER has ``train`` and ``test`` with a subfolder for each class, as CIFAR-10 as files. Private
images are of the test set; the training images are split in two: the scheme's public pool, and
what the attacker learns from. A case is IMAGESxROUNDS, with options after commas: ``k4`` (all four
members private), ``crop`` (crops and mirrors before mixing), ``nolabels``, ``noise`` (folded noise
of the mean and covariance of other mixtures instead of them).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ppattack.challenge import layout
from ppattack.challenge.instahide.files import list_images
from ppattack.context import SilentProgress
from ppattack.metrics.ssim import ssim
from ppattack.metrics.ssim_matrix import ssim_matrix
from ppattack.seeding import numpy_stream
from ppattack.solvers.instahide import statistics
from ppattack.solvers.instahide.release import make_release
from ppattack.solvers.instahide.stages import Statistics, learn, solve
from ppattack.target.mixing import (
    SCALES,
    MixingLaw,
    MixingPlan,
    as_mixed,
    draw_plan,
    mixtures,
    soft_labels,
    with_signs,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.solvers.instahide.solution import Solution

SIZE = 32
POOL = 7000
"""Images of each half of the training set."""
SCALE = SCALES["unit"]


class Case(NamedTuple):
    """Encodings of private images, and the truth."""

    encodings: Tensor
    labels: Tensor | None
    private: Tensor
    plan: MixingPlan


def main() -> None:
    """Print a row for every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", nargs="+", default=["20x50"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--refinements", type=int, default=5)
    parser.add_argument(
        "--keep", type=Path, help="save images of the last case here, for instahide_picture.py"
    )
    parser.add_argument(
        "--private", choices=["train", "test"], default="test", help="where private images are from"
    )
    given = parser.parse_args()
    public, own, others = _parts(given.folder / "train")
    if given.private == "test":
        others = list_images(given.folder / "test")
    learnt: dict[MixingLaw, Statistics] = {}
    print("case seed | images real | found clear SSIM named | Max Mean blind uncropped | CPU s")
    for name in given.cases:
        law = _law(name)
        began = time.process_time()
        if law not in learnt:
            learnt[law] = learn(own, own, law, SCALE, 0)
        once = time.process_time() - began
        for seed in given.seeds:
            case = _case(given.folder / given.private, others, public, law, name, seed)
            began = time.process_time()
            release = make_release(case.encodings, law, len(case.private), case.labels)
            found = solve(
                release,
                learnt[law],
                SilentProgress(),
                iterations=given.iterations,
                refinements=given.refinements,
            )
            spent = time.process_time() - began
            if found is None:
                print(f"{name} {seed} | nothing found | {once:.0f} + {spent:.0f}", flush=True)
                continue
            levels = SCALE.levels(found.images)
            words = _scores(found, case)
            real = found.notes["agreement in deviations"]
            print(
                f"{name} {seed} | {len(levels)} {real} | {words} | {once:.0f} + {spent:.0f}",
                flush=True,
            )
            if given.keep:
                encodings = SCALE.levels(case.encodings[: len(levels)])
                np.savez(
                    given.keep,
                    encodings=encodings.numpy(),
                    found=levels.numpy(),
                    private=case.private.numpy(),
                )


def _parts(folder: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Two disjoint sets of training images, and the names of the rest."""
    paths = list_images(folder)
    order = numpy_stream(0, "halves").permutation(len(paths))
    chosen, rest = order[: 2 * POOL], order[2 * POOL :]
    images = layout.read_images(folder, [paths[i] for i in chosen], SIZE, "RGB")
    return images[:POOL], images[POOL:], [paths[i] for i in rest]


def _law(name: str) -> MixingLaw:
    options = name.split(",")[1:]
    inside = "k4" in options
    return MixingLaw(4 if inside else 6, 4 if inside else 2, augment="crop" in options)


def _case(
    folder: Path, paths: list[str], public: Tensor, law: MixingLaw, name: str, seed: int
) -> Case:
    size, *options = name.split(",")
    count, rounds = (int(each) for each in size.split("x"))
    chosen = [paths[i] for i in numpy_stream(seed, "private").permutation(len(paths))[:count]]
    private = layout.read_images(folder, chosen, SIZE, "RGB")
    plan = draw_plan(law, count, len(public), rounds, lambda part: numpy_stream(seed, part))
    encodings = with_signs(mixtures(plan, private, public, SCALE), numpy_stream(seed, "signs"))
    if "noise" in options:
        encodings = _noise(law, public, len(encodings), seed)
    classes = sorted({path.split("/")[0] for path in paths})
    labels = np.array([classes.index(path.split("/")[0]) for path in chosen])
    soft = None if "nolabels" in options else torch.from_numpy(soft_labels(plan, labels, 10))
    return Case(encodings, soft, private, plan)


def _noise(law: MixingLaw, public: Tensor, count: int, seed: int) -> Tensor:
    """Folded Gaussian noise of the mean and covariance of absolute mixtures of public images."""
    values = statistics.simulate(public, public, law, SCALE, seed, 0, POOL)[0]
    spread, vectors = torch.linalg.eigh(torch.cov(values.T))
    drawn = numpy_stream(seed, "noise").standard_normal((count, values.shape[1]))
    made = torch.from_numpy(drawn).float() * spread.clamp_min(0).sqrt() @ vectors.T
    noise: Tensor = (made + values.mean(0)).view(count, *public.shape[1:])
    return noise


def _scores(found: Solution, case: Case) -> str:
    """Private images by the better of both mirrored states, decryptions by what was mixed.

    So is the mean image, which is cropped as the members are.
    """
    levels = SCALE.levels(found.images)
    similar = ssim_matrix(levels, case.private)
    if case.plan.mirrored.any():
        similar = torch.maximum(similar, ssim_matrix(levels.flip(3), case.private))
    best, which = similar.max(dim=0)
    own = similar[which].argmax(dim=1) == torch.arange(len(case.private))
    shown = SCALE.levels(found.decryptions)
    mean = case.private.float().mean(0, keepdim=True).round().to(torch.uint8)
    means = mean.expand(len(case.private), -1, -1, -1)
    theirs, blind = [], []
    for slot in range(case.plan.private):
        mixed = as_mixed(case.plan, case.private, slot)
        theirs.append(ssim(shown, mixed))
        blind.append(ssim(as_mixed(case.plan, means, slot), mixed))
    as_is = similar[found.choice].gather(1, torch.from_numpy(case.plan.members[:, : len(theirs)]))
    scores, least = torch.stack(theirs, dim=1), torch.stack(blind, dim=1)
    named = int((own & (best >= 0.5)).sum())
    return (
        f"{int((best >= 0.5).sum())} {int((best >= 0.8).sum())} {float(best.mean()):.3f} {named} | "
        f"{float(scores.amax(1).mean()):.3f} {float(scores.mean()):.3f} "
        f"{float(least.amax(1).mean()):.3f} {float(as_is.amax(1).mean()):.3f}"
    )


if __name__ == "__main__":
    main()
