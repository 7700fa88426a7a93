"""A U-Net that also sees folded bytes, for the inverse transformation network attack."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppattack.target.unet import UNet


class FoldedUNet(nn.Module):
    """A U-Net that sees each byte and how far it is from mid-grey, which no complement changes.

    Args:
        channels: channels of the images.
        width: as for the U-Net.
        levels: likewise.
    """

    def __init__(self, channels: int = 3, width: int = 64, levels: int = 5) -> None:
        super().__init__()
        self.unet = UNet(2 * channels, width, levels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Values in [-1, 1], ``(N, channels, H, W)``, from images in [-1, 1]."""
        distances = x.abs().mul(2.0).sub(1.0)
        values: Tensor = self.unet(torch.cat([x, distances], dim=1)).tanh()
        return values
