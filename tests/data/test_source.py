"""Sets of images with labels: what they refuse, and that labels go with their images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.data.source import ImageSets, content_hashes
from ppattack.errors import DataError
from tests.conftest import smooth_images


def labelled(victims: int = 6, adversary: int = 9) -> ImageSets:
    """Images whose class is that of their first pixel, modulo 3."""
    images = smooth_images(victims + adversary, size=8)
    labels = images[:, 0, 0, 0].long() % 3
    return ImageSets(
        "labelled",
        images[:victims].clone(),
        images[victims:].clone(),
        classes=("a", "b", "c"),
        victim_labels=labels[:victims].clone(),
        adversary_labels=labels[victims:].clone(),
    )


def agree(images: torch.Tensor, labels: torch.Tensor | None) -> bool:
    """Whether every label is that of its own image."""
    return labels is not None and torch.equal(labels, images[:, 0, 0, 0].long() % 3)


@pytest.mark.parametrize("side", ["victim_labels", "adversary_labels"])
@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (torch.zeros(4, dtype=torch.int64), r"labels of shape \(4,\) for \d images"),
        (torch.zeros((6, 1), dtype=torch.int64), r"labels of shape \(6, 1\) for \d images"),
        ([0, 1, 2, 3], "labels from 0 to 3 for 3 classes"),
        ([0, 1, 2, -1], "labels from -1 to 2 for 3 classes"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(
    side: str, labels: torch.Tensor | list[int], reason: str
) -> None:
    sets = labelled()
    if isinstance(labels, list):
        count = len(sets.victims if side == "victim_labels" else sets.adversary)
        labels = torch.tensor(labels + [0] * (count - len(labels)))
    with pytest.raises(DataError, match=reason):
        if side == "victim_labels":
            replace(sets, victim_labels=labels)
        else:
            replace(sets, adversary_labels=labels)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 8), st.sets(st.integers(0, 8)))
def test_labels_go_with_their_images(count: int, shared: set[int]) -> None:
    sets = labelled()
    first = sets.first_victims(count)
    assert torch.equal(first.victims, sets.victims[:count])
    assert agree(first.victims, first.victim_labels)
    assert agree(first.adversary, first.adversary_labels)
    less = sets.without(sets.adversary[sorted(shared)])
    assert len(less.adversary) == len(sets.adversary) - len(shared)
    assert not set(content_hashes(less.adversary)) & {
        content_hashes(sets.adversary)[row] for row in shared
    }
    assert agree(less.adversary, less.adversary_labels)
    assert agree(less.victims, less.victim_labels)


def test_the_same_without_labels() -> None:
    sets = labelled()
    bare = ImageSets(sets.name, sets.victims, sets.adversary)
    assert bare.first_victims(2).victim_labels is None
    assert bare.without(sets.adversary[:2]).adversary_labels is None
    assert bare.hash == sets.hash


def test_the_hash_of_labels_covers_names_and_both_sides() -> None:
    sets = labelled()
    assert sets.victim_labels is not None
    assert sets.adversary_labels is not None
    changed = [
        sets,
        replace(sets, classes=("a", "b", "d")),
        replace(sets, victim_labels=sets.victim_labels.flip(0)),
        replace(sets, adversary_labels=sets.adversary_labels.flip(0)),
        replace(sets, adversary_labels=None),
    ]
    assert len({each.label_hash for each in changed}) == len(changed)
    assert len({each.hash for each in changed}) == 1
    assert labelled().label_hash == sets.label_hash
