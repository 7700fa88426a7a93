"""Which bytes of a block belong to one pixel, by aligning the eigenvectors of two covariances.

Cipher bytes and plain places are points whose inner products are the covariances. Random rotations
of one cloud onto the other are refined by nearest neighbours in ever more dimensions. The
arrangement is rough, but it tells the channels apart, and the bytes of one pixel are those of
different channels that correlate most.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack.solvers.shared_blocks.assignment import nearly_least
from ppattack.solvers.shared_blocks.models import Places, stationary
from ppattack.solvers.shared_blocks.pixels import Cipher, rotation
from ppattack.solvers.shared_blocks.statistics import Single, Spectrum

FIRST = 3
"""Dimensions of the random rotations."""
CHEAP = (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 20)
"""Dimensions refined by nearest neighbours, in this order."""
COSTLY = (25, 30, 40, 50)
"""Dimensions refined by assignments."""
OWN = (16, *CHEAP[-1:], *COSTLY)
"""Likewise under the image's own model."""
OWN_PUBLIC = 0.3
"""Weight of public images in that model."""
STARTS = 8
"""Random rotations for each model."""
KEPT = 3
"""Arrangements that are refined by assignments."""
MOST_POINTS = 256
"""Cipher bytes, drawn at random, whose places refine a rotation."""
ALIKE = 0.95
"""Share of bytes that must be each other's nearest in threes for a photograph to be called grey."""


def grouping(cipher: Cipher, rng: np.random.Generator) -> Places:
    """``(C, P)``: the bytes of each channel of each pixel, as far as they are found.

    Args:
        cipher: what is known of the bytes.
        rng: draws rotations.
    """
    geometry = cipher.geometry
    if geometry.channels == 1:
        return np.arange(geometry.size)[None]
    if geometry.channels == FIRST and (grey := _in_threes(cipher.seen)) is not None:
        return grey
    rough = []
    for model in cipher.models:
        at = assigned(cipher.own, model, _climbed(cipher, model, rng), ())
        rough.append((*cipher.misfit.best(cipher.seen, at), model))
    rough.sort(key=lambda each: each[1])
    found = []
    for at, _, model in rough[:KEPT]:
        count = min(CHEAP[-1], cipher.own.dimensions, model.dimensions)
        turn = rotation(cipher.own.places(count)[at], model.places(count))
        finer = assigned(cipher.own, model, turn, COSTLY)
        at, misfit = cipher.misfit.best(cipher.seen, finer)
        if geometry.small:
            again = _fitted(cipher, at)
            at, misfit = min((at, misfit), again, key=lambda each: each[1])
        found.append((misfit, at))
    return _paired(cipher, min(found, key=lambda each: each[0])[1])


def _fitted(cipher: Cipher, at: Places) -> tuple[Places, float]:
    """An arrangement refined under the image's own model, and its misfit."""
    placed = cipher.own.covariance.take(at, 0).take(at, 1)
    public, most = cipher.models[0].covariance, cipher.own.dimensions
    model = stationary(placed, public, OWN_PUBLIC, cipher.geometry, most)
    return cipher.misfit.best(cipher.seen, refined(cipher, model, at, OWN))


def assigned(own: Spectrum, model: Spectrum, turn: Single, dimensions: tuple[int, ...]) -> Places:
    """Refine a rotation by one-to-one assignments; the cipher byte at each plain place."""
    at = _matched(own.places(len(turn)) @ turn, model.places(len(turn)))
    most = min(own.dimensions, model.dimensions)
    for count in [each for each in dimensions if each <= most]:
        turn = rotation(own.places(count)[at], model.places(count))
        at = _matched(own.places(count) @ turn, model.places(count))
    return at


