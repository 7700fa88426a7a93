"""Stacks of images: read part by part, and the same however they are cut."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.data import stacks
from ppattack.data.stacks import Held, Made, Mapped, Stack
from ppattack.errors import DataError
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.threat import Observation
from tests.support.natural import natural_sets
from tests.support.sums import CONTEXT

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 3, 4, 5), np.uint8)


def _made(images: np.ndarray, start: int, stop: int) -> np.ndarray:
    return images[start:stop]


@pytest.fixture(params=["held", "mapped", "mapped, channels last", "made"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Stack:
    if request.param == "held":
        return Held(IMAGES)
    if request.param == "made":
        return Made(partial(_made, IMAGES), (3, 4, 5), 23)
    last = request.param.endswith("last")
    stored = np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1)) if last else IMAGES
    (tmp_path / "images").write_bytes(b"header" + stored.tobytes())
    return Mapped(tmp_path / "images", 6, stored.shape, last, 0, 23)


def test_a_stack_is_its_images(stack: Stack) -> None:
    assert stack.shape == IMAGES.shape
    assert np.array_equal(stack.read(), IMAGES)
    assert np.array_equal(stack[:4].numpy(), IMAGES[:4])
    assert np.array_equal(stack.part(5, 20).part(2, 9).read(), IMAGES[7:14])
    assert [len(part) for part in stack.split(9)] == [9, 9, 5]
    assert len(stack[30:]) == 0
    sent = pickle.loads(pickle.dumps(stack.part(3, 8)))
    assert np.array_equal(sent.read(), IMAGES[3:8])
    with pytest.raises(IndexError):
        stack[::2]


def test_shards_hold_so_many_bytes(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "SHARD_BYTES", 7 * 60)
    assert [len(shard) for shard in stack.shards()] == [7, 7, 7, 2]
    assert torch.equal(torch.cat(list(stacks.tensors(stack, "cpu"))), torch.from_numpy(IMAGES))


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images cannot be read any more"):
        Mapped(tmp_path / "images", 0, (2, 1, 4, 4), False, 0, 2).read()


@pytest.mark.parametrize(
    ("name", "settings"), [("pe", {"color_shuffle": True}), ("le", {"block_size": 4})]
)
def test_a_key_learned_from_a_stack_is_that_of_the_whole(
    name: str, settings: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, sets = registry.target(name)(**settings), natural_sets(150, 300, 8)
    attack = CovarianceMatching()
    seen = simulate(attack, target, sets, "dataset", seed=5).observation
    whole = attack(seen, CONTEXT)
    few = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=seen.ciphertexts[:20],
        image_shape=seen.image_shape,
        public_images=seen.public_images,
        stack=Held(seen.ciphertexts.numpy()),
    )
    monkeypatch.setattr(stacks, "SHARD_BYTES", 40 * 192)
    found = attack(few, replace(CONTEXT))
    assert found.notes["ciphertexts_used"] == 150
    assert found.images is not None
    assert len(found.images) == 20
    assert found.key is not None
    assert whole.key is not None
    assert np.array_equal(found.key.index, whole.key.index)
    assert np.array_equal(found.key.mask, whole.key.mask)
