"""The likeliest candidates of each ciphertext, found shard by shard: no table of all pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ppattack.solvers.sums import Sent


@dataclass(frozen=True)
class Scores(Sent):
    """The likeliest candidates of N ciphertexts, the best first, and under which view they are.

    Args:
        values: ``(N, T)`` float32, descending; infinitely low where there is none.
        candidates: ``(N, T)`` int64.
        views: ``(N, T)`` int8.
        seen: candidates among which these are the likeliest.
        kept: how many are kept, if there are as many.
    """

    values: Tensor
    candidates: Tensor
    views: Tensor
    seen: int = 0
    kept: int = 1

    @classmethod
    def of_all(cls, values: Tensor, kept: int, view: int = 0) -> Scores:
        """From ``(N, M)`` scores of candidates 0 to M - 1; so many are kept."""
        top = values.topk(min(kept, values.shape[1]), dim=1)
        views = torch.full_like(top.indices, view, dtype=torch.int8)
        return cls(top.values, top.indices, views, values.shape[1], kept)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Tensor | slice) -> Scores:
        return self._of([each[rows] for each in self._columns])

    def best(self) -> tuple[Tensor, Tensor]:
        """``(N,)`` the likeliest candidates and their views."""
        return self.candidates[:, 0], self.views[:, 0].long()

    def top(self, count: int) -> Tensor:
        """``(N, T)`` the likeliest candidates, T at most ``count``."""
        return self.candidates[:, :count]

    def merge(self, other: Scores) -> Scores:
        """With the candidates of another shard, which come after these; as many are kept."""
        later = replace(other, candidates=other.candidates + self.seen)
        return replace(self.beside(later)._first(self.kept), seen=self.seen + other.seen)

    def beside(self, other: Scores) -> Scores:
        """With other candidates, all of them."""
        pairs = zip(self._columns, other._columns, strict=True)
        return self._of([torch.cat(pair, dim=1) for pair in pairs]).sorted()

    def raised(self, other: Scores) -> Scores:
        """With other scores of the same candidates where these are higher; as many are kept."""
        both = self.beside(other)
        order = both.candidates.argsort(dim=1, stable=True)  # equal candidates: the higher first
        candidates = both.candidates.gather(1, order)
        again = torch.zeros_like(candidates, dtype=torch.bool)
        again[:, 1:] = candidates[:, 1:] == candidates[:, :-1]
        lost = torch.zeros_like(again).scatter_(1, order, again)
        return both.without(lost)._first(min(self.kept, self.seen))

    def among(self, rows: Tensor) -> Scores:
        """The same if the candidates are those of ``(R,)``."""
        return replace(self, candidates=rows[self.candidates])

    def replaced(self, rows: Tensor, other: Scores) -> Scores:
        """The same with other scores of some ciphertexts ``(R,)``."""
        pairs = zip(self._columns, other._columns, strict=True)
        return self._of([ours.index_copy(0, rows, theirs) for ours, theirs in pairs])

    def without(self, lost: Tensor) -> Scores:
        """The same with some ``(N, T)`` bool left out."""
        return replace(self, values=self.values.masked_fill(lost, -torch.inf)).sorted()

    def sorted(self) -> Scores:
        """The same, the best first again."""
        order = self.values.argsort(dim=1, descending=True, stable=True)
        return self._of([each.gather(1, order) for each in self._columns])

    @property
    def _columns(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.values, self.candidates, self.views

    def _first(self, count: int) -> Scores:
        return self._of([each[:, :count] for each in self._columns])

    def _of(self, columns: list[Tensor]) -> Scores:
        values, candidates, views = columns
        return replace(self, values=values, candidates=candidates, views=views)


def single(values: Tensor, candidates: Tensor, view: int) -> Scores:
    """Scores of one candidate for each of N ciphertexts, ``(N,)``."""
    views = torch.full_like(candidates, view, dtype=torch.int8)
    return Scores(values[:, None], candidates[:, None], views[:, None])


def joined(parts: list[Scores]) -> Scores:
    """The scores of all parts of the ciphertexts."""
    columns = zip(*(part._columns for part in parts), strict=True)
    return parts[0]._of([torch.cat(each) for each in columns])
