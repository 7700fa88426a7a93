"""SSIM against a scikit-image loop, LPIPS against one pair at a time.

Both sides get the same pairs: crops of photographs, and the same crops with noise.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from side_by_side import Ratio, compare, finish
from skimage.metrics import structural_similarity
from torch import Tensor

from ppattack.errors import MetricUnavailable
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.ssim import ssim

Array = NDArray[np.float64]
PHOTOS: Any = skimage.data
reference_ssim: Any = structural_similarity
SSIM_PAIRS = {32: 384, 224: 8}
LPIPS_PAIRS = {32: 256, 64: 64, 224: 8}
FAST, EXACT = 1e-6, 1e-12


def photo_pairs(size: int, count: int) -> tuple[Tensor, Tensor]:
    """``(N, 3, size, size)`` uint8 crops of photographs, and the same with noise."""
    rng = np.random.default_rng(0)
    photos = [PHOTOS.astronaut(), PHOTOS.coffee(), PHOTOS.chelsea()]
    crops = np.empty((count, 3, size, size), np.uint8)
    for i in range(count):
        photo = photos[i % len(photos)]
        top, left = (int(rng.integers(edge - size + 1)) for edge in photo.shape[:2])
        crops[i] = photo[top : top + size, left : left + size].transpose(2, 0, 1)
    noisy = np.clip(crops + rng.normal(0, 25, crops.shape), 0, 255).astype(np.uint8)
    return torch.from_numpy(crops), torch.from_numpy(noisy)


def scikit_image(x: Tensor, y: Tensor, **options: Any) -> Callable[[], Array]:
    """The loop over pairs that people usually write."""
    a, b = (images.permute(0, 2, 3, 1).contiguous().numpy() for images in (x, y))
    return lambda: np.array(
        [reference_ssim(p, q, channel_axis=2, **options) for p, q in zip(a, b, strict=True)]
    )


def same(ours: Tensor, theirs: object, tolerance: float) -> None:
    """Stop if the two sides do not compute the same: a fast wrong answer is worth nothing."""
    worst = float(np.abs(ours.numpy() - np.asarray(theirs)).max())
    if not worst <= tolerance:
        raise SystemExit(f"the two sides differ by {worst:.1e}, more than {tolerance:g}")


def ssim_ratios() -> list[Ratio]:
    """Both variants, both precisions, two sizes."""
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ratios = []
    for size, bounds in {32: (5.0, 3.0), 224: (2.5, 1.1)}.items():
        x, y = photo_pairs(size, SSIM_PAIRS[size])
        loop = scikit_image(x, y)
        for exact, bound in zip((False, True), bounds, strict=True):
            same(ssim(x, y, exact=exact), loop(), EXACT if exact else FAST)
            ratios.append(
                compare(
                    f"SSIM {size} px, within {EXACT if exact else FAST:g}, to scikit-image",
                    partial(ssim, x, y, exact=exact),
                    loop,
                    sense="faster",
                    bound=bound,
                )
            )
        gaussian = scikit_image(x, y, data_range=255, **wang)
        same(ssim(x, y, variant="wang2004"), gaussian(), EXACT)
        ratios.append(
            compare(
                f"SSIM {size} px, wang2004, to scikit-image",
                partial(ssim, x, y, variant="wang2004"),
                gaussian,
                sense="faster",
                bound=bounds[1],
            )
        )
    return ratios


@torch.inference_mode()
def lpips_ratios() -> list[Ratio]:
    """Batches against one pair at a time with the same network, and what the cache saves."""
    try:
        metric = Lpips()
    except MetricUnavailable as error:
        print(error)
        return []
    one_at_a_time = reference_lpips(metric)
    ratios = []
    for size, bound in {32: 10.0, 64: 4.0, 224: 0.95}.items():
        x, y = photo_pairs(size, LPIPS_PAIRS[size])
        few = min(len(x), 64 if size < 224 else 4)  # more are not needed to time the slow side
        same(metric(x, y)[:few], one_at_a_time(x[:few], y[:few]), 1e-5)
        ratio = compare(
            f"LPIPS {size} px, {len(x)} pairs per batch, to one at a time",
            partial(metric, x, y),
            partial(one_at_a_time, x, y),
            sense="faster",
            bound=bound,
            repeats=3,
        )
        ratios.append(ratio)
    x, y = photo_pairs(32, LPIPS_PAIRS[32])
    seen = metric.features(x)
    ratios.append(
        compare(
            "LPIPS 32 px, plain features kept, to both computed",
            lambda: metric.distance(metric.features(y), seen),
            partial(metric, x, y),
            sense="faster",
            bound=1.6,
            repeats=15,
        )
    )
    return ratios


def reference_lpips(metric: Lpips) -> Callable[[Tensor, Tensor], list[float]]:
    """The ``lpips`` package, called pair by pair, on the same weights."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package builds its network in a deprecated way
        model = lpips.LPIPS(net=metric.net, pnet_rand=True, verbose=False)
    model.net.load_state_dict(metric.trunk.state_dict())
    return lambda x, y: [
        float(model(p[None] / 127.5 - 1, q[None] / 127.5 - 1)) for p, q in zip(x, y, strict=True)
    ]


def main() -> int:
    """Run everything with one thread."""
    torch.set_num_threads(1)
    return finish([*ssim_ratios(), *lpips_ratios()])


if __name__ == "__main__":
    sys.exit(main())
