"""Sums that other workers add up: counted, wrong ones too."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack.attack import Attack, Context, Recovery
from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.context import Workers
from ppattack.data.source import ImageSets
from ppattack.scenario import simulate
from ppattack.solvers.covariance.moments import GridMoments
from ppattack.target import Target
from ppattack.threat import KeyScope

CONTEXT = Context(torch.device("cpu"), seed=3)


class Counted:
    """Counts the parts that other workers are given."""

    def __init__(self, workers: Workers) -> None:
        self._workers, self.parts = workers, 0

    @property
    def count(self) -> int:
        """As they are."""
        return self._workers.count

    def map(self, function: Any, parts: Any) -> Any:
        """Theirs."""
        self.parts += len(parts)
        return self._workers.map(function, parts)


def attacked(
    target: Target,
    sets: ImageSets,
    workers: Workers,
    attack: Attack | None = None,
    scope: KeyScope = "dataset",
) -> Recovery:
    """What comes of covariance matching, or of another attack."""
    attack = attack or CovarianceMatching()
    observation = simulate(attack, target, sets, scope, seed=5).observation
    return attack(observation, replace(CONTEXT, workers=workers))


def dying(images: NDArray[np.uint8], marker: Path, start: int, stop: int) -> NDArray[np.uint8]:
    """Images for a stack that is made, whose first two readers are killed over them."""
    for number in range(2):
        try:
            marker.with_suffix(f".{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return images[start:stop]


def grid(images: torch.Tensor) -> GridMoments:
    """Moments of a grid of ``(N, 3, 16, 16)``."""
    return GridMoments((3, 16, 16)).add(images)


def fails(number: int) -> float:
    return 1 / number
