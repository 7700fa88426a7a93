"""Secret linear maps of blocks, with rounding: matrices by regression, signs of a transform."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ppattack.maps import BlockLinear, Rows
from ppattack.seeding import numpy_stream
from ppattack.solvers.any_cipher.cuts import cuts, transforms
from ppattack.solvers.any_cipher.fit import Fit, Numbers, Pairs
from ppattack.solvers.any_cipher.signatures import BELIEVED
from ppattack.solvers.linear.least_squares import Procrustes, Ridge

Values = NDArray[np.float64]
EDGES = (1, 2, 4, 8, 16)
"""Edges of blocks that are tried, pixels."""
TRANSFORM_EDGES = (8, 4, 16, 32, 64)
"""Edges of the blocks of a transform; those above 16 are for transforms of a whole small image."""
MIDDLE = 127.5
MOST_FACTORS = 1 << 25
"""Numbers in the matrices of all blocks at most, if each has signs of its own: 256 MiB."""
HELD_OUT = 0.2
"""Share of the blocks, or of the pairs, that only choose and prove a model."""
PROVES = 0.8
"""Share of the variance of held-out plain values that is explained if the model holds: with the
right one .95 and more; of other ciphers .3 at most (one secret table for every byte)."""
PARTLY = 0.5
"""Above it there are too few pairs for a model that holds."""
ROUNDING = 1 / 12
"""Variance of rounding, squared levels."""
CLIPPED_LEFT = 2
"""Blocks per value that must be left if those with clipped values are left out."""


@dataclass(frozen=True)
class Candidate:
    """A way to cut images into blocks and to find their matrices.

    Args:
        numbers: ``(n, k)`` the bytes of each block.
        shared: whether one matrix serves all blocks.
        basis: ``(k, k)`` orthonormal rows of a transform whose coefficients only change sign or
            size; None for a general matrix.
        orthogonal: whether the matrix turns and scales only.
        words: the model in words.
        centred: of an orthogonal one, whether it turns about mid-grey, as most do: the mean of the
            data then tells of the matrix too.
    """

    numbers: Numbers
    shared: bool
    basis: Values | None
    orthogonal: bool
    words: str
    centred: bool = False

    def least(self, pairs: int) -> float:
        """Samples per unknown, from which it is worth a try."""
        samples = pairs * (len(self.numbers) if self.shared else 1)
        if self.basis is not None:
            return float(samples)
        unknowns: int = self.numbers.shape[1]
        return samples / (unknowns * (0.7 if self.orthogonal else 1.2) + 1)


def linear(pairs: Pairs) -> Fit | None:
    """The linear map of blocks that explains held-out values best; None if none explains them.

    Args:
        pairs: one for an orthogonal matrix of all blocks, more for a general one or for a matrix
            of every block.
    """
    best: tuple[float, Candidate | None] = (PARTLY, None)
    for candidate in _candidates(pairs):
        if candidate.least(pairs.count) < 1:
            continue
        share, freedom = _explained(candidate, pairs)
        if share > best[0] + 0.002 and _shows(share, freedom):
            best = share, candidate
        if best[0] > SURE:
            break
    share, chosen = best
    if chosen is None:
        return None
    step = _fitted(chosen, pairs.plain, pairs.cipher)
    proof = f"{share:.1%} of the variance of held-out values is explained"
    needed = 0 if share >= PROVES else 4 * pairs.count
    return Fit(chosen.words, (step,), certain=share, proof=proof, needed=needed, exact=False)


SURE = 0.995
"""Above it no other model is tried."""


def _candidates(pairs: Pairs) -> Iterator[Candidate]:
    if pairs.plain_shape != pairs.cipher_shape:
        return
    for orthogonal, centred in ((True, True), (True, False), (False, False)):
        for numbers, words in cuts(pairs.plain_shape, EDGES):
            name = f"one {'orthogonal ' if orthogonal else ''}matrix for {words}"
            yield Candidate(numbers, True, None, orthogonal, name, centred)
    for numbers, words in cuts(pairs.plain_shape, TRANSFORM_EDGES):
        edge = round(numbers.shape[1] ** 0.5)
        if edge * edge == numbers.shape[1] and numbers.size * numbers.shape[1] <= MOST_FACTORS:
            for name, basis in transforms(edge):
                for shared in (False, True):
                    for_ = "the same for" if shared else "of"
                    yield Candidate(
                        numbers, shared, basis, False, f"signs of the {name} {for_} {words}"
                    )
    for numbers, words in cuts(pairs.plain_shape, EDGES):
        yield Candidate(numbers, False, None, False, f"a matrix for every one of {words}")


def _shows(share: float, freedom: float) -> bool:
    """Whether random ciphertexts explain so much of the variance hardly ever.

    What a matrix makes of random bytes has a direction at random. That it comes as near to the
    plain values as the share says has at most the probability ``(1 - share)^((d - 1) / 2)`` in d
    dimensions.
    """
    return freedom > 1 and (1 - share) ** ((freedom - 1) / 2) <= math.exp(-BELIEVED)


def _explained(candidate: Candidate, pairs: Pairs) -> tuple[float, float]:
    """The share of the variance of held-out plain values that the fitted inverse explains.

    Variance is about what the other plain values alone suggest: their mean, for a matrix of every
    block that in its place. Known images may be alike, and then a mean is right about them too.

    Returns:
        the share; and the degrees of freedom of what the inverse would make of random ciphertexts,
        which are few if one direction takes nearly all of it.
    """
    rng = numpy_stream(0, "held out")
    if not candidate.shared and candidate.basis is not None and pairs.count == 1:
        return _agreement(candidate, candidate.basis, pairs), float(candidate.numbers.size)
    if candidate.shared:
        rows = len(candidate.numbers)
        held = rng.random(rows) < HELD_OUT if rows > 1 else np.zeros(1, np.bool_)
        if not held.any() or held.all():
            return 0.0, 0.0
        train, test = candidate.numbers[~held], candidate.numbers[held]
        step = _fitted(candidate, pairs.plain, pairs.cipher, train)
        numbers, guess = test, pairs.plain[:, train].mean((0, 1))
    else:
        count = max(1, round(HELD_OUT * pairs.count))
        if pairs.count - count < 1:
            return 0.0, 0.0
        step = _fitted(candidate, pairs.plain[count:], pairs.cipher[count:])
        guess = pairs.plain[count:, candidate.numbers].mean(0)
        pairs, numbers = pairs.first(count), candidate.numbers
    made = BlockLinear(numbers, step.matrix, step.offset, step.inverse, step.inverse_offset).invert(
        pairs.cipher
    )
    share = _share(made[:, numbers], pairs.plain[:, numbers], guess)
    each = pairs.count * (len(numbers) if candidate.shared else 1)
    return share, each * _freedom(step.inverse) if share > PARTLY else 0.0


def _freedom(matrices: NDArray[np.float32]) -> float:
    """Dimensions of what ``(n, k, k)`` matrices make of white noise: n k if they only turn."""
    sizes = np.square(np.linalg.svd(matrices.astype(float), compute_uv=False))
    return float(sizes.sum() / sizes.max()) if sizes.any() else 0.0


def _share(made: Rows, plain: Rows, guess: Values) -> float:
    off = np.square(made.astype(float) - plain).mean()
    total = min(plain.astype(float).var(), np.square(plain - guess).mean())
    return float(1 - off / total) if total else 0.0


def _agreement(candidate: Candidate, basis: Values, pairs: Pairs) -> float:
    """From a single pair: how well the sizes of coefficients are kept, as a share of variance."""
    ours, theirs = (
        np.abs((side[0, candidate.numbers] - MIDDLE) @ basis.T)
        for side in (pairs.cipher, pairs.plain)
    )
    off = np.square(ours - theirs).mean()
    return float(1 - off / np.square(theirs).mean() * SIGNLESS)


SIGNLESS = 3.0
"""Sizes of unrelated coefficients differ by a third of what the coefficients themselves do."""


def _fitted(
    candidate: Candidate, plain: Rows, cipher: Rows, numbers: Numbers | None = None
) -> BlockLinear:
    """The matrices of a candidate, from some of its blocks."""
    numbers = candidate.numbers if numbers is None else numbers
    x, y = (side[:, numbers].astype(np.float64) - MIDDLE for side in (plain, cipher))
    if candidate.shared:
        x, y = (side.reshape(1, -1, side.shape[2]) for side in (x, y))  # (1, M, k)
    else:
        x, y = (side.swapaxes(0, 1) for side in (x, y))  # (n, N, k)
    if candidate.basis is not None:
        forth, back, forth_offset, back_offset = _signs(x, y, candidate.basis)
    elif candidate.orthogonal:
        forth, back, forth_offset, back_offset = _turned(x, y, centred=candidate.centred)
    else:
        # What leads back is right on average for clipped values too; what leads forth need not be.
        forth, forth_offset = _regressed(*_unclipped(x, y))
        back, back_offset = _regressed(y, x)
    return BlockLinear(
        candidate.numbers,
        forth.astype(np.float32),
        (forth_offset + MIDDLE - forth.sum(2) * MIDDLE).astype(np.float32),
        back.astype(np.float32),
        (back_offset + MIDDLE - back.sum(2) * MIDDLE).astype(np.float32),
    )


def _unclipped(x: Values, y: Values) -> tuple[Values, Values]:
    """Leave out samples with clipped values, where one matrix has enough others."""
    if len(x) > 1:
        return x, y
    whole = (np.abs(y[0]) < MIDDLE).all(1)
    if whole.sum() < CLIPPED_LEFT * x.shape[2]:
        return x, y
    return x[:, whole], y[:, whole]


def _regressed(given: Values, wanted: Values) -> tuple[Values, Values]:
    """``(n, k, k)`` and ``(n, k)``: least squares, with the noise of rounding on what is given."""
    products, rows = torch.from_numpy(given), torch.from_numpy(wanted)
    found = Ridge(rows, products, torch.ones_like(rows[..., :1])).with_noise(ROUNDING)
    return found.matrices.numpy(), found.offsets[:, 0].numpy()


def _turned(x: Values, y: Values, *, centred: bool) -> tuple[Values, Values, Values, Values]:
    """The orthogonal matrix and the scale that lead from x to y, and back (Procrustes)."""
    means = x.mean(1, keepdims=True), y.mean(1, keepdims=True)
    if centred:
        means = np.zeros_like(means[0]), np.zeros_like(means[1])
    fit = Procrustes(torch.from_numpy(x - means[0]), torch.from_numpy(y - means[1]))
    forth, back = fit.forth.numpy(), fit.back(ROUNDING).numpy()
    centre, image = means[0][:, 0], means[1][:, 0]
    return (
        forth,
        back,
        image - np.einsum("nij,nj->ni", forth, centre),
        centre - np.einsum("nij,nj->ni", back, image),
    )


def _signs(x: Values, y: Values, basis: Values) -> tuple[Values, Values, Values, Values]:
    """Matrices that flip the signs of coefficients, from the signs of their products."""
    a, b = x @ basis.T, y @ basis.T
    signs = np.where((a * b).sum(1) < 0, -1.0, 1.0)  # (n, k)
    matrix = np.einsum("ki,nk,kj->nij", basis, signs, basis, optimize=True)
    nothing = np.zeros(signs.shape)
    return matrix, matrix, nothing, nothing
