"""Which patch each place of the codes shows, if some images and their codes are known."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.neuracrypt.alternation import Views, places_of
from ppattack.solvers.neuracrypt.features import energies
from ppattack.solvers.neuracrypt.landmarks import joined, similarities
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, expected

SMALLEST = 1e-12


def known_places(own: OwnEncoders, count: int, images: Tensor, codes: Tensor, keys: int) -> Tensor:
    """``(P,)`` int64: the patch that each place of the codes shows.

    The codes of one place should be as far from their mean, and as similar to each other, as
    those of its patch are under the adversary's own keys.

    Args:
        own: draws keys.
        count: pairs.
        images: ``(N, C, H, W)`` normalised: those of the pairs, then any others.
        codes: ``(M, P, D)`` in one order: those of the pairs, then any others.
        keys: how many to draw.
    """
    pairs = torch.arange(count, device=codes.device)
    known = expected(own, images, keys, pairs)
    power = Views(known.energies[:count, :, None], energies(codes)[:count, :, None])
    products = Views(known.similarities[:count], similarities(codes, pairs)[:count])
    return places_of(joined([_even(power), _even(products)]), pairs)


def _even(view: Views) -> Views:
    """Both sides minus their mean, in units of their deviation."""
    return Views(_standard(view.plain), _standard(view.codes))


def _standard(features: Tensor) -> Tensor:
    centred = features - features.mean()
    return centred / centred.square().mean().clamp_min(SMALLEST).sqrt()
