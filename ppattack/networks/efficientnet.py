"""EfficientNet-Lite0: a small classifier of ImageNet without what phones cannot compute.

Reference: M. Tan, Q. V. Le: EfficientNet: Rethinking model scaling for convolutional neural
networks. ICML (2019). arXiv:1905.11946; Lite: no squeeze-and-excitation, ReLU6 for swish.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride of the first block, expansion and channels, stage by stage."""
STEM, HEAD = 32, 1280
MIDDLE, SCALE = 127.0, 128.0
"""What is subtracted from grey levels, and what they are then divided by."""
EPSILON = 1e-3


class EfficientNetLite0(nn.Module):
    """The network up to its pooled features; names of its weights are those of the published file.

    The published classifier of 1,000 classes on top of these features is not part of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Conv(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        blocks, before = [], STEM
        for repeats, kernel, stride, expansion, channels in STAGES:
            for number in range(repeats):
                step = stride if number == 0 else 1
                blocks.append(_Block(before, channels, kernel, step, expansion))
                before = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Conv(before, HEAD, 1)
        self._bn1 = nn.BatchNorm2d(HEAD, EPSILON)

    def forward(self, levels: Tensor) -> Tensor:
        """``(N, 1280)`` features of ``(N, 3, H, W)`` float grey levels, 0 to 255."""
        x = functional.relu6(self._bn0(self._conv_stem((levels - MIDDLE) / SCALE)))
        for block in self._blocks:
            x = block(x)
        found: Tensor = functional.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        return found


class _Conv(nn.Conv2d):
    """A convolution padded as TensorFlow does it: the odd row or column comes last."""

    def __init__(
        self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C', H / stride, W / stride)``, rounded up."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(functional.pad(x, pads) if any(pads) else x)


class _Block(nn.Module):
    """An inverted residual: expand, look around in each channel, project."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = before * expansion
        self.adds, self.expands = stride == 1 and before == after, expansion > 1
        if self.expands:
            self._expand_conv = _Conv(before, inner, 1)
            self._bn0 = nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = _Conv(inner, inner, kernel, stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = _Conv(inner, after, 1)
        self._bn2 = nn.BatchNorm2d(after, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C', H / stride, W / stride)``."""
        found = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        found = functional.relu6(self._bn1(self._depthwise_conv(found)))
        projected: Tensor = self._bn2(self._project_conv(found))
        return projected + x if self.adds else projected
