"""The two small networks of the published evaluation of the inverse transformation attack.

Both share their weights over positions and see one 4 × 4 block, or one pixel, at a time: they
cannot undo a permutation of blocks or any key that depends on the position.

Reference: MaungMaung, Kiya, "Privacy-Preserving Image Classification Using Isotropic Network",
IEEE MultiMedia 29(2) (2022) 23-33, arXiv:2204.07707; its evaluation is published as
github.com/ito-hiroki/learnable_encryption_robustness.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ppattack import images

BLOCK = 4
BLOCK_FEATURES = 48
SHUFFLED_FEATURES = 32
PIXEL_FEATURES = (64, 128, 256)


class BlockLocalNet(nn.Module):
    """One 4 × 4 block in, the same block out: a strided convolution, 1 × 1 layers, a shuffle.

    Args:
        channels: channels of the input and of the output.

    Deviations: sizes that do not divide by 4 are padded by repeating the last row and column,
        and cropped again. The hidden features before the shuffle are numbered pixel by pixel, while
        a pixel shuffle numbers them feature by feature: the same network, renumbered.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normalised(nn.Conv2d(channels, BLOCK_FEATURES, BLOCK, stride=BLOCK)),
            *_normalised(nn.Conv2d(BLOCK_FEATURES, BLOCK_FEATURES, 1)),
            *_normalised(nn.Conv2d(BLOCK_FEATURES, SHUFFLED_FEATURES * BLOCK**2, 1)),
            _PixelsOfBlocks(SHUFFLED_FEATURES, channels, 1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Values in [-1, 1], ``(N, channels, H, W)``, of float images of any height and width."""
        height, width = x.shape[-2:]
        values: Tensor = self.layers(images.pad_to_multiple(x, BLOCK))
        return values[..., :height, :width]


class _PixelsOfBlocks(nn.Conv2d):
    """A pixel shuffle and the 1 × 1 convolution after it.

    The features of a pixel lie side by side, so only the few output channels have to move.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``(N, features · 16, rows, columns)`` to ``(N, channels, 4 · rows, 4 · columns)``."""
        count, _, rows, columns = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(count, rows, columns, BLOCK, BLOCK, -1)
        values = functional.linear(pixels, self.weight[:, :, 0, 0], self.bias)
        image = values.transpose(2, 3).reshape(count, rows * BLOCK, columns * BLOCK, -1)
        return image.permute(0, 3, 1, 2)


class PixelNet(nn.Module):
    """One pixel in, the same pixel out: 1 × 1 layers only.

    Args:
        channels: channels of the input and of the output.
    """

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        first, second, third = PIXEL_FEATURES
        self.layers = nn.Sequential(
            *_normalised(nn.Conv2d(channels, first, 1)),
            *_normalised(nn.Conv2d(first, second, 1)),
            *_normalised(nn.Conv2d(second, third, 1)),
            nn.Conv2d(third, channels, 1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Values in [-1, 1], ``(N, channels, H, W)``, of float images of any height and width."""
        values: Tensor = self.layers(x)
        return values


def _normalised(layer: nn.Conv2d) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]
