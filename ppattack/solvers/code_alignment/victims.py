"""The victims' codes, read some images at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.solvers.kept import NOTHING, Kept
from ppattack.solvers.neuracrypt.unshuffle import in_order, patch_orders
from ppattack.target.neural import NeuralTarget

PART_BYTES = 128 << 20
"""Bytes of codes that are worked on at a time."""
REFINEMENTS = 2


@dataclass(frozen=True)
class VictimCodes:
    """Codes with the patches of all images in one order; never copied as a whole.

    Args:
        target: the scheme.
        ciphertexts: as published.
        orders: ``(N, P)`` that bring the patches of each image into the order of the first
            image's, or None if they are in order.
        device: where they are worked on.
    """

    target: NeuralTarget
    ciphertexts: Tensor
    orders: Tensor | None
    device: torch.device

    @classmethod
    def of(
        cls, target: NeuralTarget, ciphertexts: Tensor, device: torch.device, kept: Kept = NOTHING
    ) -> VictimCodes:
        """Undo the shuffle, if there is one; ``kept`` are results of stages."""
        orders = None
        if target.shuffles:
            made = lambda: {"orders": patch_orders(target.tokens(ciphertexts), REFINEMENTS)}  # noqa: E731
            orders = kept.stage("orders", made, ciphertexts.device)["orders"]
        return cls(target, ciphertexts, orders, device)

    def parts(self) -> Iterator[Tensor]:
        """Codes ``(n, P, D)`` of successive images."""
        each = self.ciphertexts[0].numel() * self.ciphertexts.element_size()
        step = max(1, PART_BYTES // each)
        for start in range(0, len(self.ciphertexts), step):
            part = slice(start, start + step)
            codes = self.target.tokens(self.ciphertexts[part].to(self.device))
            if self.orders is not None:
                codes = in_order(codes, self.orders[part].to(self.device))
            yield codes
