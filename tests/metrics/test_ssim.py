"""SSIM equals scikit-image, keeps the laws of a similarity, and refuses what it cannot compare."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from ppattack.errors import ImageError
from ppattack.metrics import ssim as ssim_module
from ppattack.metrics.ssim import WINDOW, Variant, ssim, ssim_of_all
from tests.support.photographs import as_batch, photo, random_pairs, real_pairs

pytestmark = pytest.mark.long

scikit_image: Any = structural_similarity
VARIANTS: tuple[Variant, ...] = get_args(Variant)
OPTIONS: dict[Variant, dict[str, Any]] = {
    "skimage": {},
    "wang2004": {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 255,
    },
}
ASTRONAUT, COFFEE, CHELSEA = photo("astronaut"), photo("coffee"), photo("chelsea")
FACE, CAT = ASTRONAUT[0:64, 200:264], CHELSEA[100:164, 100:164]


def reference(x: Tensor, y: Tensor, variant: Variant) -> NDArray[np.float64]:
    """The same by scikit-image, one pair at a time."""
    return np.array(
        [
            scikit_image(a.numpy(), b.numpy(), channel_axis=0, **OPTIONS[variant])
            for a, b in zip(x, y, strict=True)
        ]
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [32, 64, 224])
@pytest.mark.parametrize("pairs", [random_pairs, real_pairs])
def test_equals_scikit_image(pairs: Any, size: int, variant: Variant) -> None:
    x, y = pairs(size, 50)
    expected = reference(x, y, variant)
    assert np.abs(ssim(x, y, variant=variant).numpy() - expected).max() <= 1e-6
    assert np.abs(ssim(x, y, variant=variant, exact=True).numpy() - expected).max() <= 1e-12
    assert expected.max() - expected.min() > 0.5


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (FACE, FACE[:, ::-1], 0.38623530),
        (FACE, 255 - FACE, -0.51332053),
        (ASTRONAUT[0:224, 100:324], COFFEE[0:224, 100:324], 0.21457784),
        (CHELSEA[100:132, 100:132], CHELSEA[101:133, 100:132], 0.64720458),
        (CAT, CAT >> 4 << 4 | 8, 0.94727007),
    ],
)
def test_published_pairs(x: NDArray[np.uint8], y: NDArray[np.uint8], expected: float) -> None:
    assert ssim(as_batch(x), as_batch(y)).item() == pytest.approx(expected, abs=1e-6)
    assert ssim(as_batch(x), as_batch(y), exact=True).item() == pytest.approx(expected, abs=6e-9)


def test_saturated_and_flat_images_keep_their_digits() -> None:
    rows, columns = np.indices((20, 20))
    patterns = np.stack(
        [
            np.zeros((20, 20)),
            np.full((20, 20), 255),
            np.full((20, 20), 254),
            (rows + columns) % 2 * 255,
            np.where(columns < 10, 0, 255),
            255 - rows // 10,
        ]
    ).astype(np.uint8)
    first, second = (index.ravel() for index in np.indices((6, 6)))
    x, y = torch.from_numpy(patterns[first])[:, None], torch.from_numpy(patterns[second])[:, None]
    expected = np.array(
        [_by_definition(a[0].numpy(), b[0].numpy()) for a, b in zip(x, y, strict=True)]
    )
    assert np.abs(ssim(x, y).numpy() - expected).max() <= 1e-6
    assert np.abs(ssim(x, y, exact=True).numpy() - expected).max() <= 1e-12


def _by_definition(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """Window by window, with the centred moments that rounding cannot hurt."""
    a, b = (sliding_window_view(image.astype(float), (7, 7)).reshape(-1, 49) for image in (x, y))
    mean_a, mean_b = a.mean(axis=1), b.mean(axis=1)
    spread = ((a - mean_a[:, None]) * (b - mean_b[:, None])).sum(axis=1) / 48
    variances = a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)
    c1, c2 = 2.55**2, 7.65**2
    above = (2 * mean_a * mean_b + c1) * (2 * spread + c2)
    return float((above / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))).mean())


@pytest.mark.parametrize("variant", VARIANTS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), height=st.integers(11, 40), width=st.integers(11, 40))
def test_laws(variant: Variant, seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randint(0, 256, (2, 3, 1, height, width), generator=generator, dtype=torch.uint8)
    forth = ssim(x, y, variant=variant)
    rounding = 0 if variant == "skimage" else 1e-12  # integers do not round
    assert torch.allclose(forth, ssim(y, x, variant=variant), rtol=0, atol=rounding)
    assert torch.all(forth.abs() <= 1)
    assert torch.allclose(ssim(x, x, variant=variant), torch.ones(3).double(), rtol=0, atol=1e-7)
    mirrored = ssim(x.flip(3), y.flip(3), variant=variant)
    assert torch.allclose(forth, mirrored, rtol=0, atol=1e-6)
    assert torch.allclose(forth, ssim(x.mT, y.mT, variant=variant), rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_channel_counts_as_three_equal_ones(variant: Variant) -> None:
    x, y = (images[:, :1] for images in real_pairs(32, 7))
    grey = ssim(x, y, variant=variant)
    colour = ssim(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1), variant=variant)
    assert torch.allclose(grey, colour, rtol=0, atol=1e-12)
    expected = [
        scikit_image(a[0].numpy(), b[0].numpy(), **OPTIONS[variant])
        for a, b in zip(x, y, strict=True)
    ]
    assert np.abs(grey.numpy() - np.array(expected)).max() <= 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_image_is_scored_alone_whatever_the_chunk(
    variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = random_pairs(16, 7)
    expected = ssim(x, y, variant=variant, exact=True)
    for planes in (1, 2, 3, 4, 6, 9):
        monkeypatch.setattr(ssim_module, "CPU_PIXELS", planes * 16 * 16)
        assert torch.equal(ssim(x, y, variant=variant, exact=True), expected)
        assert torch.equal(ssim(x[2:3], y[2:3], variant=variant, exact=True), expected[2:3])
    assert ssim(x[:0], y[:0], variant=variant).shape == (0,)
    assert ssim(x, y, variant=variant).dtype == torch.float64


@pytest.mark.parametrize("variant", VARIANTS)
def test_memory_layout_does_not_matter_and_inputs_stay(variant: Variant) -> None:
    x, y = real_pairs(32, 6)
    kept = x.clone(), y.clone()
    expected = ssim(x, y, variant=variant)
    layouts = [
        (x.to(memory_format=torch.channels_last), y.to(memory_format=torch.channels_last)),
        (x.mT.contiguous().mT, y),
        (x.repeat_interleave(2, dim=0)[::2], y.repeat(1, 2, 1, 1)[:, :3]),
    ]
    for a, b in layouts:
        assert torch.equal(ssim(a, b, variant=variant), expected)
    spread = ssim(x[:1].expand(6, -1, -1, -1), y, variant=variant)
    assert torch.equal(spread, ssim(x[:1].repeat(6, 1, 1, 1), y, variant=variant))
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_window_must_fit(variant: Variant) -> None:
    edge = WINDOW[variant]
    x, y = random_pairs(edge, 3)
    assert np.abs(ssim(x, y, variant=variant).numpy() - reference(x, y, variant)).max() <= 1e-6
    for small in (x[..., :-1], x[..., :-1, :]):
        with pytest.raises(ImageError, match=f"at least {edge}x{edge} pixels"):
            ssim(small, small, variant=variant)


def test_an_unknown_variant_is_refused() -> None:
    x, y = random_pairs(16, 1)
    with pytest.raises(ImageError, match="skimage or wang2004"):
        ssim(x, y, variant="paper")  # type: ignore[arg-type]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_several_batches_score_as_each_alone(
    variant: Variant, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, other = real_pairs(16, 7)
    monkeypatch.setattr(ssim_module, "CPU_PIXELS", 2 * 3 * 16 * 16)
    others = {
        "other": other,
        "one": other[:1].expand_as(plain),
        "grey": torch.full_like(plain[:1], 77).expand_as(plain),
        "black": torch.zeros_like(plain[:1]).expand_as(plain),
    }
    found = ssim_of_all(plain, others, variant=variant, exact=exact)
    for label, images in others.items():
        alone = ssim(plain, images.contiguous(), variant=variant, exact=exact)
        assert torch.allclose(found[label], alone, rtol=0, atol=1e-12 if exact else 1e-7)
