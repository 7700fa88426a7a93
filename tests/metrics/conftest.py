from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from ppattack.metrics.lpips import Lpips, find_weights
from ppattack.metrics.lpips_weights import nothing_found


def lpips_or_skip(net: str) -> Lpips:
    if find_weights(net) is None:
        pytest.skip(nothing_found(net))
    return Lpips(net)


@pytest.fixture(scope="session")
def alex() -> Lpips:
    """LPIPS on AlexNet with its real weights."""
    return lpips_or_skip("alex")


@pytest.fixture(scope="session")
def vgg() -> Lpips:
    """LPIPS on VGG16 with its real weights."""
    return lpips_or_skip("vgg")


@pytest.fixture(scope="session")
def squeeze_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random SqueezeNet weights under torchvision's names, in a file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = torchvision.models.squeezenet1_1().state_dict()
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.pth"
    torch.save(state, path)
    return path
