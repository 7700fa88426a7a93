"""The scorer gives each metric's own values, with the plain images' part done once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics import IMAGE_METRICS
from ppattack.metrics import images as images_module
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.psnr import mse, psnr
from ppattack.metrics.ssim import ssim
from tests.support.photographs import random_pairs, real_pairs


def test_scores_are_the_metrics_own(alex: Lpips) -> None:
    plain, other = real_pairs(32, 7)
    noise, _ = random_pairs(32, 7)
    scores = ImageScorer("cpu", alex).score(plain, {"reconstruction": other, "ciphertext": noise})
    assert list(scores) == list(IMAGE_METRICS)
    for label, images in (("reconstruction", other), ("ciphertext", noise)):
        expected = {
            "ssim": ssim(images, plain),
            "ssim_wang2004": ssim(images, plain, variant="wang2004"),
            "psnr": psnr(images, plain),
            "mse": mse(images, plain),
            "lpips": alex(images, plain),
        }
        for metric, values in expected.items():
            assert torch.allclose(scores[metric][label], values, rtol=0, atol=1e-6)
            assert scores[metric][label].dtype == torch.float64


def test_a_perfect_reconstruction_is_perfect_and_a_useless_one_worse(alex: Lpips) -> None:
    plain, _ = real_pairs(32, 6)
    useless, _ = random_pairs(32, 6, seed=1)
    scores = ImageScorer("cpu", alex).score(plain, {"perfect": plain, "useless": useless})
    for name, card in IMAGE_METRICS.items():
        perfect, worse = scores[name]["perfect"], scores[name]["useless"]
        assert torch.allclose(perfect, torch.full_like(perfect, card.perfect), atol=1e-6)
        assert torch.all(worse < perfect if card.better == "higher" else worse > perfect)


def test_features_of_plain_images_and_of_constants_are_computed_once(
    alex: Lpips, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, other = real_pairs(32, 7)
    grey = torch.full((1, 3, 32, 32), 128, dtype=torch.uint8).expand(7, -1, -1, -1)
    counts: list[int] = []
    own = Lpips._features

    def counted(self: Lpips, images: Tensor) -> Tensor:
        counts.append(len(images))
        return own(self, images)

    monkeypatch.setattr(Lpips, "_features", counted)
    scores = ImageScorer("cpu", alex).score(plain, {"a": other, "b": plain, "grey": grey})
    assert sorted(counts) == [1, 7, 7, 7]
    assert torch.allclose(scores["lpips"]["grey"], alex(grey.contiguous(), plain), atol=1e-6)


def test_parts_join_up(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, other = real_pairs(16, 7)
    scorer = ImageScorer("cpu", "not wanted")
    expected = scorer.score(plain, {"a": other})
    for count in (1, 2, 3, 7, 8):
        monkeypatch.setattr(images_module, "CPU_PIXELS", count * 16 * 16)
        found = scorer.score(plain, {"a": other})
        for metric, by_label in expected.items():
            assert torch.equal(found[metric]["a"], by_label["a"])
    empty = scorer.score(plain[:0], {"a": other[:0]})
    assert all(by_label["a"].shape == (0,) for by_label in empty.values())


@pytest.mark.parametrize(
    ("edge", "missing"),
    [
        (32, set()),
        (30, {"lpips"}),
        (10, {"lpips", "ssim_wang2004"}),
        (6, {"lpips", "ssim", "ssim_wang2004"}),
    ],
)
def test_absent_metrics_give_a_reason_and_no_score(
    alex: Lpips, edge: int, missing: set[str]
) -> None:
    plain, other = random_pairs(edge, 2)
    scorer = ImageScorer("cpu", alex)
    absent = scorer.absent((3, edge, edge))
    assert absent.keys() == missing
    assert all(f"not {edge}x{edge}" in reason for reason in absent.values())
    assert scorer.score(plain, {"a": other}).keys() == IMAGE_METRICS.keys() - missing


def test_without_lpips_the_given_reason_stands() -> None:
    scorer = ImageScorer("cpu", "switched off")
    assert scorer.absent((3, 32, 32)) == {"lpips": "switched off"}
    assert "lpips" not in scorer.variants()


def test_variants_name_what_was_computed(alex: Lpips) -> None:
    variants = ImageScorer("cpu", alex).variants()
    assert variants.keys() == IMAGE_METRICS.keys()
    assert "alex" in variants["lpips"]
    assert alex.weights.source in variants["lpips"]


def test_images_of_another_shape_are_refused() -> None:
    plain, other = random_pairs(16, 3)
    scorer = ImageScorer("cpu", "")
    for wrong in (other[:2], other[..., :15], other[:, :1], other.float()):
        with pytest.raises(ImageError):
            scorer.score(plain, {"reconstruction": wrong})


@pytest.mark.gpu
def test_the_gpu_agrees_with_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    plain, other = real_pairs(32, 7)
    there = ImageScorer("cuda", Lpips(device="cuda")).score(plain, {"a": other})
    here = ImageScorer("cpu", Lpips()).score(plain, {"a": other})
    for metric in IMAGE_METRICS:
        assert torch.allclose(there[metric]["a"], here[metric]["a"], rtol=0, atol=1e-5)
