"""The two networks of SIA-GAN: a generator with a branch for every block, and a discriminator.

Reference: K. Madono, M. Tanaka, M. Onishi, T. Ogawa: SIA-GAN: Scrambling Inversion Attack Using
Generative Adversarial Network. IEEE Access 9, 129385-129393 (2021).
doi:10.1109/ACCESS.2021.3112684
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ppattack.networks.block_assignment import first_assignment, sinkhorn

Normalise = Callable[[nn.Module], nn.Module]
GENERATOR_SLOPE = DISCRIMINATOR_SLOPE = 0.1
PIXEL_FEATURES = 16
TRUNK = 64
RESIDUAL_BLOCKS = 3
STAGES = (128, 256, 512)
LAST = 1024
ATTENTION_SHARE = 8
STRIDES = 8
"""The discriminator halves edges three times."""


class BlockBranches(nn.Module):
    """A separate linear map for each block.

    Args:
        places: number of blocks.
        inputs: numbers per block.
        outputs: features per block.
    """

    def __init__(self, places: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, outputs, inputs))
        bound = inputs**-0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, places, inputs)`` to ``(N, places, outputs)``."""
        return torch.einsum("npi,poi->npo", x, self.weight)


class SiaGenerator(nn.Module):
    """A branch for every block, then residual convolutions over the whole image.

    Args:
        shape: ``(C, H, W)`` of the ciphertexts; H and W multiples of ``block``.
        block: edge of a block, pixels; 4 in the paper.
        width: width of all layers, as a share of the published one.
        assigns: whether a learnt doubly stochastic matrix moves branches to other places, so that a
            permutation of blocks can be undone; not in the paper.
        published_norm: whether to normalise weights as the published code does.

    Deviations: the published branches are one convolution each; here they are one product.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        block: int = 4,
        width: float = 1.0,
        assigns: bool = False,
        published_norm: bool = False,
    ) -> None:
        super().__init__()
        channels, height, width_pixels = shape
        self.block, self.rows, self.columns = block, height // block, width_pixels // block
        places = self.rows * self.columns
        pixel, trunk = scaled(PIXEL_FEATURES, width), scaled(TRUNK, width)
        self.features = pixel * block * block
        normalise = published_spectral_norm if published_norm else _spectral_norm
        branches = BlockBranches(places, channels * block * block, self.features)
        # Batch normalisation follows, so the scale of the branches does not matter.
        self.branches = published_spectral_norm(branches) if published_norm else branches
        self.scale = nn.BatchNorm1d(places * self.features)
        self.assignment = nn.Parameter(first_assignment(places)) if assigns else None
        self.entry = nn.Sequential(*_layer(pixel, trunk, normalise))
        self.residual = nn.ModuleList(
            nn.Sequential(
                *_layer(trunk, trunk, normalise),
                normalise(nn.Conv2d(trunk, trunk, 3, padding=1, bias=False)),
                nn.BatchNorm2d(trunk),
            )
            for _ in range(RESIDUAL_BLOCKS)
        )
        self.exit = nn.Sequential(
            *_layer(trunk, trunk, normalise),
            normalise(nn.Conv2d(trunk, channels, 3, padding=1, bias=False)),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images in [-1, 1] from ciphertexts in [-1, 1], both ``(N, C, H, W)``."""
        return self.image(self.feature(x))

    def feature(self, x: Tensor) -> Tensor:
        """``(N, 16 · width, H, W)``: the branches' outputs for the blocks, side by side."""
        count, channels = x.shape[:2]
        block = self.block
        grid = x.reshape(count, channels, self.rows, block, self.columns, block)
        blocks = grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        made = self.scale(self.branches(blocks).flatten(1))
        made = functional.leaky_relu(made, GENERATOR_SLOPE).view(count, -1, self.features)
        if self.assignment is not None:
            made = torch.einsum("pb,nbf->npf", sinkhorn(self.assignment), made)
        grid = made.transpose(1, 2).reshape(count, self.features, self.rows, self.columns)
        return functional.pixel_shuffle(grid, block)

    def image(self, feature: Tensor) -> Tensor:
        """The image made from a feature."""
        made = self.entry(feature)
        for block in self.residual:
            made = functional.leaky_relu(made + block(made), GENERATOR_SLOPE)
        image: Tensor = self.exit(made)
        return image


