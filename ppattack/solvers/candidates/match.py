"""Which of many candidate images each ciphertext is of, whatever its key.

Everything is fitted on the candidates themselves: encrypted under own keys and altered, they are
pairs whose answer is known. The same pairs say how much a match can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.data.alterations import DIRECTIONS, altered, brighter, shifted
from ppattack.solvers.candidates.block_likelihood import BlockLikelihood
from ppattack.solvers.candidates.invariants import Invariants
from ppattack.solvers.candidates.likelihood import PairLikelihood
from ppattack.solvers.candidates.trust import BEHIND, Trust, statistics
from ppattack.target.structure import Structure

FITTED = 8000
"""Candidates in the fit, at most."""
COPIES = 2
"""Altered copies of each of them."""
SCALED = 2000
"""Candidates from which the scales of invariants are taken."""
GAINS = (0.8, 0.84, 0.88, 0.91, 0.94, 0.97, 1.03, 1.06, 1.1, 1.14, 1.19, 1.25)
"""Gains that are tried on every candidate."""
PENALTIES = (0.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""What a view costs against the candidate as it is; the best on pairs of known answer is kept."""
REHEARSED = 1000
"""Pairs of known answer on which choices are made, at most."""
TRUSTED = 3000
"""Pairs of known answer from which the trust in a match is learned, at most."""
RERANKED = 100
"""Likeliest candidates whose blocks are compared one by one."""
WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""Weights of the comparison of blocks; the best on pairs of known answer is kept."""
EQUAL = 2e-6
"""Difference of shares below which two histograms are one: half a value of 224 x 224 pixels."""
FIRST = 1e6
"""Added to the score of a candidate whose histogram is that of the ciphertext."""
RANKED = 10
"""Candidates that are reported, the likeliest first."""
QUERIES_AT_ONCE = 256
STEPS = 4
"""Calls of ``step`` beside one for each view."""

Encrypt = Callable[[Tensor], Tensor]
"""Plain images ``(N, C, H, W)`` to ciphertexts under fresh own keys."""


@dataclass(frozen=True)
class View:
    """A guess at how the copy differs: moved by pixels, or brighter."""

    down: int = 0
    right: int = 0
    gain: float = 1.0

    def __call__(self, images: Tensor) -> Tensor:
        """The candidates ``(M, C, H, W)`` with the difference undone."""
        if self.down or self.right:
            images = shifted(images, self.down, self.right)
        return images if self.gain == 1.0 else brighter(images, self.gain)


VIEWS = (View(), *(View(*step) for step in DIRECTIONS), *(View(gain=gain) for gain in GAINS))
"""The candidate as it is comes first."""


@dataclass(frozen=True)
class Ranking:
    """The likeliest candidates.

    Args:
        candidates: ``(N, K)`` int64, the best first.
        scores: ``(N, K)`` float32 log-likelihood ratios.
        views: ``(N, K)`` int64 into the views.
    """

    candidates: Tensor
    scores: Tensor
    views: Tensor


class Matcher:
    """Everything that is fitted before the first ciphertext is looked at.

    Args:
        structure: what the scheme makes public.
        candidates: ``(M, C, H, W)`` uint8 plain images.
        prepare: brings plain images to the form that is transformed.
        encrypt: under fresh own keys, and compressed as the victims' ciphertexts are.
        views: guesses at how copies differ; the first must be that they do not.
        generator: on the CPU.
        step: called after each piece of work.
    """

    def __init__(
        self,
        structure: Structure,
        candidates: Tensor,
        prepare: Callable[[Tensor], Tensor],
        encrypt: Encrypt,
        views: Sequence[View],
        generator: torch.Generator,
        step: Callable[[], None],
    ) -> None:
        self.candidates, self.prepare, self.views = candidates, prepare, tuple(views)
        chosen = torch.randperm(len(candidates), generator=generator)[:FITTED]
        some = candidates[chosen]
        self.invariants = Invariants(structure, prepare(some[:SCALED]), generator)
        of = self.invariants.of
        copies = [prepare(altered(some, "mixed", generator)) for _ in range(COPIES)]
        step()
        own = of(encrypt(some), "ciphertext")
        seen = torch.cat([of(copy, "candidate") for copy in copies])
        self.likelihood = PairLikelihood.fit(own.repeat(COPIES, 1), seen)
        step()
        self.values = []
        for view in self.views:
            self.values.append(
                self.likelihood.candidate(of(prepare(view(candidates)), "candidate"))
            )
            step()
        self.blocks: BlockLikelihood | None = None
        if structure.kind == "blocks" and structure.moves_blocks:
            self.blocks = self._fitted_blocks(prepare(some[:SCALED]), generator)
        self.penalty, self.weight, self.rehearsed = 0.0, 0.0, 0.0
        rows = torch.randperm(len(candidates), generator=generator)[: REHEARSED + TRUSTED]
        rows = rows.to(candidates.device)
        queries = encrypt(altered(candidates[rows], "mixed", generator))
        few = min(REHEARSED, len(rows) // 3)
        self._choose(queries[:few], rows[:few])
        step()
        self._trust = self._fitted_trust(queries[few:], rows[few:], generator)
        step()

    def rank(self, ciphertexts: Tensor, count: int = RANKED) -> Ranking:
        """The likeliest candidates of each of ``(N, C, H', W')`` uint8 ciphertexts."""
        found = self._ranked(self._values(ciphertexts), RERANKED, self.penalty)
        scores = found.scores + FIRST * self._exact(ciphertexts, found)
        if self.blocks is not None and self.weight:
            scores += self.weight * self._compared(self.blocks, ciphertexts, found)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :count]
        return Ranking(
            found.candidates.gather(1, order), scores.gather(1, order), found.views.gather(1, order)
        )

    def _exact(self, ciphertexts: Tensor, found: Ranking) -> Tensor:
        """``(N, K)`` whether a ranked candidate may be an exact copy, 0 or 1."""
        ours = self.invariants.whole(ciphertexts)
        which, place = found.candidates.unique(return_inverse=True)
        theirs = self.invariants.whole(self.prepare(self.candidates[which]))
        parts = [
            (one[:, None] - theirs[rows]).abs().amax(dim=2) < EQUAL
            for one, rows in zip(ours.split(64), place.split(64), strict=True)
        ]
        return torch.cat(parts).float()

    def p_values(self, ciphertexts: Tensor) -> Tensor:
        """``(N,)`` how likely a match as good is if the image is not among the candidates."""
        values = self._values(ciphertexts)
        return self._trust.p_values(self._statistics(values))

    def _values(self, ciphertexts: Tensor) -> Tensor:
        return self.likelihood.ciphertext(self.invariants.of(ciphertexts, "ciphertext"))

    def _statistics(self, values: Tensor, without: Tensor | None = None) -> Tensor:
        found = self._ranked(values, BEHIND + 1, self.penalty, without)
        return statistics(found.scores, values).cpu()

    def _fitted_trust(self, queries: Tensor, rows: Tensor, generator: torch.Generator) -> Trust:
        values = self._values(queries)
        present, absent = self._statistics(values), self._statistics(values, rows)
        return Trust.fit(present, absent, generator)

    def _ranked(
        self, values: Tensor, count: int, penalty: float, without: Tensor | None = None
    ) -> Ranking:
        """Ranked by likelihood alone.

        Args:
            values: ``(N, K)`` canonical values of ciphertexts.
            count: candidates kept.
            penalty: what a view costs.
            without: ``(N,)`` a candidate each that is left out.
        """
        count = min(count, len(self.candidates) - (without is not None))
        parts = []
        for start in range(0, len(values), QUERIES_AT_ONCE):
            part = values[start : start + QUERIES_AT_ONCE]
            best = self.likelihood.scores(part, self.values[0])
            view = torch.zeros_like(best, dtype=torch.int8)
            for number, seen in enumerate(self.values[1:], 1):
                scores = self.likelihood.scores(part, seen) - penalty
                better = scores > best
                best = torch.where(better, scores, best)
                view[better] = number
            if without is not None:
                best.scatter_(1, without[start : start + QUERIES_AT_ONCE, None], -torch.inf)
            top = best.topk(count, dim=1)
            parts.append((top.indices, top.values, view.gather(1, top.indices).long()))
        return Ranking(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _fitted_blocks(self, plain: Tensor, generator: torch.Generator) -> BlockLikelihood:
        """From copies whose blocks are still where they were."""
        described = self.invariants.described
        half = len(plain) // 2
        copies = [
            altered(plain[:half], "jpeg50", generator),
            altered(plain[half:], "resized", generator),
        ]
        return BlockLikelihood.fit(
            described(plain, "ciphertext"), described(torch.cat(copies), "candidate"), generator
        )

    def _compared(self, blocks: BlockLikelihood, ciphertexts: Tensor, found: Ranking) -> Tensor:
        """``(N, K)`` how well the blocks of the ranked candidates fit."""
        described = self.invariants.described
        ours = described(ciphertexts, "ciphertext")
        background = blocks.background_of(ours)
        scores = torch.empty_like(found.scores)
        for number in found.views.unique().tolist():
            rows, columns = (found.views == number).nonzero(as_tuple=True)
            which, place = found.candidates[rows, columns].unique(return_inverse=True)
            seen = self.prepare(self.views[number](self.candidates[which]))
            theirs = described(seen, "candidate")
            scores[rows, columns] = blocks.scores(ours[rows], background[rows], theirs[place])
        return scores

    def _choose(self, queries: Tensor, rows: Tensor) -> None:
        """Settle what views and the comparison of blocks count, on pairs of known answer.

        Args:
            queries: ``(Q, C, H', W')`` ciphertexts of altered candidates.
            rows: ``(Q,)`` which candidates.
        """
        values = self._values(queries)
        plain = self.likelihood.scores(values, self.values[0])
        viewed = plain
        for seen in self.values[1:]:
            viewed = torch.maximum(viewed, self.likelihood.scores(values, seen))
        right = [
            float((torch.maximum(plain, viewed - penalty).argmax(dim=1) == rows).float().mean())
            for penalty in PENALTIES
        ]
        self.penalty = PENALTIES[max(range(len(right)), key=right.__getitem__)]
        self.rehearsed = max(right)
        if self.blocks is None:
            return
        found = self._ranked(values, RERANKED, self.penalty)
        compared = self._compared(self.blocks, queries, found)
        hit = found.candidates == rows[:, None]
        right = [
            float(
                hit.gather(1, (found.scores + w * compared).argmax(dim=1)[:, None]).float().mean()
            )
            for w in WEIGHTS
        ]
        self.weight = WEIGHTS[max(range(len(right)), key=right.__getitem__)]
