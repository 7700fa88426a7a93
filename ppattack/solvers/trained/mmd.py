"""Train an encoder until its codes are distributed like the victims'.

Reference: Yala, Esfahanizadeh, D'Oliveira, Duffy, Ghobadi, Jaakkola, Vaikuntanathan, Barzilay,
Médard, "NeuraCrypt: Hiding Private Health Data via Random Neural Networks for Public Training",
arXiv:2106.02484 (2021); its code is published as github.com/yala/NeuraCrypt.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.target.neural import NeuralTarget
from ppattack.training.fit import FitResult, TrainingData, fit
from ppattack.training.recipe import Recipe

BANDWIDTHS = (
    *(10.0**exponent for exponent in range(-6, 0)),
    *(1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 100.0),
    *(1e3, 1e4, 1e5, 1e6),
)
"""The published bandwidths: half the inverse factor of squared distances."""
AT_ONCE = 64


def discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of two samples, at least zero.

    The kernel is a sum of Gaussians ``exp(-d² / (2 · bandwidth))``. An example is also compared
    with itself, as in the authors' code, so that samples of one distribution are a little apart.

    Args:
        first: ``(N, D)``.
        second: ``(M, D)``.
    """
    within = _kernel_mean(first, first) + _kernel_mean(second, second)
    return (within - 2 * _kernel_mean(first, second)).clamp_min(0)


def _kernel_mean(rows: Tensor, columns: Tensor) -> Tensor:
    squares = rows.square().sum(dim=1)[:, None] + columns.square().sum(dim=1)
    distances = torch.addmm(squares, rows, columns.T, alpha=-2).clamp_min(0)
    total = distances.new_zeros(())
    for bandwidth in BANDWIDTHS:
        total = total + (distances / (-2 * bandwidth)).exp().mean()
    return total


def represented(codes: Tensor, *, shuffled: bool) -> Tensor:
    """An image's codes as one vector, ``(N, ...)``: their mean if the order says nothing.

    Args:
        codes: ``(N, P, D)``.
        shuffled: whether the patches of every image come in a different order.
    """
    return codes.mean(dim=1) if shuffled else codes.flatten(1)


def learn(
    target: NeuralTarget,
    encoder: nn.Module,
    images: Tensor,
    codes: Tensor,
    recipe: Recipe,
    context: Context,
) -> FitResult:
    """Train an encoder in place; images and codes of a batch need not belong together.

    Args:
        target: the scheme, for its normalisation.
        encoder: normalised images to ``(N, P, D)``.
        images: ``(N, C, H, W)`` uint8.
        codes: ``(N, ...)`` represented, of other images or of the same ones in another order.
        recipe: how to train.
        context: device, seed, progress and deadline.
    """

    def loss(network: nn.Module, batch: Tensor, real: Tensor) -> Tensor:
        with torch.autocast(batch.device.type, enabled=False):  # distances need full precision
            made = represented(network(target.normalised(batch)), shuffled=target.shuffles)
            return discrepancy(real, made)

    return fit(encoder, TrainingData(images, codes), loss, recipe, context, "mmd")


@torch.no_grad()
def generated(target: NeuralTarget, encoder: nn.Module, images: Tensor, at_once: int) -> Tensor:
    """Represented codes of images ``(N, C, H, W)`` uint8 under an encoder."""
    return torch.cat(
        [
            represented(encoder(target.normalised(part)), shuffled=target.shuffles)
            for part in images.split(at_once)
        ]
    )
