"""What the matching attack holds, and what it has found so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.errors import DataError
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
from ppattack.solvers.neuracrypt.unshuffle import in_order, patch_orders

LANDMARK_BYTES = 1 << 30
"""Bytes of inner products with landmarks: of many images only some are landmarks."""
FEWEST_LANDMARKS = 32
RANKED = 10
"""Candidates reported for each ciphertext, the likeliest first."""


@dataclass(frozen=True)
class Case:
    """Codes, candidates, and the adversary's own encoders.

    Args:
        own: draws encoders.
        images: ``(N, C, H, W)`` normalised candidates.
        codes: ``(N, P, D)`` victims' codes.
        places: ``(P,)`` the patch that each place of the codes shows, or None if unknown.
    """

    own: OwnEncoders
    images: Tensor
    codes: Tensor
    places: Tensor | None

    @classmethod
    def of(cls, own: OwnEncoders, ciphertexts: Tensor, candidates: Tensor) -> Case:
        """Build the case of some ciphertexts.

        Args:
            own: draws encoders.
            ciphertexts: as the scheme publishes them.
            candidates: ``(N, C, H, W)`` uint8.

        Raises:
            DataError: if ciphertexts and candidates differ in number.
        """
        if len(ciphertexts) != len(candidates):
            raise DataError(
                f"{len(ciphertexts)} ciphertexts cannot be matched one to one with "
                f"{len(candidates)} candidates: give as many of both."
            )
        device = own.context.device
        codes = own.target.tokens(ciphertexts.to(device))
        known = None if own.target.shuffles else torch.arange(codes.shape[1], device=device)
        return cls(own, own.target.normalised(candidates.to(device)), codes, known)

    def unshuffled(self) -> Case:
        """The same case with all images' codes in one order, which stays unknown."""
        return replace(self, codes=in_order(self.codes, patch_orders(self.codes)))

    def in_plain_order(self, places: Tensor) -> Tensor:
        """Codes with patches in the order of the plain images."""
        return self.codes[:, places.argsort()]

    def landmarks(self) -> Tensor:
        """Candidates to compare all others with: all of them, or as many as memory allows."""
        count, positions, _ = self.codes.shape
        limit = LANDMARK_BYTES // (count * positions * self.codes.element_size())
        order = torch.randperm(count, generator=self.own.context.torch_stream("landmarks"))
        return order[: max(FEWEST_LANDMARKS, limit)].to(self.codes.device)


@dataclass
class Stages:
    """Seconds and matchings, by stage.

    Args:
        context: progress and device.
        seconds: by stage, rounds of one stage added up.
        matchings: what each stage found, on the CPU.
    """

    context: Context
    seconds: dict[str, float] = field(default_factory=dict)
    matchings: dict[str, Tensor] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time a stage and announce it."""
        self.context.progress.log(name)
        start = time.perf_counter()
        yield
        if self.context.device.type == "cuda":
            torch.cuda.synchronize(self.context.device)
        spent = time.perf_counter() - start
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 3)

    def reached(self, name: str, matching: Tensor) -> None:
        """Keep what a stage found."""
        self.matchings[name] = matching.cpu()

    def changed(self) -> dict[str, float]:
        """The share of ciphertexts that each stage matched differently from the one before."""
        found = list(self.matchings.items())
        return {
            name: round((now != before).double().mean().item(), 4)
            for (_, before), (name, now) in pairwise(found)
        }


def ranked(scores: Tensor, matching: Tensor) -> Tensor:
    """The likeliest candidates of each ciphertext, ``(N, K)`` int64, its match first.

    Args:
        scores: ``(N, N)``, higher is likelier.
        matching: ``(N,)``.
    """
    raised = scores.scatter(1, matching[:, None], torch.inf)
    return raised.topk(min(RANKED, scores.shape[1]), dim=1).indices.cpu()