class SiaDiscriminator(nn.Module):
    """Six spectrally normalised convolutions and two layers of self-attention.

    Args:
        shape: ``(C, H, W)`` of the images, H and W multiples of 8.
        width: width of all layers, as a share of the published one.
        published_norm: whether to normalise weights as the published code does.

    Deviations: two heads of the published network that are not used are left out.
    """

    def __init__(
        self, shape: tuple[int, int, int], *, width: float = 1.0, published_norm: bool = False
    ) -> None:
        super().__init__()
        before, height, width_pixels = shape
        normalise = published_spectral_norm if published_norm else _spectral_norm
        layers: list[nn.Module] = []
        for features in (scaled(stage, width) for stage in STAGES):
            layers += [
                normalise(nn.Conv2d(before, features, 3, padding=1, bias=False)),
                nn.LeakyReLU(DISCRIMINATOR_SLOPE),
                normalise(nn.Conv2d(features, features, 4, stride=2, padding=1, bias=False)),
                nn.LeakyReLU(DISCRIMINATOR_SLOPE),
            ]
            before = features
        last = scaled(LAST, width)
        layers += [
            SelfAttention(before, normalise),
            normalise(nn.Conv2d(before, last, 3, padding=1, bias=False)),
            SelfAttention(last, normalise),
            nn.Flatten(),
            normalise(nn.Linear(last * (height // STRIDES) * (width_pixels // STRIDES), 1)),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """One logit per image, ``(N,)``."""
        logits: Tensor = self.layers(x)
        return logits[:, 0]


class SelfAttention(nn.Module):
    """Every place looks at every other; the residual weight starts at zero.

    Args:
        features: how many each place has.
        normalise: normalises each of the three 1 × 1 convolutions.
    """

    def __init__(self, features: int, normalise: Normalise) -> None:
        super().__init__()
        asked = max(1, features // ATTENTION_SHARE)
        self.query, self.key = (normalise(nn.Conv2d(features, asked, 1)) for _ in range(2))
        self.value = normalise(nn.Conv2d(features, features, 1))
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, features, H, W)`` to the same shape."""
        query, key, value = (each(x).flatten(2) for each in (self.query, self.key, self.value))
        seen = (query.transpose(1, 2) @ key).softmax(dim=2)
        attended: Tensor = (value @ seen.transpose(1, 2)).view_as(x)
        return x + self.weight * attended


def scaled(features: int, width: float) -> int:
    """A share of a number of features, at least one."""
    return max(1, round(features * width))


def published_spectral_norm(module: nn.Module) -> nn.Module:
    """Divide a module's weights by an estimate of their largest singular value, in place.

    This happens in every forward pass, and the estimate starts from the same random vector each
    time, with one power iteration: a lower bound. No gradient passes through it. Weights of three
    dimensions are many matrices, each divided by its own.
    """
    weight = module.get_parameter("weight")
    rows = weight.shape[0] if weight.ndim != 3 else weight.shape[:2]
    start = torch.randn(rows)
    module.register_buffer("spectral_start", start)
    module.register_forward_pre_hook(_divide)
    return module


@torch.no_grad()
def _divide(module: nn.Module, _: object) -> None:
    weight, start = module.get_parameter("weight"), module.get_buffer("spectral_start")
    matrix = weight if weight.ndim == 3 else weight.flatten(1)
    left = functional.normalize(start, dim=-1)[..., None]
    right = functional.normalize(matrix.mT @ left, dim=-2)
    sigma = torch.linalg.vector_norm(matrix @ right, dim=(-2, -1), keepdim=True)
    # Through ``data``: a forward pass that waits for its backward pass may have used the weight.
    weight.data.div_(sigma if weight.ndim == 3 else sigma.view(()))


def _spectral_norm(module: nn.Module) -> nn.Module:
    return spectral_norm(module)


def _layer(before: int, after: int, normalise: Normalise) -> list[nn.Module]:
    return [
        normalise(nn.Conv2d(before, after, 3, padding=1, bias=False)),
        nn.BatchNorm2d(after),
        nn.LeakyReLU(GENERATOR_SLOPE),
    ]
