"""Small key spaces: every key that the scheme itself draws is tried on the ciphertexts.

The scheme's public ``generate_key`` is called until hardly a key is new; under each distinct key
the ciphertexts are decrypted, and the smoothest images win. Keys whose images are as smooth, turned
or mirrored say, are told apart by what else is common in public images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ppattack.context import Progress
from ppattack.images import ImageShape
from ppattack.solvers.global_state import choice
from ppattack.target.base import Target
from ppattack.target.calls import decrypt
from ppattack.target.key import Key

MORE_DRAWS = 3.0
"""Draws beyond those that meet every key once on average, in units of the number of keys: then a
key is missed with a probability of 5 %, all but never a given one."""
TIED = 1.05
"""Images are as smooth as the smoothest up to this factor."""
MOST_TIED = 64
MOST_PUBLIC = 5000
"""Public images that say how rough an image can be."""
LEAST_NOISE = 2.0
"""Mean squared difference of neighbours across and down, relative to the variance, from which it
is noise, which has 4."""
TRIED_ON = 16
"""Ciphertexts under one key that are decrypted to try a key."""


@dataclass(frozen=True)
class Search:
    """What a search found.

    Args:
        images: ``(N, C, H, W)`` uint8, decrypted under the best key of each ciphertext.
        keys: distinct keys tried.
        draws: keys drawn.
        met: probability that a given key was among them.
        natural: whether the images are at least as smooth as the roughest public one.
    """

    images: Tensor
    keys: int
    draws: int
    met: float
    natural: bool


def draws_needed(bits: float) -> int:
    """Draws that meet about every one of ``2**bits`` keys."""
    return math.ceil(math.exp2(bits) * (bits * math.log(2) + MORE_DRAWS))


def search(
    ciphertexts: Tensor,
    target: Target,
    shape: ImageShape,
    public: Tensor,
    draws: int,
    rng: np.random.Generator,
    progress: Progress,
    *,
    shared: bool,
) -> Search:
    """Try keys.

    Args:
        ciphertexts: ``(N, ...)`` uint8.
        target: the scheme, for own keys.
        shape: ``(C, H, W)`` of plain images.
        public: ``(M, C, H, W)`` uint8.
        draws: keys to draw.
        rng: draws them.
        progress: shows how far it is.
        shared: whether one key made all ciphertexts.

    Raises:
        NotInvertible: if the scheme does not decrypt.
    """
    keys = _distinct(target, shape, draws, rng, progress)
    tried = ciphertexts[:TRIED_ON] if shared else ciphertexts
    rough = np.empty((len(keys), 1 if shared else len(ciphertexts)))
    with progress.task("keys tried", len(keys)) as bar:
        for number, key in enumerate(keys):
            each = _roughness(decrypt(target, tried, key))
            rough[number] = each.mean() if shared else each
            bar.update(number + 1)
    prior = None
    images = []
    for column in range(rough.shape[1]):
        part = ciphertexts if shared else ciphertexts[column : column + 1]
        ranked = np.argsort(rough[:, column])[:MOST_TIED]
        tied = ranked[rough[ranked, column] <= TIED * rough[ranked[0], column]]
        found = _different([decrypt(target, part, keys[number]) for number in tied])
        best = 0
        if len(found) > 1:
            prior = prior or choice.fitted(public, choice.group_for(shape[0]))
            if prior is not None:
                scores = [float(prior.scores(each)[:, 0].sum()) for each in found]
                best = int(np.argmax(scores))
        images.append(found[best])
    bits = target.key_space_bits(shape) or 0.0
    met = 1 - math.exp(-draws / 2.0**bits)
    roughest = float(_roughness(public[:MOST_PUBLIC]).max())
    natural = float(rough.min(0).mean()) <= min(roughest, LEAST_NOISE)
    return Search(torch.cat(images), len(keys), draws, round(met, 4), natural)


def _distinct(
    target: Target, shape: ImageShape, draws: int, rng: np.random.Generator, progress: Progress
) -> list[Key]:
    """The different keys among those drawn."""
    found: dict[str, Key] = {}
    with progress.task("keys drawn", draws) as bar:
        for number in range(draws):
            key = target.generate_key(rng, shape)
            found.setdefault(str(key.fingerprint), key)
            if number % 1000 == 0:
                bar.update(number + 1, different=len(found))
    return list(found.values())


def _different(images: list[Tensor]) -> list[Tensor]:
    kept: list[Tensor] = []
    for each in images:
        if not any(torch.equal(each, other) for other in kept):
            kept.append(each)
    return kept


def _roughness(images: Tensor) -> NDArray[np.float32]:
    """Mean squared difference of neighbours relative to the variance, per image."""
    values = images.float()
    across = values.diff(dim=3).square().mean((1, 2, 3))
    down = values.diff(dim=2).square().mean((1, 2, 3))
    spread = values.var((1, 2, 3)) + 1.0
    found: NDArray[np.float32] = ((across + down) / spread).numpy()
    return found
