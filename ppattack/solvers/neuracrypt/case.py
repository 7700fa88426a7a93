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
from ppattack.context import SilentProgress
from ppattack.errors import DataError
from ppattack.solvers.neuracrypt.codes import Codes, Source
from ppattack.solvers.neuracrypt.confidence import Rehearsal
from ppattack.solvers.neuracrypt.own_keys import HELD_BYTES, OwnEncoders, encoded
from ppattack.solvers.neuracrypt.unshuffle import patch_orders

LANDMARK_BYTES = 1 << 29
"""Bytes of inner products with landmarks: of many images only some are landmarks."""
LANDMARK_PRODUCTS = 5e11
"""Products of similarities in one comparison of all codes with all candidates: a minute's at most
on a core."""
FEWEST_LANDMARKS = 32
LINEAR_DEPTH = 1
FEWEST_STRANGERS = 5
REHEARSED = 400
FEWEST_REHEARSED = 100
"""Candidates that a rehearsal takes for victims, at most, and at least if memory is short."""
RANKED = 10
"""Candidates reported for each ciphertext, the likeliest first."""


@dataclass(frozen=True)
class Case:
    """Codes, candidates, and the adversary's own encoders.

    Args:
        own: draws encoders.
        images: ``(M, C, H, W)`` normalised candidates, N at least.
        codes: ``(N, P, D)`` victims' codes.
        places: ``(P,)`` the patch that each place of the codes shows, or None if unknown.
    """

    own: OwnEncoders
    images: Tensor
    codes: Codes
    places: Tensor | None

    @classmethod
    def of(cls, own: OwnEncoders, ciphertexts: Source | Tensor, candidates: Tensor) -> Case:
        """Build the case of some ciphertexts.

        Args:
            own: draws encoders.
            ciphertexts: as the scheme publishes them.
            candidates: ``(M, C, H, W)`` uint8.

        Raises:
            DataError: if there are fewer candidates than ciphertexts.
        """
        if ciphertexts.shape[0] > len(candidates):
            raise DataError(
                f"{ciphertexts.shape[0]} ciphertexts cannot be matched with {len(candidates)} "
                "candidates: every ciphertext takes one of its own, so give as many at least."
            )
        device = own.context.device
        codes = Codes(ciphertexts, own.target.tokens, device)
        known = None if own.target.shuffles else torch.arange(codes.shape[1], device=device)
        return cls(own, own.target.normalised(candidates.to(device)), codes, known)

    def unshuffled(self) -> Case:
        """The same case with all images' codes in one order, which stays unknown."""
        return replace(self, codes=self.codes.rearranged(patch_orders(self.codes)))

    def in_plain_order(self, places: Tensor) -> Codes:
        """Codes with patches in the order of the plain images."""
        return self.codes.with_places(places.argsort())

    def rehearsal(self, landmarks: Tensor) -> tuple[Case, Tensor, Tensor]:
        """A case of known answer: codes of some candidates under one more own key.

        If the victims' patches were shuffled, these are too, and that is undone likewise.

        Args:
            landmarks: ``(L,)`` candidates that are part of it first.

        Returns:
            the case; for each code which of its candidates it is of; and which of this case's
            candidates those are.
        """
        stream = self.own.context.torch_stream("rehearsal")
        count = self._rehearsed
        others = torch.ones(len(self.images), dtype=torch.bool)
        others[landmarks.cpu()] = False
        left = others.nonzero()[:, 0]
        order = torch.cat([landmarks.cpu(), left[torch.randperm(len(left), generator=stream)]])
        chosen = order[: -(-count * len(self.images) // len(self.codes))]
        owners = torch.randperm(len(chosen), generator=stream)[:count]
        chosen = chosen.to(self.images.device)
        images = self.images[chosen]
        encoder = self.own.generate_encoder("rehearsal")
        theirs = images[owners.to(images.device)]
        made = Codes.of(encoded(encoder, theirs, self.own.at_once))
        if self.own.target.shuffles:
            orders = torch.rand(made.shape[:2], generator=stream).argsort(dim=1)
            made = made.with_orders(orders)
        case = replace(self, images=images, codes=made)
        if case.places is None and not self.is_linear:
            case = case.unshuffled()
        return case, owners, chosen

    @property
    def _rehearsed(self) -> int:
        return rehearsed_count(len(self.codes), self.codes.size_bytes // len(self.codes))

    @property
    def is_judged_by_choice(self) -> bool:
        """Whether mutual choice tells how far a matching stands out."""
        return self.matches_contents or self._rehearsed < len(self.codes)

    @property
    def matches_contents(self) -> bool:
        """Whether images are matched regardless of the order of their patches."""
        return self.is_linear and self.places is None

    def strangers(self, owners: Tensor) -> tuple[Case, Tensor] | None:
        """Half of a rehearsal's codes with the candidates that none of them is of.

        Args:
            owners: ``(N,)`` the candidate of each code.

        Returns:
            the case, and which candidates it has; None if there are too few.
        """
        count = min(len(owners), len(self.images) // 2)
        if count < FEWEST_STRANGERS:
            return None
        others = torch.ones(len(self.images), dtype=torch.bool)
        others[owners[:count]] = False
        left = others.nonzero()[:, 0].to(self.images.device)
        codes = Codes.of(self.codes[:count])
        return replace(self, images=self.images[left], codes=codes), left

    @property
    def is_linear(self) -> bool:
        """Whether codes have no positions by which a shuffle could be undone."""
        return bool(self.own.target.config.depth == LINEAR_DEPTH)

    def landmarks(self) -> Tensor:
        """Candidates to compare all others with: all of them, or as many as memory allows."""
        stream = self.own.context.torch_stream("landmarks")
        order = torch.randperm(len(self.images), generator=stream)
        count = landmark_count(len(self.codes), len(self.images), self.codes.shape[1])
        return order[:count].to(self.images.device)


def landmark_count(codes: int, candidates: int, positions: int) -> int:
    """How many landmarks memory and time allow."""
    by_memory = LANDMARK_BYTES // (candidates * positions * torch.float32.itemsize)
    by_time = int(LANDMARK_PRODUCTS / (codes * candidates * positions))
    return min(candidates, max(FEWEST_LANDMARKS, min(by_memory, by_time)))


def rehearsed_count(codes: int, image_bytes: int) -> int:
    """Candidates that a rehearsal takes for victims.

    Args:
        codes: of the task itself.
        image_bytes: of the codes of one image.
    """
    return min(codes, REHEARSED, max(FEWEST_REHEARSED, HELD_BYTES // image_bytes))


@dataclass
class Stages:
    """Seconds and matchings, by stage.

    Args:
        context: progress and device.
        seconds: by stage, rounds of one stage added up.
        matchings: what each stage found, on the CPU.
        rehearsal: of the whole attack, if there was one.
    """

    context: Context
    seconds: dict[str, float] = field(default_factory=dict)
    matchings: dict[str, Tensor] = field(default_factory=dict)
    rehearsal: Rehearsal | None = None

    @classmethod
    def silent(cls, context: Context) -> Stages:
        """Stages that nobody is told about."""
        return cls(replace(context, progress=SilentProgress()))

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
