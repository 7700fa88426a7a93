"""Convolutions of maps smaller than their kernel, as one matrix.

At 32 pixels AlexNet's later kernels reach far over maps of 3 × 3 and 1 × 1 pixels and multiply
mostly padding. A dense matrix between all inputs and outputs does less work there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SmallMapConv2d(nn.Conv2d):
    """A convolution that keeps the map's size, quicker on a CPU if the map is small.

    Args:
        convolution: one with stride 1 and padding of half its kernel; its weights are shared, and
            must not change any more.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__(
            convolution.in_channels,
            convolution.out_channels,
            (convolution.kernel_size[0], convolution.kernel_size[1]),
            padding="same",
            device="meta",
        )
        self.weight, self.bias = convolution.weight, convolution.bias
        self._matrices: dict[tuple[int, int], Tensor] = {}

    def forward(self, maps: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C', H, W)``, as the convolution does."""
        height, width = maps.shape[2:]
        taps = self.kernel_size[0] * self.kernel_size[1]
        if maps.device.type != "cpu" or 2 * height * width > taps:
            return super().forward(maps)
        if (height, width) not in self._matrices:
            self._matrices[height, width] = self._matrix(height, width)
        flat = maps.permute(0, 2, 3, 1).flatten(1)
        dense = functional.linear(flat, self._matrices[height, width])
        made = dense.view(len(maps), height, width, self.out_channels)
        return (made if self.bias is None else made.add_(self.bias)).permute(0, 3, 1, 2)

    def _matrix(self, height: int, width: int) -> Tensor:
        """``(H·W·C', H·W·C)``: the convolution's output for each single input."""
        size = height * width * self.in_channels
        single = torch.eye(size).view(size, height, width, self.in_channels)
        made = functional.conv2d(single.permute(0, 3, 1, 2), self.weight, padding="same")
        return made.permute(0, 2, 3, 1).reshape(size, -1).t().contiguous()


def quicken(network: nn.Module) -> None:
    """Replace, everywhere in a frozen network, each convolution that keeps the map's size."""
    for name, layer in list(network.named_children()):
        if isinstance(layer, nn.Conv2d) and _keeps_size(layer):
            setattr(network, name, SmallMapConv2d(layer))
        else:
            quicken(layer)


def _keeps_size(layer: nn.Conv2d) -> bool:
    half = tuple(edge // 2 for edge in layer.kernel_size)
    odd = all(edge % 2 for edge in layer.kernel_size)
    plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
    return plain and odd and layer.padding == half and max(half) > 0
