"""Which byte of an image each byte of a ciphertext is, by the correlations of all of them.

The eigenvectors of both correlation matrices span nearly the same spaces. The map between them is
refined from few dimensions to many, as in :mod:`ppattack.solvers.covariance.signed_matching`, but
from a one-to-one matching in every step: if each symbol just takes its nearest place, whole regions
stay moved by a pixel, with places taken twice at one end and left empty at the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.maps import Rows
from ppattack.solvers.ciphertext_only.case import Places, Single
from ppattack.solvers.ciphertext_only.statistics import Mask, character
from ppattack.solvers.covariance import signed_matching
from ppattack.solvers.covariance.signed_matching import Spectra
from ppattack.solvers.matching.products import BY_NUMPY, Products

Signs = NDArray[np.int8]
Waves = NDArray[np.float32] | NDArray[np.complex64]
RANKS = (
    20, 22, 24, 27, 30, 34, 38, 42, 46, 50, 56, 62, 70, 80, 90, 100, 120, 150, 180, 220, 260, 300,
)  # fmt: skip
"""Eigenvectors in the steps of refinement. Slow steps move regions that were a pixel off; in fast
ones, or from 50 eigenvectors on, they stay where they are."""
EVEN, FAITHFUL = 0.25, 0.5
"""Powers of eigenvalues by which eigenvectors are scaled. By the lower one small eigenvectors,
which tell neighbours apart, count more: better for rough correlations, worse for good ones."""
POWER_STEPS = 60
"""Power iterations towards the leading eigenvector, far above all others."""


def correlations(rows: Rows, mask: Mask) -> Single:
    """Correlations ``(S, S)`` of symbols under masks, positive between neighbours under ``add``.

    Under ``xor`` the masks' signs are left in them. Under ``add`` phases are taken relative to
    those of the leading eigenvector, which has the masks' phases too, so nothing is left of them.

    Args:
        rows: ``(N, S)`` uint8.
        mask: the kind of mask.
    """
    waves = character(rows, mask)
    if mask == "add":
        waves = waves * _leading_phase(waves)
    real = np.ascontiguousarray(waves.real)
    found = real.T @ real
    if mask == "add":
        imaginary = np.ascontiguousarray(waves.imag)
        found += imaginary.T @ imaginary
    out: Single = (found / len(waves)).astype(np.float32)
    return out


def byte_correlations(rows: Rows) -> Single:
    """Correlations ``(S, S)`` of whole bytes, ``(N, S)`` uint8."""
    values = rows.astype(np.float32)
    values -= values.mean(0)
    values /= np.maximum(values.std(0), 1e-6)
    found: Single = values.T @ values / np.float32(len(values))
    return found


def _leading_phase(waves: Waves) -> NDArray[np.complex64]:
    """The phases of the leading eigenvector of the correlations, ``(S,)``, by power iteration."""
    count = int(waves.shape[1])
    vector = np.random.default_rng(0).standard_normal((count, 1)).astype(np.complex64)
    for _ in range(POWER_STEPS):
        vector = np.asarray(waves.conj().T @ (waves @ vector), np.complex64)
        vector = vector / np.float32(max(float(np.linalg.norm(vector)), 1e-12))
    phase = vector[:, 0] / np.maximum(np.abs(vector[:, 0]), 1e-12)
    return np.asarray(phase, np.complex64)


def match(
    cipher: Single,
    plain: Single,
    turns: list[Places],
    products: Products = BY_NUMPY,
) -> tuple[Places, Signs]:
    """The place of each cipher symbol from correlations alone, up to turns and mirror images.

    Args:
        cipher: ``(S, S)`` correlations of the ciphertexts' symbols, up to signs.
        plain: ``(S, S)`` correlations of plain symbols.
        turns: permutations that turning and mirroring images makes.
        products: computes products.

    Returns:
        ``(S,)`` places, and ``(S,)`` signs of -1 and 1, up to one for all.
    """
    start = signed_matching.match(cipher, plain, turns, None, products)
    places, signs = start.permutation, start.signs
    return refined(cipher, plain, places, signs, EVEN, products), signs


def refined(
    cipher: Single,
    plain: Single,
    places: Places,
    signs: Signs,
    power: float = FAITHFUL,
    products: Products = BY_NUMPY,
) -> Places:
    """Places ``(S,)`` improved, one to one.

    Args:
        cipher: as for :func:`match`.
        plain: likewise.
        places: ``(S,)`` to start from.
        signs: ``(S,)`` of -1 and 1, of the cipher's symbols.
        power: of the eigenvalues by which eigenvectors are scaled.
        products: computes products.
    """
    most = min(RANKS[-1], len(plain) - 1)
    values, vectors = signed_matching.leading(cipher * signs[:, None] * signs, most, products)
    _, basis = signed_matching.leading(plain, most, products)
    most = min(vectors.shape[1], basis.shape[1])
    spectra = Spectra(vectors[:, :most], basis[:, :most], values[:most] ** power, products)
    for rank in RANKS:
        turned = spectra.map(places, min(rank, most))
        places = signed_matching.assign(spectra.scores(turned))
    return places
