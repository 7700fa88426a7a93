"""Blind baselines look at no plain image, cost no memory, and are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ppattack.errors import ImageError
from ppattack.metrics import baselines as baselines_module
from ppattack.metrics.baselines import blind_baselines, class_means, constant, fit, mean_image
from tests.support.photographs import random_pairs, real_pairs

SHAPE = (3, 16, 16)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_baseline_has_the_plain_shape() -> None:
    ciphertexts, _ = random_pairs(16, 5)
    public, _ = real_pairs(16, 9)
    made = blind_baselines(ciphertexts, SHAPE, public, rng())
    assert made.keys() == {"const128", "black", "ciphertext", "mean", "random-public"}
    for images in made.values():
        assert images.shape == (5, *SHAPE)
        assert images.dtype == torch.uint8
    assert torch.all(made["const128"] == 128)
    assert torch.all(made["black"] == 0)
    assert torch.equal(made["ciphertext"], ciphertexts)
    assert torch.equal(made["mean"][3], mean_image(public)[0])


def test_without_public_images_or_image_ciphertexts() -> None:
    ciphertexts, _ = random_pairs(16, 5)
    for public in (None, ciphertexts[:0]):
        made = blind_baselines(ciphertexts, SHAPE, public, rng())
        assert made.keys() == {"const128", "black", "ciphertext"}
    tokens = torch.zeros((5, 4, 8))
    assert blind_baselines(tokens, SHAPE, None, rng()).keys() == {"const128", "black"}
    empty = blind_baselines(ciphertexts[:0], SHAPE, ciphertexts, rng())
    assert all(images.shape == (0, *SHAPE) for images in empty.values())


def test_random_public_images_follow_the_generator() -> None:
    ciphertexts, _ = random_pairs(16, 40)
    public, _ = random_pairs(16, 6, seed=1)
    first, again, other = (
        blind_baselines(ciphertexts, SHAPE, public, rng(seed))["random-public"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    matches = (first[:, None] == public[None]).flatten(2).all(dim=2)
    assert torch.all(matches.sum(dim=1) == 1)
    assert torch.all(matches.any(dim=0))


def test_the_mean_image_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = random_pairs(8, 7)
    expected = np.floor(images.double().mean(dim=0).numpy() + 0.5)
    for count in (1, 2, 3, 7, 8):
        monkeypatch.setattr(baselines_module, "MEAN_AT_ONCE", count * 3 * 8 * 8)
        assert np.array_equal(mean_image(images)[0].numpy(), expected)
    halves = torch.tensor([0, 1], dtype=torch.uint8).view(2, 1, 1, 1)
    assert mean_image(halves).item() == 1


def test_one_image_for_all_is_held_once() -> None:
    ciphertexts = constant((3, 224, 224), 100_000, 7)
    made = blind_baselines(ciphertexts[:1000], (3, 224, 224), ciphertexts[:2], rng())
    for name in ("const128", "black", "mean"):
        assert made[name].stride(0) == 0
        assert made[name].untyped_storage().nbytes() == 3 * 224 * 224


def test_ciphertexts_are_fitted_to_the_plain_shape() -> None:
    wide = torch.arange(2 * 6 * 20).remainder(256).to(torch.uint8).view(2, 1, 6, 20)
    cropped = fit(wide, (3, 4, 5))
    assert cropped.shape == (2, 3, 4, 5)
    assert torch.equal(cropped[:, 1], wide[:, 0, :4, :5])
    tiled = fit(wide, (1, 8, 25))
    assert torch.equal(tiled[..., 6:, 20:], wide[..., :2, :5])
    colour = torch.tensor([10, 20, 31], dtype=torch.uint8).view(1, 3, 1, 1)
    assert fit(colour, (1, 1, 1)).item() == 20


def test_public_images_of_another_shape_are_refused() -> None:
    ciphertexts, _ = random_pairs(16, 2)
    for public in (random_pairs(15, 2)[0], ciphertexts[:, :1]):
        with pytest.raises(ImageError, match="resize them"):
            blind_baselines(ciphertexts, SHAPE, public, rng())
    with pytest.raises(ImageError, match="from_float"):
        blind_baselines(ciphertexts, SHAPE, ciphertexts.float(), rng())


def test_class_means_are_the_means_of_their_classes() -> None:
    public, _ = real_pairs(16, 9)
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 1])
    made = class_means(public, labels, torch.tensor([1, 0, 2, 1]))
    assert made.shape == (4, *SHAPE)
    assert torch.equal(made[0], mean_image(public[labels == 1])[0])
    assert torch.equal(made[1], mean_image(public[labels == 0])[0])
    assert torch.equal(made[2], mean_image(public)[0])
    assert torch.equal(made[3], made[0])