def _climbed(cipher: Cipher, model: Spectrum, rng: np.random.Generator) -> Single:
    """The best of random rotations, each refined by nearest neighbours in both directions."""
    size = cipher.geometry.size
    drawn = np.sort(rng.choice(size, min(size, MOST_POINTS), replace=False))
    own, goal = torch.from_numpy(cipher.own.places()[drawn]), torch.from_numpy(model.places())
    turns, upper = np.linalg.qr(rng.standard_normal((STARTS, FIRST, FIRST)))
    turns = turns * np.sign(np.diagonal(upper, axis1=1, axis2=2))[:, None, :]
    turned = torch.from_numpy(turns).float()
    most = min(cipher.own.dimensions, model.dimensions)
    for count in [each for each in CHEAP if each <= most]:
        far = _distances(own, goal, turned)
        ours, theirs = own[:, :count], goal[:, :count]
        there, back = theirs[_nearest(far)], ours[_nearest(far.transpose(1, 2))]
        left, _, right = torch.linalg.svd(ours.T @ there + back.transpose(1, 2) @ theirs)
        turned = left @ right
    far = _distances(own, goal, turned)
    misfits = far.amin(dim=2).mean(dim=1) + far.amin(dim=1).mean(dim=1)
    return np.asarray(turned[int(misfits.argmin())].numpy())


def _distances(own: Tensor, goal: Tensor, turned: Tensor) -> Tensor:
    """``(S, P, D)`` squared distances of turned points from others."""
    count = turned.shape[1]
    first, second = own[:, :count] @ turned, goal[:, :count]
    far = (first**2).sum(2)[:, :, None] + (second**2).sum(1)
    return torch.baddbmm(far, first, second.T.expand(len(turned), -1, -1), alpha=-2)


def _nearest(far: Tensor) -> Tensor:
    """``(S, P)``: where each line is least; NumPy's search is many times as fast as torch's."""
    return torch.from_numpy(far.contiguous().numpy().argmin(2))


def _matched(ours: Single, theirs: Single) -> Places:
    """One of our points for each of theirs, one to one."""
    far = (theirs**2).sum(1)[:, None] + (ours**2).sum(1) - 2 * theirs @ ours.T
    return nearly_least(far)


def _paired(cipher: Cipher, at: Places) -> Places:
    """Pixels from an arrangement in which only the channels are believed."""
    channels = cipher.geometry.channels
    by_channel = at.reshape(channels, -1)
    count = by_channel.shape[1]
    seen = cipher.seen.take(at, 0).take(at, 1).reshape(channels, count, channels, count)
    partners = {(a, a): np.arange(count) for a in range(channels)}
    total = np.zeros(channels)
    for a, b in combinations(range(channels), 2):
        partners[a, b] = linear_sum_assignment(seen[a, :, b, :], maximize=True)[1]
        partners[b, a] = np.argsort(partners[a, b])
        together = float(seen[a, np.arange(count), b, partners[a, b]].sum())
        total[[a, b]] += together
    middle = int(total.argmax())
    return np.stack([by_channel[b][partners[middle, b]] for b in range(channels)])


def _in_threes(seen: Single) -> Places | None:
    """Pixels of a grey photograph, whose three channels are nearly the same; else None."""
    size = len(seen)
    apart = seen - 4 * np.eye(size, dtype=np.float32)
    after = linear_sum_assignment(apart, maximize=True)[1]
    twice = after[after]
    closed = (after[twice] == np.arange(size)) & (twice != np.arange(size))
    if closed.mean() < ALIKE:
        return None
    first = np.flatnonzero(closed & (np.arange(size) < np.minimum(after, twice)))
    threes = np.stack([first, after[first], twice[first]])
    return np.concatenate([threes, np.flatnonzero(~closed).reshape(3, -1)], axis=1)


def refined(cipher: Cipher, model: Spectrum, at: Places, dimensions: tuple[int, ...]) -> Places:
    """An arrangement of single bytes refined under a model, from the first of the dimensions on."""
    count = min(dimensions[0], model.dimensions, cipher.own.dimensions)
    turn = rotation(cipher.own.places(count)[at], model.places(count))
    return assigned(cipher.own, model, turn, dimensions[1:])
