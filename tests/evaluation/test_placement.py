from __future__ import annotations

import torch

from ppattack.evaluation.placement import placed
from ppattack.metrics.ssim import ssim
from tests.support.mixtures import images


def test_images_are_put_where_they_fit_best() -> None:
    plain = images("plain", 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.equal(placed(plain[order], plain), plain)


def test_every_image_is_used_once() -> None:
    plain = images("plain", 3)
    given = torch.stack([plain[0], plain[0], plain[0].flip(0)])
    found = placed(given, plain)
    assert sorted(each.sum().item() for each in found) == sorted(
        each.sum().item() for each in given
    )
    assert float(ssim(found[:1], plain[:1])) > 0.99


def test_one_image_for_all_stays_one() -> None:
    one = images("plain", 1).expand(4, -1, -1, -1)
    assert placed(one, images("others", 4)) is one
