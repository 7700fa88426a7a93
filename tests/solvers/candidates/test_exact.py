"""What every key leaves alone to the last bit, and nothing else does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.context import Alone
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.candidates.exact import exact_codes
from ppattack.solvers.candidates.gallery import ExactCopies, Gallery
from ppattack.target import Target
from tests.support.natural import natural_images
from tests.support.shuffled_blocks import ShuffledBlocks

SCHEMES: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("pe", {}),
    ("pe", {"color_shuffle": True}),
    ("le", {}),
    ("ele", {}),
    ("etc", {"block_size": 4}),
    ("etc", {"block_size": 16}),
    ("etc-gray", {"block_size": 8}),
]
IMAGES = natural_images(40, size=32)


def encrypted(target: Target, seed: int) -> torch.Tensor:
    keys = target.generate_keys((numpy_stream(seed, i) for i in range(40)), (3, 32, 32))
    return target.encrypt(IMAGES, keys)


@pytest.mark.parametrize(("name", "config"), SCHEMES, ids=str)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_no_key_changes_it_and_every_image_has_its_own(
    name: str, config: dict[str, Any], seed: int
) -> None:
    target = registry.target(name)(**config)
    found = IMAGES if name == "plain" else encrypted(target, seed)
    ours = exact_codes(found, target.structure())
    theirs = exact_codes(target.representation().prepare(IMAGES), target.structure())
    assert torch.equal(ours, theirs)
    assert len(ours.unique()) == len(IMAGES)


def test_a_plug_in_has_it_too() -> None:
    target = ShuffledBlocks()
    ours = exact_codes(encrypted(target, 1), target.structure())
    assert torch.equal(ours, exact_codes(IMAGES, target.structure()))


def test_one_value_more_is_another_image() -> None:
    for name, config in SCHEMES[1:]:
        target = registry.target(name)(**config)
        changed = IMAGES.clone()
        changed[:, 0, 3, 5] += 5
        prepare, structure = target.representation().prepare, target.structure()
        same = exact_codes(prepare(IMAGES), structure) == exact_codes(prepare(changed), structure)
        # Five levels more may be the complement of what was there; hardly ever they are.
        assert float(same.float().mean()) < 0.2, name


def test_blocks_that_trade_values_are_told_apart() -> None:
    """The whole histogram is the same; the blocks are not."""
    structure = registry.target("ele")().structure()
    one = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    one[..., :4, :4] = torch.from_numpy(np.arange(48, dtype=np.uint8).reshape(3, 4, 4))
    other = one.clone()
    other[0, 0, 0, 1], other[0, 0, 6, 6] = one[0, 0, 6, 6], one[0, 0, 0, 1]
    assert exact_codes(one, structure) != exact_codes(other, structure)


def test_a_one_time_pad_leaves_nothing_alone() -> None:
    target = registry.target("one-time-pad")()
    ours = exact_codes(encrypted(target, 1), target.structure())
    theirs = exact_codes(IMAGES, target.structure())
    assert not bool((ours[:, None] == theirs[None]).any())


def test_images_that_a_key_makes_equal_count_against_a_match() -> None:
    structure = registry.target("etc")(block_size=8).structure()

    def p_value(images: torch.Tensor) -> float:
        gallery = Gallery(images, lambda x: x, None, None, lambda x: x)
        return ExactCopies(structure, gallery, Alone()).p_value

    assert p_value(IMAGES) == 1 / 41
    assert p_value(torch.cat([IMAGES, IMAGES[:3]])) == 1 / 44, "one image twice is one image"
    mirrored = torch.cat([IMAGES, IMAGES[:3].flip(3)])
    assert p_value(mirrored) == 4 / 44, "three mirror images are others"
