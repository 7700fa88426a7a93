"""The networks that LPIPS looks through, without their classifiers, and the maps that it compares.

Their layers have torchvision's numbers, so that its files fit; neither torchvision nor the package
``lpips`` is imported. Nothing is drawn: layers stay empty until weights are assigned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""Channels of VGG16's convolutions; 0 stands for pooling."""


class Trunk(nn.Module):
    """A network that gives the maps after some of its layers.

    Args:
        features: the layers, up to the last that is looked at.
        seen: numbers of the layers whose maps are compared, in order.
    """

    def __init__(self, features: nn.Sequential, seen: tuple[int, ...]) -> None:
        super().__init__()
        self.features = features
        self.seen = seen

    def forward(self, maps: Tensor) -> list[Tensor]:
        """``(N, 3, H, W)`` float32 to one ``(N, C, H', W')`` for each layer looked at.

        Raises:
            RuntimeError: for images too small for the network.
        """
        found = []
        for number, layer in enumerate(self.features):
            maps = layer(maps)
            if number in self.seen:
                found.append(maps)
        return found


def trunk(net: str) -> Trunk:
    """The network ``alex``, ``vgg`` or ``squeeze``, its weights on the device ``meta``."""
    with torch.device("meta"):
        return {"alex": _alexnet, "vgg": _vgg16, "squeeze": _squeezenet}[net]()


def _alexnet() -> Trunk:
    layers = (
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), _relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), _relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), _relu()),
        *(nn.Conv2d(384, 256, 3, padding=1), _relu()),
        *(nn.Conv2d(256, 256, 3, padding=1), _relu()),
    )
    return Trunk(nn.Sequential(*layers), (1, 4, 7, 9, 11))


def _vgg16() -> Trunk:
    layers: list[nn.Module] = []
    before = 3
    for channels in VGG16:
        if channels:
            layers += [nn.Conv2d(before, channels, 3, padding=1), _relu()]
            before = channels
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return Trunk(nn.Sequential(*layers), (3, 8, 15, 22, 29))


def _squeezenet() -> Trunk:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    layers = (
        *(nn.Conv2d(3, 64, 3, stride=2), _relu(), pool()),
        *(_Fire(64, 16, 64), _Fire(128, 16, 64), pool()),
        *(_Fire(128, 32, 128), _Fire(256, 32, 128), pool()),
        *(_Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256)),
    )
    return Trunk(nn.Sequential(*layers), (1, 4, 7, 9, 10, 11, 12))


class _Fire(nn.Module):
    """SqueezeNet's block: few channels, then two convolutions of these side by side."""

    def __init__(self, before: int, few: int, each: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, few, 1)
        self.expand1x1 = nn.Conv2d(few, each, 1)
        self.expand3x3 = nn.Conv2d(few, each, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, 2 each, H, W)``."""
        few = self.squeeze(maps).relu_()
        return torch.cat([self.expand1x1(few), self.expand3x3(few)], dim=1).relu_()


def _relu() -> nn.Module:
    return nn.ReLU(inplace=True)
