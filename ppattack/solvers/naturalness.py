"""How natural a set of reconstructions is, by what public images look like."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ppattack.solvers import global_state
from ppattack.solvers.image_moments import moments_of_many


class Naturalness:
    """Public images, as a measure of reconstructions.

    A generator that makes good negatives is as hard to tell from one that makes good images as
    negatives are from photographs, patch by patch, and likewise with its colours in another
    order. Over all reconstructions the public images tell which it is.

    Args:
        public: ``(M, C, H, W)`` uint8.
    """

    def __init__(self, public: Tensor) -> None:
        self.moments = moments_of_many(public)
        self._shape = tuple(public.shape[1:])
        self._group = global_state.group_for(public.shape[1])
        wanted = global_state.unturned(self._group)
        self._prior = global_state.fitted(public, self._group, np.asarray(wanted))

    def upright(self, images: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """The images complemented or recoloured, all alike, and how that was decided.

        Args:
            images: ``(N, C, H, W)`` uint8.
        """
        state, notes = global_state.choose(images.cpu(), self._prior, self._group)
        if state == 0:
            return images, notes
        return global_state.transformation(state, self._shape, self._group)(images), notes

    def distance(self, images: Tensor) -> float:
        """How far the moments of upright images are from those of public ones; 0 where equal."""
        upright, _ = self.upright(images)
        return float(self.moments.distance(moments_of_many(upright.cpu())))
