"""Sums that other workers add up: counted, wrong ones too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ppattack.attack import Attack, Context, Recovery
from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.context import Workers
from ppattack.data.source import ImageSets
from ppattack.scenario import simulate
from ppattack.target import Target

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
    target: Target, sets: ImageSets, workers: Workers, attack: Attack | None = None
) -> Recovery:
    """What comes of covariance matching."""
    attack = attack or CovarianceMatching()
    observation = simulate(attack, target, sets, "dataset", seed=5).observation
    return attack(observation, replace(CONTEXT, workers=workers))


def fails(number: int) -> float:
    return 1 / number
