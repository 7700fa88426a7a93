"""Random changes: against loops, by their laws, and without touching the global generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.classification.augmentation import change_images, change_inputs, shift
from ppattack.classification.settings import TrainingConfig

NOTHING: dict[str, Any] = {"flip": False, "crop": "none"}


def images(count: int = 6, size: int = 16, channels: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, channels, size, size), np.uint8))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_shifts_are_cuts_of_a_padded_image(seed: int) -> None:
    corners = np.random.default_rng(seed).integers(0, 9, (2, 6))
    plain = images()
    moved = shift(plain, corners)
    for before, after, top, left in zip(plain.numpy(), moved.numpy(), *corners, strict=True):
        padded = np.zeros((3, 24, 24), np.uint8)
        padded[:, 4:20, 4:20] = before
        assert np.array_equal(after, padded[:, top : top + 16, left : left + 16])
    assert torch.equal(shift(plain, np.full((2, 6), 4)), plain)


def test_nothing_is_changed_where_nothing_is_asked_for() -> None:
    config = TrainingConfig(**NOTHING)
    assert torch.equal(change_images(images(), config, np.random.default_rng(0)), images())
    inputs, targets = change_inputs(
        images().float(), torch.arange(6), 8, config, np.random.default_rng(0)
    )
    assert torch.equal(inputs, images().float())
    assert torch.equal(targets, torch.eye(8)[:6])


def test_half_of_the_images_are_mirrored() -> None:
    plain = images(400, 4)
    config = TrainingConfig(flip=True, crop="none")
    changed = change_images(plain, config, np.random.default_rng(3))
    same = (changed == plain).flatten(1).all(dim=1)
    mirrored = (changed == plain.flip(-1)).flatten(1).all(dim=1)
    assert bool((same | mirrored).all())
    assert 160 < int(mirrored.sum()) < 240


@pytest.mark.parametrize(
    "settings_",
    [{"rand_augment": True}, {"crop": "resized"}, {"flip": True, "crop": "shift"}],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_changes_keep_the_convention_and_the_global_generator(
    settings_: dict[str, Any], channels: int
) -> None:
    config = TrainingConfig(**{**NOTHING, **settings_})
    plain = images(channels=channels)
    state = torch.get_rng_state()
    changed = [change_images(plain, config, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert torch.equal(state, torch.get_rng_state())
    assert changed[0].shape == plain.shape
    assert changed[0].dtype == torch.uint8
    assert torch.equal(changed[0], changed[1])
    assert not torch.equal(changed[0], changed[2])
    assert torch.equal(plain, images(channels=channels))


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_targets_are_the_shares_that_are_in_the_inputs(kind: str, seed: int) -> None:
    """Input k is 1 in channel k alone, so the mean of a channel is that image's share."""
    mixture: dict[str, Any] = {kind: 1.0}
    config = replace(TrainingConfig(**NOTHING), **mixture)
    inputs = torch.eye(5)[:, :, None, None].expand(5, 5, 6, 8).contiguous()
    mixed, targets = change_inputs(inputs, torch.arange(5), 5, config, np.random.default_rng(seed))
    torch.testing.assert_close(mixed.mean(dim=(2, 3)), targets)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(5))


def test_pasted_rectangles_are_whole_pixels_and_tokens_are_blended_only() -> None:
    config = TrainingConfig(**NOTHING, cutmix=1.0)
    inputs = torch.arange(4.0)[:, None, None, None].expand(4, 3, 8, 8)
    pasted, _ = change_inputs(inputs, torch.arange(4), 4, config, np.random.default_rng(1))
    assert set(pasted[0].unique().tolist()) == {0.0, 3.0}
    tokens = torch.randn(4, 9, 5)
    kept, targets = change_inputs(tokens, torch.arange(4), 4, config, np.random.default_rng(1))
    assert torch.equal(kept, tokens)
    assert torch.equal(targets, torch.eye(4))


def test_rectangles_are_erased() -> None:
    config = TrainingConfig(**NOTHING, erasing=1.0)
    inputs = torch.ones(8, 3, 16, 16)
    erased, _ = change_inputs(inputs, torch.zeros(8).long(), 2, config, np.random.default_rng(0))
    holes = (erased == 0).flatten(1).sum(dim=1)
    assert bool((holes > 0).all())
    assert bool((holes < erased[0].numel()).all())
    assert torch.equal(inputs, torch.ones(8, 3, 16, 16))
