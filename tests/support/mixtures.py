"""Small releases of mixtures whose truth is known."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ppattack.seeding import numpy_stream, torch_stream
from ppattack.solvers.instahide import statistics
from ppattack.solvers.instahide.release import Release, make_release
from ppattack.target.mixing import (
    SCALES,
    MixingLaw,
    MixingPlan,
    draw_plan,
    mixtures,
    soft_labels,
    with_signs,
)
from ppattack.target.natural_noise import natural_images

SIZE = 16
CLASSES = 3
LAW = MixingLaw(3, 2)
SCALE = SCALES["unit"]
POOL = 800


class Mixed(NamedTuple):
    """A release and what it holds."""

    release: Release
    encodings: Tensor
    labels: Tensor
    private: Tensor
    plan: MixingPlan
    signed: Tensor

    @property
    def numbers(self) -> Tensor:
        """Private images as they are mixed, ``(N, D)``."""
        return SCALE.numbers(self.private).flatten(1)

    @property
    def weight(self) -> Tensor:
        """The true weights ``(E, N)``."""
        made = torch.zeros(len(self.encodings), len(self.private))
        members = torch.from_numpy(self.plan.members[:, : self.plan.private])
        return made.scatter_add_(
            1, members, torch.from_numpy(self.plan.weights[:, : self.plan.private]).float()
        )


def images(name: str, count: int) -> Tensor:
    """Noise with the spectrum of photographs."""
    return natural_images(torch_stream(0, name), (count, 3, SIZE, SIZE))


def mixed(count: int = 12, rounds: int = 30, seed: int = 0, law: MixingLaw = LAW) -> Mixed:
    """Encodings of some images; classes in turn."""
    private, public = images(f"private {seed}", count), images("public", POOL)
    plan = draw_plan(law, count, len(public), rounds, lambda name: numpy_stream(seed, name))
    signed = mixtures(plan, private, public, SCALE)
    encodings = with_signs(signed, numpy_stream(seed, "signs"))
    labels = torch.from_numpy(soft_labels(plan, np.arange(count) % CLASSES, CLASSES)).float()
    release = make_release(encodings, law, count, labels)
    return Mixed(release, encodings, labels, private, plan, signed.flatten(1))


@cache
def learnt(law: MixingLaw = LAW) -> statistics.PublicStatistics:
    """What an attacker learns from images of its own."""
    own = images("attacker's", POOL)
    return statistics.learn(own, own, law, SCALE, 0, 4000)
