"""The discrepancy against its definition, and what it must tell apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.seeding import torch_stream
from ppattack.solvers.trained.mmd import BANDWIDTHS, discrepancy, generated, represented
from targets.neuracrypt import NeuraCrypt


def _normal(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_stream(8, name), dtype=torch.float64)


def test_published_bandwidths() -> None:
    assert len(BANDWIDTHS) == 19
    assert BANDWIDTHS[:6] == pytest.approx((1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1))
    assert BANDWIDTHS[6:] == (1, 5, 10, 15, 20, 25, 30, 35, 100, 1e3, 1e4, 1e5, 1e6)


def test_it_is_the_sum_over_all_pairs() -> None:
    first, second = _normal("first", 5, 3) * 4, _normal("second", 7, 3)

    def mean(rows: Tensor, columns: Tensor) -> float:
        total = 0.0
        for row in rows.numpy():
            for column in columns.numpy():
                distance = float(np.sum((row - column) ** 2))
                total += sum(math.exp(-distance / (2 * width)) for width in BANDWIDTHS)
        return total / (len(rows) * len(columns))

    expected = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert float(discrepancy(first, second)) == pytest.approx(expected, rel=1e-9)
    assert float(discrepancy(second, first)) == pytest.approx(expected, rel=1e-9)


def test_nothing_lies_between_equal_samples_and_much_between_far_ones() -> None:
    sample = _normal("sample", 40, 6)
    assert float(discrepancy(sample, sample[torch.arange(39, -1, -1)])) < 1e-12
    near, far = discrepancy(sample, sample + 0.5), discrepancy(sample, sample + 5)
    assert float(far) > float(near) > 0.01


def test_it_has_a_finite_gradient_where_examples_coincide() -> None:
    sample = _normal("sample", 6, 4).requires_grad_()
    discrepancy(_normal("other", 6, 4), sample).backward()
    assert sample.grad is not None
    assert sample.grad.isfinite().all()
    assert sample.grad.any()


def test_shuffled_images_stand_for_their_mean_code() -> None:
    codes = _normal("codes", 3, 4, 5)
    order = torch.randperm(4, generator=torch_stream(8, "order"))
    shuffled = represented(codes[:, order], shuffled=True)
    torch.testing.assert_close(shuffled, represented(codes, shuffled=True))
    assert represented(codes, shuffled=False).shape == (3, 20)


def test_generated_codes_are_those_of_the_encoder() -> None:
    target = NeuraCrypt(variant="small", depth=3, shuffle=False)
    images = torch.randint(0, 256, (5, 1, 16, 16), generator=torch_stream(8, "images"))
    images = images.to(torch.uint8)
    encoder = target.surrogate(torch_stream(8, "encoder"), (1, 16, 16))
    whole = encoder(target.normalised(images)).flatten(1)
    torch.testing.assert_close(generated(target, encoder, images, 2), whole, rtol=1e-4, atol=1e-5)
