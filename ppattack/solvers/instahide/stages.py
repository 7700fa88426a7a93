"""Both stages for either kind of mixtures: as images are, or cropped and mirrored before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ppattack.solvers.instahide import solve as as_they_are
from ppattack.solvers.instahide import statistics as plain
from ppattack.solvers.instahide.posed import solve as in_poses
from ppattack.solvers.instahide.posed import statistics as posed

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.context import Progress
    from ppattack.solvers.instahide.release import Release
    from ppattack.solvers.instahide.solution import Solution
    from ppattack.target.mixing import MixingLaw, Scale

Statistics: TypeAlias = plain.PublicStatistics | posed.PosedStatistics


def learn(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int = plain.SAMPLES,
    step: Callable[[], None] = lambda: None,
) -> Statistics:
    """Statistics of public images for a law; see :func:`statistics.learn`."""
    learner = posed.learn if law.augment else plain.learn
    return learner(pool, public, law, scale, seed, samples, step)


def solve(
    release: Release,
    statistics: Statistics,
    progress: Progress,
    *,
    iterations: int,
    refinements: int,
) -> Solution | None:
    """Name the members of all mixtures, and reconstruct the images; see :func:`solve.solve`."""
    if isinstance(statistics, posed.PosedStatistics):
        return in_poses.solve_posed(
            release, statistics, progress, iterations=iterations, refinements=refinements
        )
    return as_they_are.solve(
        release, statistics, progress, iterations=iterations, refinements=refinements
    )
