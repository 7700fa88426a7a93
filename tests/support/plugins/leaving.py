"""Attacks that try to end the program in place of returning."""

from __future__ import annotations

import os
import sys

import torch

from ppattack.attack import Context, Recovery
from ppattack.threat import Observation
from tests.support.plugins.returns_ciphertexts import Idle


class Exits(Idle):
    """By ``sys.exit``."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Leave."""
        sys.exit(0)


class Stop(KeyboardInterrupt):
    """Not Ctrl-C."""


class Interrupts(Idle):
    """By its own kind of interruption."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Leave."""
        raise Stop("enough")


class ExitsHard(Idle):
    """By ``os._exit``."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Leave."""
        os._exit(0)


class ExitsInHook(Idle):
    """By ``sys.exit``, if it is asked what it needs."""

    def obstacle(self, scheme: object, image_shape: object) -> str | None:
        """Leave."""
        sys.exit(0)


class WritesOver(Idle):
    """Blackens the ciphertexts that it is given."""

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Write in place."""
        given = observation.ciphertexts.clone()
        observation.ciphertexts.zero_()
        return Recovery(torch.bitwise_not(given))
