"""Signed images to start from: squares of mixtures know the products of the images in them.

At each pixel, e² is the sum of λ² p² over the members and of 2 λ_a λ_b p_a p_b over their pairs.
The second part, gathered for all pairs of images, is a matrix whose leading eigenvector holds the
signs of the images at that pixel, up to one common sign. Neighbouring pixels look alike, which
gives the common signs of all pixels but one. All images may still be negatives.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ppattack.solvers.instahide.naturals import NaturalPrior
from ppattack.solvers.instahide.release import Release

BLUR = (0.7, 0.7, 1.0)
"""Deviations over rows, columns and channels by which residuals are blurred before a matrix is
made of them. Of .7, 1, 1.3, 2 and 3 pixels the smallest led to the best images from 50 rounds."""
STEP = 2
"""Matrices are made at every second pixel."""
REACH = 2
"""Pixels of that grid whose signs are compared."""
RIDGE = 0.02
FLOOR = 0.008
"""Least variance of a mixture's rest, of the mean variance of images."""
LEAST_PRODUCT = 1e-6


def spectral_start(release: Release, weight: Tensor, naturals: NaturalPrior) -> Tensor:
    """Signed images ``(K, D)``, or all their negatives.

    Args:
        release: the mixtures.
        weight: ``(E, K)`` of every image in every mixture.
        naturals: the Gaussian of public images.
    """
    noise = release.public_scale * naturals.level + FLOOR * naturals.level
    energies, rest = energies_and_rest(release, weight, naturals, noise)
    members = release.slots.weight.shape[1]
    vectors = pixel_vectors(rest, weight, noise, release.shape, members)
    signs = pixel_signs(vectors, release.shape)
    images = _enlarged((vectors * signs[:, None]).T.contiguous(), release.shape)
    return images * energies.sum(dim=0).sqrt()


def energies_and_rest(
    release: Release, weight: Tensor, naturals: NaturalPrior, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Squared images ``(K, D)``, and what none explain of the squared mixtures, ``(E, D)``."""
    public = (1 - release.total)[:, None] * naturals.mean
    spread = release.public_scale[:, None] * naturals.variance
    squares = release.values.square() - public.square() - spread - FLOOR * naturals.level
    power = weight.square()
    weighted = (power / noise[:, None]).T
    gram = weighted @ power
    loading = RIDGE * float(gram.diagonal().mean()) + LEAST_PRODUCT
    eye = torch.eye(len(gram), device=gram.device)
    energies = torch.linalg.solve(gram + loading * eye, weighted @ squares).clamp_min(0)
    return energies, squares - power @ energies


def pixel_vectors(
    rest: Tensor, weight: Tensor, noise: Tensor, shape: tuple[int, int, int], members: int = 2
) -> Tensor:
    """Leading eigenvectors ``(P, K)`` of the matrices at every second pixel.

    Args:
        rest: ``(E, D)`` from :func:`energies_and_rest`.
        weight: ``(E, K)``.
        noise: ``(E,)`` variances.
        shape: ``(C, H, W)``.
        members: images of a mixture of which products are made, the heaviest.
    """
    count = weight.shape[1]
    pairs, products = _pairs(weight, min(members, count))
    kept = products > LEAST_PRODUCT
    blurred = blur(rest, shape).view(-1, *shape)[:, :, ::STEP, ::STEP].flatten(1)
    total = blurred.new_zeros((count * count, blurred.shape[1]))
    information = blurred.new_zeros(count * count)
    for slot in range(pairs.shape[1]):
        rows = kept[:, slot]
        place, product = pairs[rows, slot], products[rows, slot]
        share = product / noise[rows]
        total.index_add_(0, place, share[:, None] * blurred[rows])
        information.index_add_(0, place, share * product)
    total /= 1 + information[:, None]
    matrices = total.view(count, count, -1).permute(2, 0, 1)
    vectors: Tensor = torch.linalg.eigh(matrices + matrices.transpose(1, 2)).eigenvectors
    return vectors[..., -1]


def _pairs(weight: Tensor, members: int) -> tuple[Tensor, Tensor]:
    """The pairs among each mixture's likeliest images, as places in a table, and 2 λ_a λ_b."""
    count = weight.shape[1]
    heaviest = weight.topk(members, dim=1)
    order = heaviest.indices.argsort(dim=1)
    names = heaviest.indices.gather(1, order)
    values = heaviest.values.gather(1, order)
    first, second = torch.triu_indices(members, members, 1)
    places = names[:, first] * count + names[:, second]
    return places, 2 * values[:, first] * values[:, second]


def pixel_signs(vectors: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Signs ``(P,)`` that make the vectors of neighbouring pixels and of their channels alike."""
    channels, height, width = shape[0], -(-shape[1] // STEP), -(-shape[2] // STEP)
    numbers = torch.arange(channels * height * width, device=vectors.device)
    grid = numbers.view(channels, height, width)
    directions = normalize(vectors, dim=1)
    graph = vectors.new_zeros((len(vectors), len(vectors)))
    for other in range(channels):
        for down in range(REACH + 1):
            for right in range(-REACH, REACH + 1):
                if (other, down, right) <= (0, 0, 0):
                    continue
                left, end = max(0, -right), width - max(0, right)
                here = grid[: channels - other, : height - down, left:end].flatten()
                there = grid[other:, down:, left + right : end + right].flatten()
                graph[here, there] = (directions[here] * directions[there]).sum(1)
    graph = graph + graph.T
    scale = graph.abs().sum(dim=1).clamp_min(LEAST_PRODUCT).rsqrt()
    signs = torch.linalg.eigh(graph * scale[:, None] * scale).eigenvectors[:, -1].sign()
    return torch.where(signs == 0, 1.0, signs)


def blur(values: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Gaussian means over rows, columns and channels of ``(n, D)`` values."""
    down, right, across = (
        _gaussian(size, deviation).to(values)
        for size, deviation in zip(
            (shape[1], shape[2], shape[0]), (BLUR[0], BLUR[1], BLUR[2]), strict=True
        )
    )
    images = down @ values.view(-1, *shape) @ right.T
    return torch.einsum("nchw,dc->ndhw", images, across).flatten(1)


def _gaussian(size: int, deviation: float) -> Tensor:
    place = torch.arange(size)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / deviation) ** 2)
    return weights / weights.sum(dim=1, keepdim=True)


def _enlarged(values: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """``(K, P)`` on the grid of every second pixel to ``(K, D)``."""
    channels, height, width = shape
    grid = values.view(-1, channels, math.ceil(height / STEP), math.ceil(width / STEP))
    large = grid.repeat_interleave(STEP, dim=2).repeat_interleave(STEP, dim=3)
    return large[:, :, :height, :width].flatten(1)
