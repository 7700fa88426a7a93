"""Networks that two schemes need before a classifier: they learn to undo block scrambling.

References: M. Tanaka: Learnable Image Encryption. IEEE ICCE-TW 2018, arXiv:1804.00490 (LE).
K. Madono, M. Tanaka, M. Onishi, T. Ogawa: Block-wise Scrambled Image Recognition Using Adaptation
Network. AAAI workshop on Artificial Intelligence of Things 2020, arXiv:2001.07761 (ELE).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import register_parametrization

from ppattack.networks.sia import BlockBranches

BLOCK = 4
FEATURES = 16
"""Channels of the classifier's input."""
LE_SLOPE, ELE_SLOPE = 0.1, 0.2
ASSIGNMENT_WEIGHT, VARIATION_WEIGHT = 1e-3, 0.1
VARIATION_CHANNELS = 3


class LeAdaptNet(nn.Module):
    """One linear map for all blocks, then their features side by side.

    Args:
        channels: those of the ciphertexts.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, FEATURES * BLOCK * BLOCK, BLOCK, stride=BLOCK, bias=False),
            nn.BatchNorm2d(FEATURES * BLOCK * BLOCK),
            nn.LeakyReLU(LE_SLOPE),
            nn.PixelShuffle(BLOCK),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, 16, H, W)`` from float ciphertexts ``(N, channels, H, W)``."""
        made: Tensor = self.layers(x)
        return made

    def penalty(self, features: Tensor) -> Tensor:
        """What is added to the loss: nothing."""
        return features.new_zeros(())


class EleAdaptNet(nn.Module):
    """A linear map for every block, a matrix that moves blocks, then features side by side.

    Args:
        shape: ``(C, H, W)`` of the ciphertexts, H and W multiples of 4.

    Deviations: the published maps are one convolution for each block, here they are one product;
        unused layers of the published network are left out. The variation of the
        features is the mean over the batch.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.rows, self.columns = height // BLOCK, width // BLOCK
        places = self.rows * self.columns
        self.branches = BlockBranches(places, channels * BLOCK * BLOCK, FEATURES * BLOCK * BLOCK)
        register_parametrization(self.branches, "weight", _BlockSpectralNorm(self.branches.weight))
        self.norm = nn.BatchNorm1d(places * FEATURES * BLOCK * BLOCK)
        self.assignment = nn.Parameter(torch.empty(places, places))
        nn.init.kaiming_uniform_(self.assignment, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, 16, H, W)`` from float ciphertexts ``(N, C, H, W)``."""
        grid = x.unflatten(2, (self.rows, BLOCK)).unflatten(4, (self.columns, BLOCK))
        blocks = grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        made = self.norm(self.branches(blocks).flatten(1))
        made = functional.leaky_relu(made, ELE_SLOPE).unflatten(1, (len(self.assignment), -1))
        moved = torch.einsum("pb,nbf->nfp", self.assignment, made)
        return functional.pixel_shuffle(moved.unflatten(2, (self.rows, self.columns)), BLOCK)

    def penalty(self, features: Tensor) -> Tensor:
        """What is added to the loss, so that the matrix gets close to a permutation."""
        matrix = self.assignment
        excess = sum(
            matrix.abs().sum() - torch.linalg.vector_norm(matrix, dim=dim).sum() for dim in (0, 1)
        )
        part = features[:, :VARIATION_CHANNELS]
        down = (part[:, :, 1:] - part[:, :, :-1]).square().sum()
        right = (part[:, :, :, 1:] - part[:, :, :, :-1]).square().sum()
        found: Tensor = (
            ASSIGNMENT_WEIGHT * excess / matrix.numel()
            + VARIATION_WEIGHT * (down + right) / features.numel()
        )
        return found


class Adapted(nn.Module):
    """A classifier behind an adaptation network.

    Args:
        adaptation: turns ciphertexts into features.
        classifier: takes 16 channels.
    """

    def __init__(self, adaptation: LeAdaptNet | EleAdaptNet, classifier: nn.Module) -> None:
        super().__init__()
        self.adaptation, self.classifier = adaptation, classifier

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, classes)`` for float ciphertexts ``(N, C, H, W)``."""
        return self.judged(x)[0]

    def judged(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and what the adaptation network adds to the loss."""
        features = self.adaptation(x)
        return self.classifier(features), self.adaptation.penalty(features.float())


class _BlockSpectralNorm(nn.Module):
    """Every block's matrix divided by its largest singular value, by one power iteration per pass.

    Args:
        weight: ``(places, outputs, inputs)``.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        left = functional.normalize(torch.randn(weight.shape[:2]), dim=1)
        self.left: Tensor
        self.register_buffer("left", left)

    def forward(self, weight: Tensor) -> Tensor:
        with torch.no_grad():
            right = functional.normalize(torch.einsum("poi,po->pi", weight, self.left), dim=1)
            left = functional.normalize(torch.einsum("poi,pi->po", weight, right), dim=1)
            if self.training:
                self.left.copy_(left)
        largest = torch.einsum("po,poi,pi->p", left, weight, right)
        return weight / largest[:, None, None]
