"""The U-Net of image transformation networks, and of attacks that undo them.

Reference: Ito, Kinoshita, Kiya, "Image Transformation Network for Privacy-Preserving Deep Neural
Networks and Its Security Evaluation", arXiv:2008.03143 (2020).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ppattack import images


class UNet(nn.Module):
    """An image-to-image network that sees the whole image at several scales.

    Args:
        channels: channels of the input.
        width: features of the first level; each level below has twice as many.
        levels: number of scales, 5 in the paper.
        outputs: channels of the output; None for those of the input.

    Deviations: sizes that do not divide by ``2 ** (levels - 1)`` are padded by repeating the last
        row and column, and cropped again.
    """

    def __init__(
        self, channels: int = 3, width: int = 64, levels: int = 5, outputs: int | None = None
    ) -> None:
        super().__init__()
        widths = [width << level for level in range(levels)]
        self.size_multiple = 1 << (levels - 1)
        self.down = nn.ModuleList(_double(a, b) for a, b in pairwise([channels, *widths]))
        self.halve = nn.MaxPool2d(2)
        upwards = list(pairwise(widths[::-1]))
        self.up = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_single(a, b)) for a, b in upwards
        )
        self.merge = nn.ModuleList(_double(a, b) for a, b in upwards)
        self.last = nn.Conv2d(width, outputs or channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, outputs, H, W)`` for float images of any height and width."""
        height, width = x.shape[-2:]
        x = images.pad_to_multiple(x, self.size_multiple)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(self.halve(x) if level else x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        logits: Tensor = self.last(x)
        return logits[..., :height, :width]


def _single(wide: int, narrow: int) -> list[nn.Module]:
    return [nn.Conv2d(wide, narrow, 3, padding=1), nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]


def _double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(*_single(before, after), *_single(after, after))
