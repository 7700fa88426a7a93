"""Values of images do not depend on who computes them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.evaluation.image_values import best_states, image_values
from ppattack.metrics import IMAGE_METRICS
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.lpips_weights import find_weights
from ppattack.metrics.states import best_state_ssim
from tests.support.photographs import real_pairs

WITHOUT = "switched off in this test"


class Elsewhere:
    """Workers that are sent everything as processes are."""

    count = 2

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def map(self, function: Callable[[Any], Any], parts: Sequence[Any]) -> Iterator[Any]:
        for part in parts:
            sent = pickle.dumps((function, part))
            self.sizes.append(len(sent))
            there, argument = pickle.loads(sent)
            yield pickle.loads(pickle.dumps(there(argument)))


@pytest.mark.parametrize("features", [False, True])
def test_they_are_the_same_elsewhere(features: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppattack.evaluation.image_values.IMAGES_AT_ONCE", 8)
    monkeypatch.setattr("ppattack.evaluation.image_values.WORTH_SENDING", 0)
    if features and find_weights("alex") is None:
        pytest.skip("no weights of AlexNet are installed")
    scorer = ImageScorer("cpu", Lpips("alex") if features else WITHOUT)
    plain, images = real_pairs(32, 20)
    one = plain.float().mean(0, keepdim=True).to(torch.uint8).expand_as(plain)
    blind = {"mean": one, "others": plain.roll(1, 0)}
    workers = Elsewhere()
    here = image_values(images, plain, blind, scorer, tuple(IMAGE_METRICS))
    there = image_values(images, plain, blind, scorer, tuple(IMAGE_METRICS), workers)
    assert here.keys() == there.keys()
    assert ("lpips" in here) == features
    for metric, by_label in here.items():
        assert by_label.keys() == there[metric].keys() == {"reconstruction", "mean", "others"}
        for label, values in by_label.items():
            assert values.shape == (20,)
            assert np.array_equal(values, there[metric][label])
    image = plain[0].numel()
    assert len(workers.sizes) == 3
    assert all(size < (3 * 8 + 1) * image + 3000 for size in workers.sizes)  # the mean goes once


def test_the_best_state_of_each_image_is_the_same_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ppattack.evaluation.image_values.IMAGES_AT_ONCE", 8)
    plain, images = real_pairs(32, 20)
    images[::2] = 255 - images[::2].flip(3)
    known = best_state_ssim(images, plain, shared=False)
    workers = Elsewhere()
    assert torch.equal(best_states(images, plain, workers), known)
    assert not workers.sizes  # too few images to be worth it
    monkeypatch.setattr("ppattack.evaluation.image_values.WORTH_SENDING", 0)
    assert torch.equal(best_states(images, plain, workers), known)
    assert len(workers.sizes) == 3
