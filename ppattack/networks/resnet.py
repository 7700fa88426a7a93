"""Residual networks as used on images of 32 pixels.

Reference: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, ResNet

BLOCKS = (2, 2, 2, 2)
WIDTH = 64
STAGES = 3
"""Stages of a network for images of 32 pixels."""


def resnet18(channels: int = 3, classes: int = 10) -> nn.Module:
    """A classifier of small images: logits ``(N, classes)`` for float ``(N, channels, H, W)``.

    Args:
        channels: channels of the images.
        classes: number of logits.

    Deviations: the first convolution is 3 × 3 with stride 1, and nothing is pooled after it, so
        that an image of 32 pixels is 4 × 4 before the mean, not 1 × 1.
    """
    network: nn.Module = ResNet(BasicBlock, list(BLOCKS), num_classes=classes)
    stem = nn.Conv2d(channels, WIDTH, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    network.maxpool = nn.Identity()
    return network


def cifar_resnet(
    channels: int = 3, classes: int = 10, blocks: int = 3, width: int = 16
) -> CifarResNet:
    """ResNet-20 as its paper trains it on images of 32 pixels, or a smaller one.

    Args:
        channels: channels of the images.
        classes: number of logits.
        blocks: residual blocks per stage; 3 in ResNet-20.
        width: features of the first stage; each stage after it has twice as many.
    """
    network = CifarResNet(channels, classes, blocks, width)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return network


class CifarResNet(nn.Module):
    """Three stages of residual blocks; shortcuts have no weights (option A of the paper).

    Args:
        channels: as for :func:`cifar_resnet`, like all others.
        classes: likewise.
        blocks: likewise.
        width: likewise.
    """

    def __init__(self, channels: int, classes: int, blocks: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.ModuleList()
        before = width
        for stage in range(STAGES):
            after = width << stage
            steps = [_Residual(before if i == 0 else after, after) for i in range(blocks)]
            self.stages.append(nn.Sequential(*steps))
            before = after
        self.head = nn.Linear(before, classes)

    def first_stage(self, x: Tensor) -> Tensor:
        """``(N, width, H, W)``: what the first stage makes of images."""
        found: Tensor = self.stages[0](self.stem(x))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, classes)`` for float images ``(N, channels, H, W)``."""
        x = self.first_stage(x)
        for stage in self.stages[1:]:
            x = stage(x)
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


class _Residual(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.stride, self.extra = stride, after - before
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        found = self.norms[0](self.first(x)).relu()
        found = self.norms[1](self.second(found))
        short = x[:, :, :: self.stride, :: self.stride]
        if self.extra:
            short = functional.pad(short, (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        summed: Tensor = found + short
        return summed.relu()
