"""How many matches are likely to be right, judged without the truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Evidence:
    """How clearly a matching stands out from the other candidates.

    Args:
        best: share of ciphertexts matched with their best candidate.
        mutual: share for which that candidate's best ciphertext is this one too.
        lead: mean lead.
        height: mean height.
    """

    best: float
    mutual: float
    lead: float
    height: float

    @classmethod
    def of(cls, scores: Tensor, matching: Tensor) -> Evidence:
        """The evidence of scores ``(N, M)`` for a matching ``(N,)``."""
        rows = torch.arange(len(scores), device=scores.device)
        own = scores[rows, matching]
        mean = scores.mean(dim=1)
        spread = scores.std(dim=1, correction=0).clamp_min(1e-20)
        top = scores.topk(min(2, scores.shape[1]), dim=1).values
        first = top[:, 0]
        other = torch.where(own >= first, top[:, -1], first)
        best = scores.argmax(dim=1) == matching
        mutual = best & (scores.argmax(dim=0)[matching] == rows)
        return cls(
            best.double().mean().item(),
            mutual.double().mean().item(),
            ((own - other) / spread).double().mean().item(),
            ((own - mean) / spread).double().mean().item(),
        )


@dataclass(frozen=True)
class Rehearsal:
    """What the attack reaches on codes of an own key.

    Args:
        evidence: for the matching it found.
        right: the share of its matches that are right.
    """

    evidence: Evidence
    right: float
