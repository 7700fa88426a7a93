"""The U-Net: size, shapes, reach."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.attack import Context
from ppattack.target.unet import UNet
from ppattack.training.fit import seeded

CONTEXT = Context(torch.device("cpu"), seed=0)


def _double(before: int, after: int) -> int:
    """Weights, biases and normalisation of two 3 × 3 layers, counted by hand."""
    return 9 * before * after + after + 2 * after + 9 * after * after + after + 2 * after


def _paper_parameters(channels: int) -> int:
    widths = [64, 128, 256, 512, 1024]
    down = _double(channels, 64) + sum(_double(w, 2 * w) for w in widths[:-1])
    halving = sum(9 * w * (w // 2) + (w // 2) + 2 * (w // 2) for w in widths[1:])
    merging = sum(_double(w, w // 2) for w in widths[1:])
    return down + halving + merging + 64 * channels + channels


@pytest.mark.parametrize(("channels", "known"), [(3, 34_527_171), (1, None)])
def test_the_paper_size_has_the_parameters_counted_by_hand(
    channels: int, known: int | None
) -> None:
    network = UNet(channels)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == _paper_parameters(channels)
    assert known is None or found == known


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 2).map(lambda number: 2 * number - 1),
    st.integers(1, 37),
    st.integers(1, 37),
    st.integers(1, 5),
)
def test_any_size_comes_back_in_the_same_size(
    channels: int, height: int, width: int, levels: int
) -> None:
    network = UNet(channels, width=2, levels=levels).eval()
    assert network(torch.rand(2, channels, height, width)).shape == (2, channels, height, width)


def test_padding_does_not_change_images_that_need_none() -> None:
    network = UNet(3, width=2, levels=3).eval()
    images = torch.rand(1, 3, 9, 9)
    padded = torch.cat([images, images[..., -1:].expand(-1, -1, -1, 3)], dim=-1)
    padded = torch.cat([padded, padded[:, :, -1:].expand(-1, -1, 3, -1)], dim=-2)
    torch.testing.assert_close(network(images), network(padded)[..., :9, :9])


def test_the_deepest_level_carries_one_corner_to_the_other() -> None:
    network = seeded(lambda: UNet(1, width=4, levels=5), CONTEXT).eval()
    images = torch.rand(1, 1, 32, 32, requires_grad=True)
    network(images)[0, 0, 0, 0].backward()
    assert images.grad is not None
    assert images.grad[0, 0, 31, 31].abs() > 0


def test_one_level_sees_only_the_neighbourhood() -> None:
    network = seeded(lambda: UNet(1, width=4, levels=1), CONTEXT).eval()
    images = torch.rand(64, 1, 32, 32, requires_grad=True)  # rectifiers hide some places of each
    network(images)[:, 0, 16, 16].sum().backward()
    assert images.grad is not None
    rows = images.grad[:, 0].abs().sum(dim=(0, 2)).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (14, 18)
