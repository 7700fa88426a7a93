"""The untrained network with which NeuraCrypt encodes images, without its shuffle of patches.

Reference: Yala, Esfahanizadeh, D'Oliveira, Duffy, Ghobadi, Jaakkola, Vaikuntanathan, Barzilay,
Médard, "NeuraCrypt: Hiding Private Health Data via Random Neural Networks for Public Training",
arXiv:2106.02484 (2021); its code is published as github.com/yala/NeuraCrypt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

LINEAR = -1
"""The depth of the encoder that is a single linear map for each patch."""
EPSILON = 1e-5
"""Added to variances: PyTorch's default."""


class PrivateEncoder(nn.Module):
    """Patches of an image, each through the same layers, to one vector per patch.

    A patch goes through a linear map and ReLU; ``depth`` blocks of linear map, batch
    normalisation and ReLU; then a vector of its position is added, and ReLU and a last linear map
    follow. All parameters are zero until they are loaded or generated.

    Args:
        channels: those of the images.
        hidden: width of every layer except the last.
        patch: edge of a patch, pixels.
        depth: blocks; -1 for the linear encoder, which has neither ReLU nor positions.
        patches: how many an image has.
        width: output numbers per patch.
        bn: ``"batch"`` normalises by the statistics of the batch at hand, always;
            ``"frozen"`` by those that :meth:`calibrate` found.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        patch: int,
        depth: int,
        patches: int,
        width: int,
        bn: Literal["batch", "frozen"] = "frozen",
    ) -> None:
        super().__init__()
        self.patch = patch
        self.linear = depth == LINEAR
        self.embed = _Affine(channels * patch**2, width if self.linear else hidden)
        self.blocks = nn.ModuleList(_Block(hidden, bn) for _ in range(max(depth, 0)))
        if not self.linear:
            self.position = nn.Parameter(torch.zeros(patches, hidden))
            self.project = _Affine(hidden, width)

    @classmethod
    def generate(
        cls,
        generator: torch.Generator,
        channels: int,
        hidden: int,
        patch: int,
        depth: int,
        patches: int,
        width: int,
        bn: Literal["batch", "frozen"] = "frozen",
    ) -> PrivateEncoder:
        """An encoder with random parameters, as PyTorch initialises such layers.

        Weights and biases are uniform within one over the root of a layer's inputs, positions
        are standard normal, normalisation scales by one and shifts by zero.

        Args:
            generator: on the CPU; the same state gives the same encoder.
            channels: as for the class, like the following.
            hidden: likewise.
            patch: likewise.
            depth: likewise.
            patches: likewise.
            width: likewise.
            bn: likewise.
        """
        made = cls(channels, hidden, patch, depth, patches, width, bn)
        with torch.no_grad():
            for layer in made.modules():
                if isinstance(layer, _Affine):
                    bound = layer.weight.shape[1] ** -0.5
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    layer.bias.uniform_(-bound, bound, generator=generator)
            if not made.linear:
                made.position.normal_(generator=generator)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """Vectors ``(N, P, width)`` for normalised float images ``(N, C, H, W)``, row by row."""
        x = self.embed(self._patches(x))
        if self.linear:
            return x
        x = functional.relu_(x)
        for block in self.blocks:
            x = block(x)
        projected: Tensor = self.project(functional.relu_(x + self.position))
        return projected

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Freeze every block's statistics at those of a batch, layer by layer.

        Args:
            x: normalised float images ``(N, C, H, W)``.
        """
        x = functional.relu_(self.embed(self._patches(x)))
        for block in cast(Iterable[_Block], self.blocks):
            x = block.calibrated(x)

    def _patches(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        rows, columns, edge = height // self.patch, width // self.patch, self.patch
        x = x.reshape(count, channels, rows, edge, columns, edge).permute(0, 2, 4, 1, 3, 5)
        return x.reshape(count, rows * columns, channels * edge**2)


class _Affine(nn.Module):
    """A linear map without initial parameters, so that the global generator is left alone."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class _Block(nn.Module):
    """A linear map, batch normalisation over all patches of all images, ReLU."""

    def __init__(self, features: int, bn: Literal["batch", "frozen"]) -> None:
        super().__init__()
        self.layer = _Affine(features, features)
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.frozen = bn == "frozen"
        self.mean: Tensor
        self.variance: Tensor
        if self.frozen:
            self.register_buffer("mean", torch.zeros(features))
            self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return self._normalised(self.layer(x))

    def calibrated(self, x: Tensor) -> Tensor:
        """:meth:`forward`, with the statistics of this batch from now on."""
        x = self.layer(x)
        if self.frozen:
            variance, mean = torch.var_mean(x.flatten(0, 1), dim=0, correction=0)
            self.mean.copy_(mean)
            self.variance.copy_(variance)
        return self._normalised(x)

    def _normalised(self, x: Tensor) -> Tensor:
        rows = functional.batch_norm(
            x.flatten(0, 1),
            self.mean if self.frozen else None,
            self.variance if self.frozen else None,
            self.weight,
            self.bias,
            training=not self.frozen,
            eps=EPSILON,
        )
        return functional.relu_(rows).view_as(x)
