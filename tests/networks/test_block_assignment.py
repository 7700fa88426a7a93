"""The generator made of a scheme's own operations can be each scheme's inverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ppattack import blocks
from ppattack.networks.block_assignment import BlockAssignmentNet, first_assignment, sinkhorn
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.trained.display import Display
from ppattack.target import PermXorTarget
from ppattack.target.structure import Structure
from tests.conftest import smooth_images

SHAPE = (3, 16, 16)


def test_an_assignment_is_doubly_stochastic() -> None:
    generator = torch.Generator().manual_seed(0)
    for count in (1, 4, 64):
        logits = 0.2 * torch.randn(count, count, generator=generator)
        found = sinkhorn(logits)
        assert (found >= 0).all()
        assert torch.allclose(found.sum(0), torch.ones(count), atol=1e-5)
        assert torch.allclose(found.sum(1), torch.ones(count), atol=0.05)


def test_a_sharp_assignment_is_the_permutation() -> None:
    order = torch.tensor([2, 0, 3, 1])
    logits = torch.zeros(4, 4)
    logits[torch.arange(4), order] = 2.0
    assert torch.allclose(sinkhorn(logits), torch.eye(4)[order], atol=1e-6)


def test_at_first_it_is_near_the_identity_and_not_settled() -> None:
    found = sinkhorn(first_assignment(16))
    assert 0.2 < float(found.diagonal().mean()) < 0.9


@pytest.mark.parametrize("name", ["keyless", "pe", "etc", "le", "ele"])
def test_it_can_be_the_exact_inverse_of_a_key(name: str) -> None:
    settings: dict[str, Any] = {"block_size": 4} if name in {"etc", "le", "ele"} else {}
    target = registry.target(name)(**settings)
    assert isinstance(target, PermXorTarget)
    images = smooth_images(6)
    key = target.generate_key(numpy_stream(3, "key"), SHAPE)
    network = BlockAssignmentNet(SHAPE, target.structure())
    with torch.no_grad():
        _write(network, target.permxor(key).inverse(), target.structure())
    made = Display().reconstructions(network, target.encrypt(images, key), torch.device("cpu"))
    assert torch.equal(made, images)


def _write(network: BlockAssignmentNet, inverse: PermXor, structure: Structure) -> None:
    """Give a network the weights of an inverse key."""
    block = structure.block_size
    size = math.prod(SHAPE)
    place, local = _places(block)
    index, mask = inverse.index.reshape(-1), inverse.mask.reshape(-1)
    sharp = 3.0
    per_block = 3 * block * block
    moves = torch.zeros(size // per_block, size // per_block)
    mixture = structure.kind == "blocks-dihedral"
    rows = per_block if mixture else network.weight.shape[1]
    maps = torch.zeros(size // per_block, rows, per_block)
    for symbol, source in enumerate(index.tolist()):
        sign = -1.0 if mask[symbol] else 1.0
        byte, come_from = symbol % size, source % size
        moves[place[byte], place[come_from]] = sharp
        row, scale = local[come_from], 1.0
        if structure.unit == "nibble":
            row += 0 if source >= size else per_block
            scale = 16 / 17 if symbol >= size else 1 / 17
        maps[place[come_from], row, local[byte]] = sign * scale
    if network.assignment is not None:
        network.assignment.copy_(moves)
    if mixture:
        network.weight.fill_(-sharp)
        for number, table in enumerate(maps):
            sources = table.abs().argmax(dim=0)
            state = int((network.tables == sources).all(dim=1).nonzero()[0, 0])
            negative = bool((table.sum() < 0).item())
            network.weight[number, state + negative * len(network.tables)] = sharp
    else:
        network.weight.copy_(maps[: len(network.weight)])


def _places(block: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each byte of an image the number of its block, and its number in the block."""
    numbers = blocks.split(np.arange(math.prod(SHAPE)).reshape(SHAPE), block)
    numbers = numbers.reshape(len(numbers), -1)
    place, local = np.empty(numbers.size, np.intp), np.empty(numbers.size, np.intp)
    for each, row in enumerate(numbers):
        place[row], local[row] = each, np.arange(len(row))
    return place, local


def test_images_keep_their_shape_and_blocks_their_place() -> None:
    network = BlockAssignmentNet(SHAPE, Structure("blocks", block_size=4))
    x = torch.from_numpy(np.random.default_rng(0).random((2, *SHAPE), dtype=np.float32))
    with torch.no_grad():
        network.weight.copy_(torch.eye(48).expand(16, 48, 48))
        assert torch.allclose(network(x), x, atol=1e-6)
