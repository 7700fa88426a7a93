from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ppattack.errors import ConfigError, KeyFileError, NotInvertible
from ppattack.seeding import numpy_stream
from ppattack.target import Key
from ppattack.target.trained import refuse_untrained
from targets.pe import PE
from targets.transform_net import TransformationNetwork
from tests.conftest import smooth_images
from tests.support.schemes import pattern

SMALL = TransformationNetwork(variant="small")
SHAPE = (3, 16, 16)


def stated_weights(network: nn.Module) -> None:
    """Weights by formula, numbered as the published code defines its layers."""
    halves = [*network.down]  # type: ignore[misc]
    for up, merge in zip(network.up, network.merge, strict=True):  # type: ignore[arg-type]
        halves += [up, merge]
    number = 0
    for part in [*halves, network.last]:
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                i = torch.arange(layer.weight.numel(), dtype=torch.float64)
                fan_in = layer.weight[0].numel()
                wave = (0.37 * i + number).sin() * math.sqrt(2 / fan_in)
                layer.weight.data = wave.view_as(layer.weight)
                rest = torch.arange(len(layer.weight), dtype=torch.float64)
                assert layer.bias is not None
                layer.bias.data = 0.01 * (rest + number + 1).cos()
                number += 2
            elif isinstance(layer, nn.BatchNorm2d):
                number += 2  # scale 1, offset 0
    assert number == 90


def test_the_papers_network_with_stated_weights() -> None:
    network = TransformationNetwork().network((3, 32, 32)).double().eval()
    assert sum(part.numel() for part in network.parameters()) == 34_527_171
    stated_weights(network)
    with torch.no_grad():
        z = network(pattern().double() / 255).sigmoid()
    assert float(z.mean()) == pytest.approx(0.499388671, abs=1e-8)
    assert float(z.std()) == pytest.approx(0.002112756, abs=1e-6)
    first, last = z[0, :, 0, 0].tolist(), z[0, :, 31, 31].tolist()
    assert first == pytest.approx((0.501764774, 0.499591979, 0.497192531), abs=1e-8)
    assert last == pytest.approx((0.501871344, 0.499328141, 0.497023815), abs=1e-8)


@pytest.mark.parametrize(("truncation", "level"), [(True, 190), (False, 191)])
def test_outputs_become_bytes(truncation: bool, level: int) -> None:
    outputs = torch.tensor([190.6 / 255, 0.9999999, 1e-7], dtype=torch.float32)
    found = TransformationNetwork(variant="small", truncation=truncation).published(outputs)
    assert found.dtype == torch.uint8
    assert found.tolist() == [level, 254 if truncation else 255, 0]


def _key(seed: int = 0) -> Key:
    return SMALL.generate_key(numpy_stream(seed, "key"), SHAPE)


def test_ciphertexts_are_what_the_network_says() -> None:
    key, images = _key(), smooth_images(2)
    network = SMALL.loaded(key)
    assert not network.training
    by_hand: Tensor = (network(images.float() / 255).sigmoid() * 255).round()
    assert float((SMALL.encrypt(images, key).float() - by_hand).abs().max()) <= 1
    assert len(key.parts) == len({name: 0 for name in network.state_dict() if "num" not in name})
    assert {part.dtype for part in key.parts.values()} == {np.dtype(np.float32)}
    assert not torch.equal(SMALL.encrypt(images, _key(1)), SMALL.encrypt(images, key))


def test_keys_of_other_settings_are_refused() -> None:
    key, images = _key(), smooth_images(1)
    with pytest.raises(KeyFileError, match="settings"):
        TransformationNetwork().encrypt(images, key)
    few = dict(list(key.parts.items())[1:])
    with pytest.raises(KeyFileError, match="other names"):
        SMALL.encrypt(images, Key("transform-net", SHAPE, few))
    with pytest.raises(NotInvertible, match="classifier"):
        SMALL.decrypt(images, key)


def test_commands_without_an_owner_refuse_it() -> None:
    refuse_untrained(PE())
    with pytest.raises(ConfigError, match="its owner trains"):
        refuse_untrained(SMALL)


def test_settings_reach_the_owner() -> None:
    paper = TransformationNetwork().owner_training()
    assert (paper.images, paper.epochs, paper.batch_size, paper.weight) == (45_000, 200, 128, 0.01)
    assert TransformationNetwork(epochs=3, images=40).owner_training().epochs == 3
    assert TransformationNetwork(epochs=3, images=40).owner_training().images == 40
