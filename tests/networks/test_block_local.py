"""The block-local and the pixel network: size, and that they see one block, or one pixel."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from ppattack.attack import Context
from ppattack.networks.block_local import BlockLocalNet, PixelNet
from ppattack.training.fit import seeded


@pytest.mark.parametrize(
    ("network", "by_hand"),
    [
        # layer, normalisation; layer, normalisation; layer, normalisation; layer
        (BlockLocalNet(3), 2352 + 96 + 2352 + 96 + 25088 + 1024 + 99),
        (BlockLocalNet(1), 816 + 96 + 2352 + 96 + 25088 + 1024 + 33),
        (PixelNet(3), 256 + 128 + 8320 + 256 + 33024 + 512 + 771),
        (PixelNet(1), 128 + 128 + 8320 + 256 + 33024 + 512 + 257),
    ],
)
def test_the_parameters_are_those_counted_by_hand(network: nn.Module, by_hand: int) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == by_hand


@pytest.mark.parametrize(("build", "rows"), [(BlockLocalNet, [8, 9, 10, 11]), (PixelNet, [9])])
def test_an_output_pixel_sees_its_own_block_or_itself(
    build: Callable[[], nn.Module], rows: list[int]
) -> None:
    network = seeded(build, Context(torch.device("cpu"), seed=0)).eval()
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(images)[0, :, 9, 9].sum().backward()
    assert images.grad is not None
    touched = images.grad[0].abs().sum(dim=0).nonzero()
    assert sorted(set(touched[:, 0].tolist())) == rows
    assert sorted(set(touched[:, 1].tolist())) == rows


@pytest.mark.parametrize("network", [BlockLocalNet(1), PixelNet(1), BlockLocalNet(3), PixelNet(3)])
@pytest.mark.parametrize("size", [(4, 4), (7, 9), (1, 1), (28, 30)])
def test_any_size_comes_back_within_the_range_of_tanh(
    network: nn.Module, size: tuple[int, int]
) -> None:
    channels = 1 if next(network.parameters()).shape[1] == 1 else 3
    values = network.eval()(torch.rand(2, channels, *size))
    assert values.shape == (2, channels, *size)
    assert values.abs().max() < 1


def test_the_block_network_is_the_published_one_with_its_features_renamed() -> None:
    network = seeded(BlockLocalNet, Context(torch.device("cpu"), seed=0)).eval()
    layers = list(network.layers)
    published = nn.Sequential(*copy.deepcopy(layers[:9]), nn.PixelShuffle(4), nn.Conv2d(32, 3, 1))
    published[10].load_state_dict(layers[9].state_dict())
    for layer in (published[6], published[7]):
        for value in [*layer.parameters(), *layer.buffers()]:
            if value.ndim:
                value.data = value.data.view(16, 32, -1).transpose(0, 1).reshape(value.shape)
    images = torch.rand(2, 3, 16, 12)
    torch.testing.assert_close(network(images), published.eval()(images).tanh())
