"""Vectors that name images: to which a true mean code is nearest, by squared error.

The second part of the challenge takes one vector for each image, and gives every true mean code to
the nearest. What an alignment predicts is wrong by far more in some directions than in others, and
squared error weighs all alike. The images that Gaussian noise of known covariance leaves most
likely are those of greatest linear score. Vectors whose distances are these scores exist: each is
a weighted prediction, and what its length lacks lies along a direction in which codes do not vary.

Reference: Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
7(2):179-188, 1936 (linear discriminants).
"""

from __future__ import annotations

import torch
from torch import Tensor

ASIDE = 3.0
"""Common offset of all vectors along the quiet direction, in units of the greatest length that is
missing: it is the same for all, so that codes that do vary a little along it change nothing."""


def naming_vectors(predicted: Tensor, noise: Tensor) -> Tensor:
    """Vectors ``(T, K + 1)`` whose squared distances rank images by likelihood.

    For components y, and 0 as their last entry, ``|y - vector|²`` differs from
    ``-2 a · log N(y; predicted, noise)`` only by what is the same for all images; a is the least
    variance of the noise.

    Args:
        predicted: ``(T, K)`` mean components of each image.
        noise: ``(K, K)`` covariance of what they are wrong by, positive definite.

    Returns:
        the last entry belongs to a direction along which codes do not vary.
    """
    values, axes = torch.linalg.eigh(noise.double())
    turned = predicted.double() @ axes
    vectors = turned * (values[0] / values)
    missing = (vectors * turned).sum(dim=1) - vectors.square().sum(dim=1)  # never negative
    aside = ASIDE * missing.max().sqrt()
    length = (missing + aside.square()).sqrt()
    return torch.cat([vectors @ axes.T, length[:, None]], dim=1).to(predicted.dtype)
