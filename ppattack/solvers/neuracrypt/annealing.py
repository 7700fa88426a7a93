"""Matching and places at once, both uncertain at first.

A hard matching of which one in twenty is right says nothing about the places. Probabilities do: a
ciphertext that could be one of ten candidates expects their mean, which narrows the places down.
Both tables of probabilities are sharpened in turn, slowly (mean-field annealing).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.alternation import scores_of_contents

STEPS = 40
SOFTEST, SHARPEST = 0.05, 1.4
"""Weights of the evidence. The last suits features that correlate at 0.7 across keys: that is
0.7 / (1 - 0.7²), the logarithm of the likelihood of one product."""
FIRST_WEIGHT = 0.35
BALANCINGS = 20


def annealed_matching(plain: Tensor, codes: Tensor) -> Tensor:
    """A matching of images whose places are unknown.

    Args:
        plain: ``(N, P)`` one feature of each patch of the candidates.
        codes: ``(N, P)`` likewise for the codes, in one order.

    Returns:
        ``(N,)`` int64.
    """
    plain, codes = _standardised(plain), _standardised(codes)
    contents = scores_of_contents(plain, codes) * codes.shape[1]
    images = _balanced(FIRST_WEIGHT * contents)
    scores = contents
    for weight in torch.linspace(SOFTEST, SHARPEST, STEPS).tolist():
        places = _balanced(weight * (codes.T @ images @ plain))
        scores = codes @ places @ plain.T
        images = _balanced(weight * scores)
    return greatest_score(scores)


def _standardised(features: Tensor) -> Tensor:
    centred = features - features.mean()
    return centred / centred.square().mean().sqrt().clamp_min(torch.finfo(centred.dtype).tiny)


def _balanced(logarithms: Tensor) -> Tensor:
    """Probabilities whose rows and columns sum to one, from unscaled logarithms."""
    for _ in range(BALANCINGS):
        logarithms = logarithms - logarithms.logsumexp(dim=1, keepdim=True)
        logarithms = logarithms - logarithms.logsumexp(dim=0, keepdim=True)
    return logarithms.exp()
