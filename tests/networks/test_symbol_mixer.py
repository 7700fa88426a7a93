"""The position-specific network: it holds every scheme exactly, and learns planted keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.networks.symbol_mixer import Geometry, SymbolMixer, symbol_loss
from ppattack.plugins.registry import target as target_class
from ppattack.seeding import numpy_stream
from ppattack.target import PermXorTarget
from ppattack.target.structure import Structure
from ppattack.training.fit import TrainingData, fit
from ppattack.training.recipe import Recipe

SHAPE = (3, 8, 16)
SCHEMES: list[tuple[str, dict[str, Any]]] = [
    ("le", {}),
    ("ele", {}),
    ("pe", {}),
    ("pe", {"color_shuffle": True}),
    ("etc", {"block_size": 4}),
    ("etc", {"block_size": 8}),
    ("keyless", {}),
    ("plain", {}),
]


def noise(count: int, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    values = numpy_stream(5).integers(0, 256, (count, *shape), dtype=np.uint8)
    return torch.from_numpy(values)


def case(name: str, settings: dict[str, Any], plain: Tensor) -> tuple[Structure, Tensor, Tensor]:
    """Structure, ciphertexts, and for each symbol of the ciphertext where it comes from."""
    target = target_class(name)(**settings)
    assert isinstance(target, PermXorTarget)
    key = target.generate_key(numpy_stream(9), SHAPE)
    made = target.permxor(key)
    structure = target.structure()
    made = made.as_nibbles() if structure.unit == "nibble" else made
    table = np.stack([made.index, made.mask > 0])
    return structure, target.encrypt(plain, key), torch.from_numpy(table.astype(np.int64))


def numbered(geometry: Geometry) -> Tensor:
    """``(B, S)``: the number, in the order of :class:`PermXor`, of each symbol of each block."""
    size = math.prod(SHAPE)
    pixels = torch.arange(size).view(1, *SHAPE)
    parts = [pixels + size, pixels] if geometry.nibbles else [pixels]
    whole = Geometry(
        geometry.channels, geometry.rows, geometry.columns, geometry.height, geometry.width
    )
    cut = [whole.cut(part % 251) for part in parts]  # cut() shows the order of bytes alone
    assert cut[0].shape[1:] == (geometry.blocks, geometry.symbols // len(parts))
    blocks = [
        part.view(
            geometry.channels, geometry.rows, geometry.height, geometry.columns, geometry.width
        )
        .permute(1, 3, 0, 2, 4)
        .reshape(geometry.blocks, -1)
        for part in parts
    ]
    assert torch.allclose(cut[-1][0], (blocks[-1] % 251) * (2 / 255) - 1)
    return torch.cat(blocks, dim=1)


@pytest.mark.parametrize(("name", "settings"), SCHEMES, ids=str)
def test_it_can_represent_the_inverse_of_every_scheme_exactly(
    name: str, settings: dict[str, Any]
) -> None:
    plain = noise(7)
    structure, ciphertexts, (source, complemented) = case(name, settings, plain)
    geometry = Geometry.of(structure, SHAPE)
    network = SymbolMixer(geometry)
    places = numbered(geometry)
    where = torch.empty(places.numel(), 2, dtype=torch.int64)  # block and place of each symbol
    where[places.flatten()] = torch.cartesian_prod(
        torch.arange(geometry.blocks), torch.arange(geometry.symbols)
    )
    taken = source.argsort()[places]  # (B, S): the ciphertext symbol that shows each plain one
    blocks, symbols = where[taken].unbind(-1)
    assert bool((blocks == blocks[:, :1]).all())
    chosen = symbols + complemented[taken] * geometry.symbols
    with torch.no_grad():
        if geometry.shared:
            assert bool((chosen == chosen[:1]).all())
        network.within.fill_(-math.inf)
        network.within.scatter_(2, chosen[: len(network.within), :, None], 0.0)
        if network.between is not None:
            network.between.fill_(-math.inf).scatter_(1, blocks[:, :1], 0.0)
        else:
            assert torch.equal(blocks[:, 0], torch.arange(geometry.blocks))
    assert name == "plain" or not torch.equal(ciphertexts, plain)
    values = network(ciphertexts.float() / 127.5 - 1)
    assert torch.equal(((values + 1) * 127.5).round().to(torch.uint8), plain)
    assert float(symbol_loss(network, ciphertexts, plain).detach()) < 1e-5


@pytest.mark.long
@pytest.mark.parametrize(("name", "settings"), SCHEMES[:5], ids=str)
def test_a_planted_key_is_learnt_from_few_pairs_of_noise(
    name: str, settings: dict[str, Any]
) -> None:
    plain = noise(24)
    structure, ciphertexts, _ = case(name, settings, plain)
    network = SymbolMixer(Geometry.of(structure, SHAPE))
    data = TrainingData(*(part[:16].repeat(20, 1, 1, 1) for part in (ciphertexts, plain)))
    recipe = Recipe(15, 16, "adamw", 0.3, schedule="one-cycle", validation_share=0.0)
    fit(network, data, symbol_loss, recipe, Context(torch.device("cpu"), seed=1), "planted")
    with torch.inference_mode():
        values = network(ciphertexts[16:].float() / 127.5 - 1)
    error = ((values + 1) * 127.5 - plain[16:]).abs()
    assert float(error.mean()) < 3.0
    assert float((ciphertexts[16:].float() - plain[16:]).abs().mean()) > 50.0


def test_of_a_scheme_that_says_nothing_any_symbol_can_have_gone_anywhere() -> None:
    geometry = Geometry.of(Structure(), (1, 4, 6))
    assert (geometry.blocks, geometry.symbols, geometry.weights) == (1, 24, 2 * 24**2)
    network = SymbolMixer(geometry)
    assert sum(parameter.numel() for parameter in network.parameters()) == geometry.weights


@pytest.mark.parametrize(("name", "settings"), SCHEMES, ids=str)
def test_the_weights_announced_are_those_it_has(name: str, settings: dict[str, Any]) -> None:
    geometry = Geometry.of(target_class(name)(**settings).structure(), SHAPE)
    network = SymbolMixer(geometry)
    assert sum(parameter.numel() for parameter in network.parameters()) == geometry.weights


@pytest.mark.parametrize(("name", "settings"), SCHEMES, ids=str)
def test_images_that_are_cut_and_joined_are_as_before(name: str, settings: dict[str, Any]) -> None:
    geometry = Geometry.of(target_class(name)(**settings).structure(), SHAPE)
    images = noise(3)
    joined = geometry.join(geometry.cut(images))
    assert torch.equal(((joined + 1) * 127.5).round().to(torch.uint8), images)
