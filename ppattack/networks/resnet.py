"""ResNet-18 as used on images of 32 pixels.

Reference: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385.
"""

from __future__ import annotations

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

BLOCKS = (2, 2, 2, 2)
WIDTH = 64


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
