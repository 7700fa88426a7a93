"""Models tried in the order of their cost, each proven on ciphertexts that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ppattack.context import Progress
from ppattack.maps import BlockLinear, Rows, Running
from ppattack.solvers.ciphertext_only import (
    any_matrix,
    block_matrix,
    byte_masks,
    byte_table,
    clipping,
    own_matrices,
    proof,
    transform_signs,
)
from ppattack.solvers.ciphertext_only.case import Case, Found
from ppattack.solvers.ciphertext_only.proof import Proof
from ppattack.solvers.ciphertext_only.statistics import (
    ENERGY_BAR,
    HISTOGRAM_BAR,
    MEASURED,
    Dependence,
    chains,
    dependence,
    uniformity,
)

Model = Literal["masks", "table", "block-matrix", "transform-signs"]
HELD_OUT = 0.1
"""Share of the ciphertexts that proves a model."""
FEWEST_HELD_OUT = 8
SURE = 0.9
"""Likeness of neighbours, relative to public images, from which no other model is tried."""
LEAST_LINEAR = 0.3
"""The least at the weakest border for linear models: they leave blocks in place, so that images
under a matrix that is wrong stay smooth but where blocks meet: 0 there, against 0.6 to 0.7."""
LINEAR = ("block-matrix", "transform-signs")
OWN = "block-matrix of each block's own,"
STRONG_ENERGY = 2.0
"""Correlation energy from which masks are tried before a table, which leaves little of it."""
BELL_BAR = 50.0
"""Chi-square from which linear models are tried: sums of many pixels gather about the middle. It
was above 300 for them at 100 ciphertexts, and 2 for masks at 1,000."""
CLIPPING_PUBLIC = 2000
"""Public images whose moments say what was clipped."""


@dataclass(frozen=True)
class Statistics:
    """What the ciphertexts show before anything is fitted.

    Args:
        dependence: of bytes, after the chain that shows most of it is undone.
        chi_square: of the bytes as they are, per degree of freedom.
        table_chi_square: the largest of all chains undone.
        table_chain: that chain, or None.
    """

    dependence: Dependence
    chi_square: float
    table_chi_square: float
    table_chain: Running | None

    @property
    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "correlation energy": self.dependence.energy,
            "undone": self.dependence.words,
            "chi-square": round(self.chi_square, 2),
            "chi-square undone": round(self.table_chi_square, 2),
        }


@dataclass(frozen=True)
class Outcome:
    """What came of all models.

    Args:
        found: the model that fits, or None.
        proof: of it, or None.
        reasons: why the others were not tried or do not fit, by name.
        too_few: ciphertexts that the cheapest model needs which was not tried for their number;
            0 if none.
    """

    found: Found | None
    proof: Proof | None
    reasons: dict[str, str]
    too_few: int


def measured(rows: Rows, case: Case) -> Statistics:
    """The statistics of ciphertexts, in about a second."""
    depends = dependence(rows, case.cipher_shape)
    plain = uniformity(rows)
    some = rows[:MEASURED]
    undone = [(uniformity(chain.invert(some)), chain) for chain in chains(case.cipher_shape)]
    most, chain = max(undone, key=lambda each: each[0])
    if plain >= min(most, HISTOGRAM_BAR):
        return Statistics(depends, plain, plain, None)
    return Statistics(depends, plain, most, chain)


def solve(case: Case, statistics: Statistics, wanted: list[Model], progress: Progress) -> Outcome:
    """Fit models until one is proven.

    Args:
        case: all ciphertexts; a part is held out.
        statistics: of them.
        wanted: models to try.
        progress: where stages are shown.
    """
    held = max(FEWEST_HELD_OUT, round(HELD_OUT * len(case.rows)))
    fitted = replace(case, rows=case.rows[:-held]) if held < len(case.rows) else case
    reasons: dict[str, str] = {}
    fewest: list[int] = []
    best: tuple[Found, Proof] | None = None
    for name, least, fit in _plan(fitted, statistics, wanted, progress):
        if len(case.rows) < least:
            reasons[name] = f"too few ciphertexts: {len(case.rows)} of about {least}"
            fewest.append(least)
            continue
        too_large = _too_large(name, case.symbols)
        if too_large:
            reasons[name] = too_large
            continue
        progress.log(f"model tried: {name}")
        found = fit()
        shown = _proven(found, case, held)
        linear = name.startswith(LINEAR)
        fits = _fits(shown, linear)
        if fits and linear:
            freer = any_matrix.instead_of(found, fitted)
            if freer is not None and _fits(also := _proven(freer, case, held), linear):
                found, shown = freer, also
        if fits and (linear or shown.alike >= SURE):
            return Outcome(found, shown, reasons, 0)
        reasons[name] = (
            f"does not fit: neighbours in held-out images are {shown.alike:.2f} times as alike "
            f"as in public ones, {shown.weakest:.2f} at the weakest border"
        )
        if fits and (best is None or shown.alike > best[1].alike):
            best = found, shown
    if best is not None:
        return Outcome(*best, reasons, 0)
    return Outcome(None, None, reasons, min(fewest, default=0))


def _fits(shown: Proof, linear: bool) -> bool:
    return shown.holds and (shown.weakest >= LEAST_LINEAR or not linear)


def _proven(found: Found, case: Case, held: int) -> Proof:
    """The proof on the last ``held`` ciphertexts."""
    return proof.prove(decrypted(found, case.rows[-held:], case), case.public[:1000])


def _plan(
    case: Case, statistics: Statistics, wanted: list[Model], progress: Progress
) -> Iterator[tuple[str, int, Callable[[], Found]]]:
    """Models that the statistics allow, in order: name, ciphertexts needed, how to fit."""
    depends = statistics.dependence
    correlated = depends.energy >= ENERGY_BAR
    uneven = statistics.table_chi_square >= HISTOGRAM_BAR
    # Whatever chain shows most: undone, it can raise the correlations of blocks too.
    bell = correlated and statistics.chi_square >= BELL_BAR
    # Signs first: they are orthogonal matrices too, but come out better as what they are.
    if "transform-signs" in wanted and bell:
        for edge in transform_signs.edges_of(case):
            yield (
                f"transform-signs {edge}x{edge}",
                transform_signs.FEWEST,
                lambda edge=edge: transform_signs.recover(case, edge),  # type: ignore[misc]
            )
    if "block-matrix" in wanted and bell:
        yield from _matrices(case)
    table = (
        "table",
        byte_table.FEWEST,
        lambda: byte_table.recover(case, statistics.table_chain, progress),
    )
    if "table" in wanted and uneven and depends.energy < STRONG_ENERGY:
        yield table
    if "masks" in wanted and correlated:
        in_place = byte_masks.stays(depends.undone(case.rows), case, depends.mask)
        least = byte_masks.FEWEST_IN_PLACE if in_place else byte_masks.FEWEST
        yield "masks", least, lambda: byte_masks.recover(case, depends, progress)
    if "table" in wanted and uneven and depends.energy >= STRONG_ENERGY:
        yield table


def _matrices(case: Case) -> Iterator[tuple[str, int, Callable[[], Found]]]:
    """One matrix for all blocks of each size, then their own, for a size that none stretched.

    In this order: matrices of their own have so much freedom that they half explain a common one
    of larger blocks.
    """
    for edge in block_matrix.edges(case.shape):
        yield (
            f"block-matrix {edge}x{edge}",
            block_matrix.FEWEST,
            lambda edge=edge: block_matrix.recover(case, edge),  # type: ignore[misc]
        )
    for edge in own_matrices.edges_of(case):
        yield (
            f"{OWN} {edge}x{edge}",
            own_matrices.FEWEST,
            lambda edge=edge: own_matrices.recover(case, edge),  # type: ignore[misc]
        )


def _too_large(name: str, symbols: int) -> str:
    """Why images have too many bytes for a model; empty if they do not."""
    most = byte_masks.MOST_SYMBOLS
    if symbols <= most or (name.startswith("block-matrix") and not name.startswith(OWN)):
        return ""
    gigabytes = 6 * 4 * symbols**2 / 2**30
    return (
        f"images of {symbols:,} bytes are too large to be matched (at most {most:,}; it would "
        f"take about {gigabytes:.0f} GiB)"
    )


def decrypted(found: Found, rows: Rows, case: Case) -> Tensor:
    """Images ``(N, C, H, W)`` uint8 of ciphertexts ``(N, S)``; clipped values are estimated."""
    step = found.map.steps[-1] if found.map.steps else None
    if isinstance(step, BlockLinear) and len(found.map.steps) == 1:
        made = clipping.decrypted(rows, step, case.public_rows()[:CLIPPING_PUBLIC])
        return torch.from_numpy(made).reshape(-1, *case.shape)
    return found.map.invert(torch.from_numpy(rows).reshape(-1, *case.cipher_shape))
