from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ppattack.data.source import ImageRequest, content_hashes
from ppattack.errors import DataError
from ppattack.plugins import registry


def test_digits_have_classes_on_both_sides_and_share_no_image() -> None:
    sets = registry.dataset("digits").load(ImageRequest(victims=300, adversary=1400, size=None))
    assert sets.victims.shape == (300, 3, 32, 32)
    assert sets.adversary.shape == (1400, 3, 32, 32)
    assert sets.classes == tuple("0123456789")
    assert sets.victim_labels is not None
    assert sets.adversary_labels is not None
    assert len(sets.victim_labels.unique()) == len(sets.adversary_labels.unique()) == 10
    assert not set(content_hashes(sets.victims)) & set(content_hashes(sets.adversary))


def test_at_eight_pixels_they_are_those_of_scikit_learn() -> None:
    sets = registry.dataset("digits").load(ImageRequest(victims=0, adversary=1797, size=8))
    found = load_digits()
    wanted = {
        (np.rint(image * 255 / 16).astype(np.uint8).tobytes(), int(label))
        for image, label in zip(found.images, found.target, strict=True)
    }
    assert sets.adversary_labels is not None
    labels = sets.adversary_labels.tolist()
    grey = sets.adversary[:, 0].numpy()
    assert {(image.tobytes(), label) for image, label in zip(grey, labels, strict=True)} == wanted
    assert torch.equal(sets.adversary[:, 0], sets.adversary[:, 2])


def test_the_seed_chooses() -> None:
    first, same, other = (
        registry.dataset("digits").load(ImageRequest(20, 40, 16, seed)) for seed in (0, 0, 1)
    )
    assert first.hash == same.hash
    assert first.hash != other.hash


def test_there_are_no_more() -> None:
    with pytest.raises(DataError, match="not 1800"):
        registry.dataset("digits").load(ImageRequest(1800, 0, 8))
