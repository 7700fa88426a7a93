"""A function as a target: it sees images as its caller lays them out, and attacks never see it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ppattack.errors import ConfigError, PluginError, ThreatModelError
from ppattack.notebook.given import read_images
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target.function import Cipher, Layout, holding


@settings(max_examples=30, deadline=None)
@given(
    tensors=st.booleans(), last=st.booleans(), flat=st.booleans(), batch=st.booleans(),
    count=st.integers(1, 3), height=st.integers(4, 6), width=st.integers(4, 6),
)  # fmt: skip
def test_every_layout_gives_the_same_ciphertexts(
    tensors: bool, last: bool, flat: bool, batch: bool, count: int, height: int, width: int
) -> None:
    channels = 1 if flat else 3
    images = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8)
    layout = Layout(tensors, last, flat)
    laid = layout.given(images)
    assert isinstance(laid, torch.Tensor) == tensors
    assert read_images(laid).layout.tensors == tensors
    assert np.array_equal(read_images(laid).images, images.permute(0, 2, 3, 1).numpy())
    cipher = Cipher(lambda part: 255 - part, "inverted", layout, batch)
    assert torch.equal(cipher.encrypted(images), 255 - images)


@pytest.mark.parametrize(("size", "edge"), [(13, 1), (14, 2), (16, 4), (20, 4)])
def test_what_it_pads_to_is_found(size: int, edge: int) -> None:
    before = 13 if size != 20 else 17
    images = torch.zeros(1, 1, before, before, dtype=torch.uint8)
    more = size - before
    cipher = Cipher(lambda given: np.pad(given, ((0, 0), (0, more), (0, more), (0, 0))), "padding")
    assert cipher.multiple(images) == edge


def test_whole_numbers_of_other_types_are_bytes() -> None:
    images = torch.full((2, 3, 4, 4), 200, dtype=torch.uint8)
    made = Cipher(lambda given: given.astype(np.int64) - 1, "wide").encrypted(images)
    assert made.dtype == torch.uint8
    assert torch.equal(made, images - 1)
    with pytest.raises(PluginError, match="encrypt=wide returned an array of int64"):
        Cipher(lambda given: given.astype(np.int64) + 99, "wide").encrypted(images)


def test_a_function_cannot_change_what_it_is_given() -> None:
    images = torch.full((2, 3, 4, 4), 7, dtype=torch.uint8)

    def cipher(given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        given += 1
        return given

    Cipher(cipher, "in place").encrypted(images)
    assert int(images.max()) == 7


def test_the_public_part_holds_no_function() -> None:
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    with (
        holding(Cipher(lambda given: given, "secret")) as name,
        holding(Cipher(lambda given: given, "secret")) as other,
    ):
        assert name != other
        target = registry.target("function")(function=name)
        assert "secret" not in repr(target.public().config)
        key = target.generate_key(numpy_stream(0), (3, 8, 8))
        assert torch.equal(target.encrypt(images, key), images)
        with pytest.raises(ThreatModelError, match="never the function"):
            target.public(own_keys=True).target.encrypt(images, key)
    with pytest.raises(ConfigError, match="no program holds a function 'secret'"):
        registry.target("function")(function="secret")


def test_it_is_never_listed() -> None:
    assert not {"function", "arrays"} & {*registry.names("target"), *registry.names("dataset")}
    assert not registry.is_third_party("target", "function")
