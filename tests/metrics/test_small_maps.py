"""A convolution written as one matrix is the same convolution."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ppattack.metrics.small_maps import SmallMapConv2d, quicken


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "size"),
    [
        (5, (3, 3)),
        (5, (1, 1)),
        (5, (2, 4)),
        (3, (1, 1)),
        (3, (2, 2)),
        (5, (7, 7)),
        ((3, 5), (2, 3)),
    ],
)
def test_equals_the_convolution(
    kernel: int | tuple[int, int], size: tuple[int, int], bias: bool
) -> None:
    edges = (kernel, kernel) if isinstance(kernel, int) else kernel
    plain = nn.Conv2d(4, 6, edges, padding=(edges[0] // 2, edges[1] // 2), bias=bias)
    quick = SmallMapConv2d(plain)
    maps = torch.randn(5, 4, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for given in (maps, maps.to(memory_format=torch.channels_last), maps[:0]):
            expected, found = plain(given), quick(given)
            assert found.shape == expected.shape
            assert torch.allclose(found, expected, rtol=0, atol=1e-6)


def test_only_fitting_layers_are_replaced_and_weights_keep_their_names() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 5, padding=2),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)),
        nn.Conv2d(4, 4, 3, padding=1, stride=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 4, padding=2),
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quicken(network)
    replaced = [
        name for name, layer in network.named_modules() if isinstance(layer, SmallMapConv2d)
    ]
    assert replaced == ["0", "2.0"]
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
