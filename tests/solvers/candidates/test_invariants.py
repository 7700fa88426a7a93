"""Invariants: no key changes them, and they tell images apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.candidates import invariants
from ppattack.solvers.candidates.invariants import Invariants, byte_counts
from tests.support.natural import natural_sets

SCHEMES: list[tuple[str, dict[str, Any], int]] = [
    ("pe", {}, 3),
    ("pe", {"color_shuffle": True}, 3),
    ("le", {}, 3),
    ("ele", {}, 3),
    ("etc", {"block_size": 4}, 3),
    ("etc", {"block_size": 16}, 3),
    ("etc", {"block_size": 8}, 1),
    ("etc-gray", {}, 3),
    ("plain", {}, 3),
]


@pytest.mark.parametrize(("name", "settings", "channels"), SCHEMES)
def test_no_key_changes_them(name: str, settings: dict[str, Any], channels: int) -> None:
    target = registry.target(name)(**settings)
    images = natural_sets(40, 0, size=32).victims[:, :channels]
    shape = (channels, 32, 32)
    keys = target.generate_keys((numpy_stream(1, i) for i in range(40)), shape)
    scheme = target.public()
    plain = scheme.representation.prepare(images)
    found = Invariants(scheme.structure, plain, torch.Generator().manual_seed(0))
    ours = found.of(target.encrypt(images, keys), "ciphertext")
    theirs = found.of(plain, "ciphertext")
    scale = theirs.std(dim=0).clamp_min(1e-3)
    far = torch.cdist(ours / scale, theirs / scale)
    assert torch.equal(far.argmin(dim=1), torch.arange(40))
    own, other = far.diagonal().median(), far.fill_diagonal_(torch.inf).amin(dim=1).median()
    assert own < 0.02 * other


def test_a_one_time_pad_leaves_nothing() -> None:
    target = registry.target("one-time-pad")()
    images = natural_sets(60, 0, size=32).victims
    keys = target.generate_keys((numpy_stream(1, i) for i in range(60)), (3, 32, 32))
    found = Invariants(target.structure(), images, torch.Generator().manual_seed(0))
    ours = found.of(target.encrypt(images, keys), "ciphertext")
    theirs = found.of(images, "ciphertext")
    right = (torch.cdist(ours, theirs).argmin(dim=1) == torch.arange(60)).sum()
    assert right <= 6


def test_bytes_are_counted_image_by_image() -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 2, 5, 7), generator=draw, dtype=torch.uint8)
    images[1] = 255
    wanted = np.stack([np.bincount(each.numpy().ravel(), minlength=256) for each in images])
    assert np.array_equal(byte_counts(images).numpy(), wanted)


@pytest.mark.parametrize("name", ["le", "vit-blocks"])
def test_few_of_very_many_distances_are_those_of_all(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    structure = registry.target(name)(block_size=4).structure()
    images = natural_sets(6, 0, size=32).victims
    pairs = torch.tensor([[0, 1], [5, 60], [63, 2], [17, 40]])
    few = invariants._distances(images, structure, "ciphertext", pairs)
    monkeypatch.setattr(invariants, "SPARSE", 1e9)
    assert torch.allclose(few, invariants._distances(images, structure, "ciphertext", pairs))
    edge = images[:, :, :4, :8].long()
    parts = (edge >> 4, edge & 15) if structure.unit == "nibble" else (edge,)
    apart = torch.cat([(each[..., :4] - each[..., 4:]).flatten(1) for each in parts], dim=1)
    expected = (apart**2).sum(dim=1) / 48
    assert torch.allclose(few[:, 0] ** 2, expected.float(), rtol=1e-4)
