"""Classifiers by name: their sizes, what they take, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ppattack.classification.models import InputForm, ModelConfig, build, parameter_count
from ppattack.errors import ConfigError
from tests.conftest import numpy_global_state

CIFAR, PHOTOGRAPH, TOKENS = (3, 32, 32), (3, 224, 224), (196, 2048)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "settings", "shape", "parameters"),
    [
        ("convmixer-256/8", {}, CIFAR, 706_570),
        ("convmixer-384/8", {}, PHOTOGRAPH, 1_470_346),
        ("vit-b/16", {}, PHOTOGRAPH, 85_806_346),
        ("resnet-18", {}, CIFAR, 11_173_962),
        ("shakedrop", {}, CIFAR, 28_485_493),
        ("shakedrop", {"adaptation": "le"}, CIFAR, 28_500_165),
        ("shakedrop", {"adaptation": "ele"}, CIFAR, 29_310_661),
    ],
)
def test_parameters_are_the_published_ones(
    name: str, settings: dict[str, Any], shape: tuple[int, ...], parameters: int
) -> None:
    assert parameter_count(build(name, ModelConfig(**settings), InputForm(shape, 10))) == parameters


@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("convmixer-16/2", {"patch_size": 4}, (1, 20, 16)),
        ("convmixer-16/2", {"adaptation": "le"}, (3, 16, 16)),
        ("shakedrop-8/6", {"adaptation": "ele"}, (3, 16, 20)),
        ("vit-t/16", {}, (3, 32, 48)),
        ("vit-t/16", {}, (9, 24)),
    ],
)
def test_logits(name: str, settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    network = build(name, ModelConfig(**settings), InputForm(shape, 7)).eval()
    assert network(torch.rand(2, *shape)).shape == (2, 7)


def test_a_vit_of_tokens_does_not_heed_their_order() -> None:
    network = build("vit-t/16", ModelConfig(), InputForm((9, 24), 5)).eval()
    tokens = torch.randn(3, 9, 24)
    with torch.no_grad():
        shuffled = network(tokens[:, torch.randperm(9)])
        torch.testing.assert_close(network(tokens), shuffled, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(network(tokens), network(tokens.flip(0)))


@pytest.mark.parametrize(
    ("name", "settings", "shape", "words"),
    [
        ("convmixer", {}, CIFAR, "no model 'convmixer'"),
        ("convmixer-0/2", {}, CIFAR, "must be 1 to"),
        ("shakedrop-9/6", {}, CIFAR, "6 n"),
        ("convmixer-8/2", {"patch_size": 40}, CIFAR, "larger than the images"),
        ("vit-b/16", {}, (3, 40, 40), "16 pixels, not 40x40"),
        ("resnet-18", {}, TOKENS, "tokens: use --model vit"),
        ("resnet-18", {"adaptation": "ele"}, (3, 30, 32), "blocks of 4 pixels, not 32x30"),
        ("vit-b/16", {"adaptation": "le"}, CIFAR, "leave model.adaptation out"),
        ("resnet-18", {"weights": "timm"}, CIFAR, "timm has no weights"),
        ("vit-b/16", {"weights": "timm"}, PHOTOGRAPH, "add --download"),
        ("resnet-18", {"weights": "/nowhere.safetensors"}, CIFAR, "cannot be read"),
    ],
)
def test_what_cannot_be_built(
    name: str, settings: dict[str, Any], shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        build(name, ModelConfig(**settings), InputForm(shape, 10))


def test_weights_of_a_file_but_for_the_head_of_other_classes(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    form = InputForm((3, 16, 16), 10)
    trained = build("convmixer-8/2", ModelConfig(patch_size=4), form)
    save_file(trained.state_dict(), path)
    config = ModelConfig(patch_size=4, weights=str(path))
    same = build("convmixer-8/2", config, form).state_dict()
    assert all(torch.equal(same[name], value) for name, value in trained.state_dict().items())
    other = build("convmixer-8/2", config, InputForm((3, 16, 16), 4)).state_dict()
    assert other["head.weight"].shape == (4, 8)
    assert torch.equal(other["stem.0.weight"], same["stem.0.weight"])
    with pytest.raises(ConfigError, match="another network"):
        build("convmixer-8/3", config, form)


def test_no_global_generator_of_numpy_is_touched() -> None:
    before = numpy_global_state()
    build("convmixer-8/2", ModelConfig(), InputForm((3, 16, 16), 10))
    assert numpy_global_state() == before
