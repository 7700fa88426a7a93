"""Candidates compared with ciphertexts, shard by shard, by whoever is given the shard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from torch import Tensor

from ppattack.data.stacks import chunks
from ppattack.solvers.candidates.gallery import Images
from ppattack.solvers.candidates.invariants import Invariants, Side
from ppattack.solvers.candidates.likeliest import Scores, joined
from ppattack.solvers.candidates.likelihood import PairLikelihood
from ppattack.solvers.candidates.views import View
from ppattack.solvers.sums import Sent

AT_ONCE = 1024
"""Ciphertexts scored at a time."""


@dataclass(frozen=True)
class Comparison(Sent):
    """Scores candidates under a view for N ciphertexts, wherever it is computed.

    Args:
        invariants: what is compared.
        likelihood: how.
        prepare: a candidate to the form that is transformed.
        side: of the candidates.
        view: what is done to them first.
        number: the view's.
        values: ``(N, K)`` canonical values of the ciphertexts.
        kept: likeliest candidates of each that are kept.
    """

    invariants: Invariants
    likelihood: PairLikelihood
    prepare: Images
    side: Side
    view: View
    number: int
    values: Tensor
    kept: int

    def __call__(self, images: Tensor) -> Scores:
        """The likeliest of ``(M, C, H, W)`` candidates."""
        found = [self._of_shard(shard) for shard in chunks(images)]
        return reduce(lambda first, later: first.merge(later), found)

    def _of_shard(self, images: Tensor) -> Scores:
        seen = self.invariants.of(self.prepare(self.view(images)), self.side)
        theirs = self.likelihood.candidate(seen)
        parts = [
            Scores.of_all(self.likelihood.scores(ours, theirs), self.kept, self.number)
            for ours in self.values.split(AT_ONCE)
        ]
        return joined(parts)
