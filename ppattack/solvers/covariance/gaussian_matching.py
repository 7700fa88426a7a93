"""A signed matching of two correlation matrices, improved until nothing makes it likelier.

Under a Gaussian model twice the negative log-likelihood of ciphertexts is, up to constants, the
sum of the products of their correlations with the precisions (the inverse correlations) of plain
images at the matched places. Precisions weigh fine detail in full, so this tells neighbours apart
that look the same to any comparison of the correlations themselves, and it reveals which symbols
are in impossible places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ppattack.solvers.covariance.exchanges import WORTH, exchanges, flips
from ppattack.solvers.covariance.signed_matching import Places, Single, assign_blocks
from ppattack.solvers.matching.products import BY_NUMPY, Products

RIDGE = 0.01
"""Weight of the identity in the plain correlations before they are inverted."""
MOST_ROUNDS = 40
"""Rounds of exchanges, at most."""
MOST_REFILLS = 8
"""How often symbols that fit badly are taken out, at most."""
STRANGE = 2.0
"""Misfit of a symbol that is not where it belongs, relative to the average of all, or to 1 if that
is smaller; if all are in place, the average is at most 1."""
COMPANIONS = 16
"""Places emptied with that of each strange symbol if emptying that alone does not help; twice as
many if these do not help either."""
WORST = 8
"""How many of the worst-fitting symbols count as strange if nothing else helps: whole rows moved by
one place fit well everywhere except at their ends."""
HOPELESS = 10.0
"""Average misfit above which nothing is reliable enough to build on."""
MOST_EFFORT = 2
"""The greatest effort to find changes: see :meth:`_State.strange`."""
MOST_EMPTIED = 0.3
"""Share of the places that are emptied at most: the others must be trusted."""
FORBIDDEN = -1e3


@dataclass(frozen=True)
class Improvement:
    """What to change in a matching.

    Args:
        order: ``(S,)``: place i gets the symbol that was at place ``order[i]``.
        signs: ``(S,)`` of -1 and 1, by which the symbol now at place i is to be multiplied.
        misfit: see :func:`misfit`, after the change.
    """

    order: Places
    signs: NDArray[np.int8]
    misfit: float


def likeliest(
    seen: Single,
    plain: Single,
    permutation: Places,
    signs: NDArray[np.int8],
    symmetries: Sequence[Places] = (),
    block: int | None = None,
    products: Products = BY_NUMPY,
) -> tuple[Places, NDArray[np.int8], float]:
    """A matching improved until nothing makes it likelier.

    Args:
        seen: ``(S, S)`` correlations of the cipher symbols.
        plain: ``(S, S)`` correlations of the plain symbols.
        permutation: ``(S,)``: the plain symbol of each cipher symbol, mostly right.
        signs: ``(S,)`` of -1 and 1.
        symmetries: permutations of the plain symbols that hardly change their correlations; the
            likeliest is tried as well.
        block: how many successive symbols stay together, on both sides.
        products: computes products and inverses.

    Returns:
        the permutation, the signs, and :func:`misfit` per symbol: about 1 if all is right.
    """
    weights = precision(plain, products)
    symbols = np.argsort(permutation)
    signs = signs[symbols]
    placed = _placed(seen, symbols, signs)
    found = improve(placed, weights, block, products)
    symbols, signs = symbols[found.order], signs[found.order] * found.signs
    if symmetries:
        placed = _placed(seen, symbols, signs)
        turn = min(symmetries, key=lambda moved: misfit(placed[np.ix_(moved, moved)], weights))
        other = improve(placed[np.ix_(turn, turn)], weights, block, products)
        if other.misfit < found.misfit:
            order = turn[other.order]
            symbols, signs, found = symbols[order], signs[order] * other.signs, other
    return np.argsort(symbols), signs[np.argsort(symbols)], found.misfit / len(symbols)


def _placed(seen: Single, symbols: Places, signs: NDArray[np.int8]) -> Single:
    """Correlations of the symbols at each place, signed."""
    placed = seen[np.ix_(symbols, symbols)]
    placed *= signs[:, None]
    placed *= signs
    return placed


def precision(plain: Single, products: Products = BY_NUMPY) -> Single:
    """The inverse of ``(S, S)`` correlations, kept from being singular."""
    regular = (1 - RIDGE) * plain
    regular[np.diag_indices_from(regular)] = 1
    return products.inverse_of_positive(regular)


def misfit(seen: Single, weights: Single) -> float:
    """Twice the negative log-likelihood per sample, up to a constant: smaller is likelier.

    Args:
        seen: ``(S, S)`` correlations of the symbols believed to be at each place.
        weights: from :func:`precision`.
    """
    return float(np.vdot(seen, weights))


def improve(
    seen: Single, weights: Single, block: int | None = None, products: Products = BY_NUMPY
) -> Improvement:
    """Change places and signs as long as that makes the matching likelier.

    Symbols of two places are exchanged and single signs changed, each step being the best
    available. When no step gains, symbols that fit badly are taken out together and put where the
    remaining symbols expect them; if that does not help, more symbols are taken out. The result
    need not be the likeliest of all.

    Args:
        seen: ``(S, S)`` correlations of the symbols believed to be at each place, signed as
            believed, with a diagonal of ones.
        weights: from :func:`precision`.
        block: how many successive places make up a block, whose symbols stay together; None if
            there are no blocks.
        products: computes products.
    """
    state = _State(seen.copy(), weights, products.product(seen, weights), block, products)
    state.settle()
    effort = 0
    for _ in range(MOST_REFILLS):
        if effort > MOST_EFFORT or state.misfit > HOPELESS * len(seen):
            break
        emptied = state.strange(effort)
        if not len(emptied):
            effort += 1
            continue
        other = state.refilled(emptied, whole_blocks=effort > 0)
        other.settle()
        better = other.misfit < state.misfit - WORTH
        state, effort = (other, 0) if better else (state, effort + 1)
    return Improvement(state.order, state.signs.astype(np.int8), state.misfit)


class _State:
    """A matching being improved.

    Args:
        seen: correlations of the symbols now at each place, signed; overwritten.
        weights: the model's.
        product: ``seen @ weights``; overwritten.
        block: places in a block, or None.
        products: computes products.
        order: all changes so far, as in :class:`Improvement`.
        signs: likewise.
    """

    def __init__(
        self,
        seen: Single,
        weights: Single,
        product: Single,
        block: int | None,
        products: Products,
        order: Places | None = None,
        signs: Single | None = None,
    ) -> None:
        size = len(seen)
        self.seen, self.weights, self.product, self.block = seen, weights, product, block
        self.products = products
        self.groups = None if block is None else np.arange(size) // block
        self.order = np.arange(size) if order is None else order
        self.signs = np.ones(size, np.float32) if signs is None else signs

    @property
    def misfit(self) -> float:
        return float(np.trace(self.product, dtype=np.float64))

    def rearrange(self, order: Places, signs: Single) -> None:
        """Give place i the symbol of place ``order[i]``, times ``signs[i]``."""
        changed = np.flatnonzero((order != np.arange(len(order))) | (signs < 0))
        source, by = order[changed], signs[changed]
        moved = self.seen[:, source] * by
        self.product += self.products.product(moved - self.seen[:, changed], self.weights[changed])
        self.product[changed] = self.product[source] * by[:, None]
        self.seen[:, changed] = moved
        self.seen[changed] = self.seen[source] * by[:, None]
        self.order, self.signs = self.order[order], self.signs[order] * signs

    def settle(self) -> None:
        """Exchange symbols and change signs until nothing gains."""
        for _ in range(MOST_ROUNDS):
            order, signs = np.arange(len(self.seen)), np.ones(len(self.seen), np.float32)
            pairs = exchanges(self.seen, self.weights, self.product, self.block)
            for first, second in pairs:
                order[first], order[second] = second, first
            if not pairs:
                signs[flips(self.seen, self.weights, self.product)] = -1
                if (signs > 0).all():
                    return
            self.rearrange(order, signs)

    def strange(self, effort: int) -> Places:
        """Places whose symbols fit badly.

        Args:
            effort: 0 for those alone; 1 adds their blocks, or what is near; 2 adds more of that,
                and those that fit worst, however well they fit.
        """
        own, most = self.product.diagonal(), int(MOST_EMPTIED * len(self.seen))
        found = np.flatnonzero(own > STRANGE * min(float(own.mean()), 1.0))
        if effort == MOST_EFFORT:
            found = np.union1d(found, np.argsort(-own)[:WORST])
        if effort and self.groups is not None:
            found = np.flatnonzero(np.isin(self.groups, self.groups[found]))
        elif effort and len(found) <= most:
            near = np.argsort(-np.abs(self.weights[found]), axis=1)[:, : effort * COMPANIONS + 1]
            found = _first_seen(near.T.reshape(-1))[:most]
        return np.sort(found) if len(found) <= most else found[:0]

    def refilled(self, emptied: Places, *, whole_blocks: bool) -> _State:
        """The matching after symbols of some places were moved to where all others expect them."""
        kept = np.setdiff1d(np.arange(len(self.seen)), emptied)
        inner, outer = self.weights[np.ix_(emptied, emptied)], self.weights[np.ix_(emptied, kept)]
        expected = -np.linalg.solve(inner, outer).T
        explained = self.products.product(self.seen[:, kept], expected)
        spread = np.sqrt((expected * explained[kept]).sum(0))
        likeness = explained[emptied] / np.maximum(spread, 1e-6)
        scores = -np.log(np.maximum(1 - likeness**2, 1e-6))
        if self.block is not None and whole_blocks:
            places = assign_blocks(scores, self.block)
        else:
            if self.groups is not None:
                groups = self.groups[emptied]
                scores[groups[:, None] != groups] = FORBIDDEN
            places = linear_sum_assignment(scores, maximize=True)[1]
        order, signs = np.arange(len(self.seen)), np.ones(len(self.seen), np.float32)
        order[emptied[places]] = emptied
        fits = likeness[np.arange(len(places)), places]
        signs[emptied[places]] = np.where(fits < 0, -1, 1)
        state = _State(
            self.seen.copy(),
            self.weights,
            self.product.copy(),
            self.block,
            self.products,
            self.order,
            self.signs,
        )
        state.rearrange(order, signs)
        return state


def _first_seen(values: Places) -> Places:
    """The distinct values in the order in which they first occur."""
    _, first = np.unique(values, return_index=True)
    return values[np.sort(first)]
