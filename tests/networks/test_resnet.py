"""ResNet-18 for small images: size, shapes, and the same outputs as plain functions give."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from ppattack.attack import Context
from ppattack.networks.resnet import cifar_resnet, resnet18
from ppattack.training.fit import seeded

CONTEXT = Context(torch.device("cpu"), seed=0)


def _block(before: int, after: int) -> int:
    """Two 3 × 3 layers and, where the width changes, one 1 × 1 beside them, with norms."""
    beside = before * after + 2 * after if before != after else 0
    return 9 * before * after + 2 * after + 9 * after * after + 2 * after + beside


def _counted(channels: int, classes: int) -> int:
    widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
    blocks = sum(_block(a, b) for a, b in pairwise(widths))
    return 9 * channels * 64 + 2 * 64 + blocks + 512 * classes + classes


@pytest.mark.parametrize(
    ("channels", "classes", "known"), [(3, 10, 11_173_962), (1, 100, None), (3, 2, None)]
)
def test_the_parameters_are_those_counted_by_hand(
    channels: int, classes: int, known: int | None
) -> None:
    network = resnet18(channels, classes)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == _counted(channels, classes)
    assert known is None or found == known


@pytest.mark.long
@settings(max_examples=6, deadline=None)
@given(st.sampled_from([1, 3]), st.integers(8, 40), st.integers(8, 40), st.integers(1, 12))
def test_logits_for_any_size(channels: int, height: int, width: int, classes: int) -> None:
    network = resnet18(channels, classes).eval()
    assert network(torch.rand(2, channels, height, width)).shape == (2, classes)


def test_an_image_of_32_pixels_keeps_its_size_to_the_first_halving() -> None:
    network = resnet18().eval()
    sizes = []
    for name in ("conv1", "layer1", "layer2", "layer3", "layer4"):
        module = network.get_submodule(name)
        module.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    network(torch.rand(1, 3, 32, 32))
    assert sizes == [(64, 32, 32), (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


def _normalised(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    scale = weights[f"{name}.weight"] / (variance + 1e-5).sqrt()
    shift = weights[f"{name}.bias"] - mean * scale
    return x * scale[:, None, None] + shift[:, None, None]


def _plainly(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """The same network as functions of its weights."""
    x = _normalised(functional.conv2d(x, weights["conv1.weight"], padding=1), weights, "bn1").relu()
    for group in range(1, 5):
        for block in range(2):
            at = f"layer{group}.{block}"
            stride = 2 if group > 1 and block == 0 else 1
            y = functional.conv2d(x, weights[f"{at}.conv1.weight"], stride=stride, padding=1)
            y = _normalised(y, weights, f"{at}.bn1").relu()
            y = functional.conv2d(y, weights[f"{at}.conv2.weight"], padding=1)
            y = _normalised(y, weights, f"{at}.bn2")
            if stride == 2:
                x = functional.conv2d(x, weights[f"{at}.downsample.0.weight"], stride=2)
                x = _normalised(x, weights, f"{at}.downsample.1")
            x = (x + y).relu()
    return x.mean(dim=(2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]


def test_the_outputs_are_those_of_plain_functions() -> None:
    network = seeded(resnet18, CONTEXT).double().eval()
    stream = CONTEXT.torch_stream("norms")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for part in (module.running_mean, module.running_var, module.weight, module.bias):
                assert part is not None
                part.data.uniform_(0.5, 1.5, generator=stream)
    images = torch.rand(3, 3, 32, 32, generator=stream).double()
    torch.testing.assert_close(network(images), _plainly(images, network.state_dict()))


def test_resnet_20_has_its_papers_parameters() -> None:
    network = cifar_resnet()
    assert sum(part.numel() for part in network.parameters()) == 269_722
    images = torch.rand(2, 3, 32, 32)
    assert network(images).shape == (2, 10)
    assert network.first_stage(images).shape == (2, 16, 32, 32)


def test_shortcuts_skip_pixels_and_pad_channels() -> None:
    network = cifar_resnet(blocks=1, width=4).eval()
    for layer in network.stages.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.zeros_(layer.weight)
    images = torch.rand(2, 3, 8, 8)
    first = network.stem(images)
    last = network.stages[2](network.stages[1](network.stages[0](first)))
    assert last.shape == (2, 16, 2, 2)
    assert torch.equal(last[:, 6:10], first[:, :, ::4, ::4])
    assert not last[:, :6].any()
    assert not last[:, 10:].any()
