"""Both stages for either kind of mixtures: as images are, or cropped and mirrored before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from ppattack.caches.user import cache_folder
from ppattack.solvers.instahide import solve as as_they_are
from ppattack.solvers.instahide import statistics as plain
from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.posed import solve as in_poses
from ppattack.solvers.instahide.posed import statistics as posed
from ppattack.training.kept import NOTHING, Kept, Tensors

if TYPE_CHECKING:
    from ppattack.context import Progress
    from ppattack.solvers.instahide.release import Release
    from ppattack.solvers.instahide.solution import Solution
    from ppattack.target.mixing import MixingLaw, Scale

Statistics: TypeAlias = plain.PublicStatistics | posed.PosedStatistics
STEPS = plain.STEPS
"""How often ``step`` is called while statistics are learnt."""
LEAST_KEPT = 10_000
"""Samples from which statistics are kept."""
CODE = Path(__file__).parent
"""A change of what is in there makes all that is kept be made again."""
NAME = 16
"""Digits of a fingerprint in the name of a file."""


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


def learn_once(
    pool: Tensor,
    public: Tensor,
    law: MixingLaw,
    scale: Scale,
    seed: int,
    samples: int,
    progress: Progress,
) -> Statistics:
    """The same, from the user's cache (``XDG_CACHE_HOME``) if they were learnt before.

    What is learnt within seconds, from few samples, is not kept.
    """
    facts = {"law": asdict(law), "scale": asdict(scale), "seed": seed, "samples": samples}
    facts["device"] = pool.device.type
    folder = cache_folder("instahide") if samples >= LEAST_KEPT else None
    kept = Kept.of(folder, progress, {"pool": pool, "public": public}, facts, CODE)

    def made() -> Tensors:
        steps = iter(range(1, STEPS + 1))
        with progress.task("statistics of public images", STEPS) as task:
            step = lambda: task.update(next(steps))  # noqa: E731
            return _tensors_of(learn(pool, public, law, scale, seed, samples, step))

    name = f"statistics-{kept.fingerprint[:NAME]}"
    shape = (pool.shape[1], pool.shape[2], pool.shape[3])
    kind = posed.PosedStatistics if law.augment else plain.PublicStatistics
    device = torch.device("cpu") if law.augment else pool.device
    return _statistics_of(kept.stage(name, made, device), kind, shape)


def _tensors_of(statistics: Statistics) -> Tensors:
    """All fields; those of a Gaussian by ``field/name``."""
    made: Tensors = {}
    for field in fields(statistics):
        value = getattr(statistics, field.name)
        if isinstance(value, NaturalPrior):
            parts = {part.name: getattr(value, part.name) for part in fields(value)}
            made |= {f"{field.name}/{n}": x for n, x in parts.items() if isinstance(x, Tensor)}
        else:
            made[field.name] = torch.as_tensor(value)
    return made


def _statistics_of(
    tensors: Tensors, kind: type[Statistics], shape: tuple[int, int, int]
) -> Statistics:
    given: dict[str, Any] = {}
    gaussians: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        field, slash, part = name.partition("/")
        if slash:
            gaussians.setdefault(field, {})[part] = value
        else:
            given[field] = float(value) if value.ndim == 0 else value
    for field, parts in gaussians.items():
        given[field] = NaturalPrior(shape=shape, **parts)
    return kind(**given)


def solve(
    release: Release,
    statistics: Statistics,
    progress: Progress,
    *,
    iterations: int,
    refinements: int,
    kept: Kept = NOTHING,
) -> Solution | None:
    """Name the members of all mixtures, and reconstruct the images; see :func:`solve.solve`."""
    if isinstance(statistics, posed.PosedStatistics):
        solver = partial(in_poses.solve_posed, release, statistics)
    else:
        solver = partial(as_they_are.solve, release, statistics)
    return solver(progress, iterations=iterations, refinements=refinements, kept=kept)
