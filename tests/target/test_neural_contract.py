"""The contract of random networks is tried on small ones, and what breaks it is still found."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from ppattack.errors import PluginError
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target import Key, contract
from ppattack.target.private_encoder import PrivateEncoder, _Affine
from targets.neuracrypt import NeuraCrypt

PRODUCTS = 2e8
"""Multiplications in all: a tenth of a second. One key of the paper's width takes 10^11."""
PARAMETERS = 4e5
"""Of one encoder; the paper's have 4 and 22 millions."""


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize(
    ("name", "shape"), [("neuracrypt", (1, 256, 256)), ("color-neuracrypt", (3, 224, 224))]
)
@pytest.mark.parametrize("depth", [7, 47])
def test_no_encoder_of_the_papers_width_is_made(
    name: str, shape: Any, scope: Any, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[PrivateEncoder] = []
    products: list[int] = []
    generate, forward = PrivateEncoder.generate, _Affine.forward

    def generated(*args: Any) -> PrivateEncoder:
        made.append(generate(*args))
        return made[-1]

    def multiplied(layer: _Affine, x: Tensor) -> Tensor:
        products.append(x.numel() * layer.weight.shape[0])
        return forward(layer, x)

    monkeypatch.setattr(PrivateEncoder, "generate", generated)
    monkeypatch.setattr(_Affine, "forward", multiplied)
    monkeypatch.setattr(contract, "_kept", set())
    contract.check(registry.target(name)(depth=depth), shape, scope)
    assert 2 <= len(made) <= 3 * contract.IMAGES
    assert 0 < sum(products) < PRODUCTS
    assert max(sum(part.numel() for part in one.parameters()) for one in made) < PARAMETERS


class KeepsImages(NeuraCrypt):
    """Writes into the images."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        made = super().encrypt(images, key, generator=generator)
        images += 1
        return made


class SameKey(NeuraCrypt):
    """Has one key only."""

    def key_parts(self, draw: Any, image_shape: Any) -> Any:
        """The same for every generator."""
        return super().key_parts(lambda name: numpy_stream(0, name), image_shape)


class OneOnly(NeuraCrypt):
    """Returns one ciphertext only."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Encrypt."""
        return super().encrypt(images, key, generator=generator)[:1]


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        (KeepsImages, "encrypt changes the images"),
        (SameKey, "key_parts gives one key only"),
        (OneOnly, r"encrypt returned the shape \(1, 16, 8\), not \(4, 16, 8\)"),
    ],
)
def test_what_breaks_it_is_found_all_the_same(scheme: type[NeuraCrypt], words: str) -> None:
    with pytest.raises(PluginError, match=rf"class {scheme.__name__}\): {words}"):
        contract.check(scheme(), (1, 64, 64), "dataset")
