"""SSIM, LPIPS, all scores of a run and the best global state against what people use.

Times are those of the processor. Both sides get the same pairs: crops of photographs, and the same
crops with noise. A peer that is not installed (``pip install pytorch-msssim``) is left out.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from side_by_side import Ratio, finish
from side_by_side import compare as timed
from skimage.metrics import structural_similarity
from torch import Tensor

from ppattack.errors import MetricUnavailable
from ppattack.metrics.baselines import mean_image
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.lpips_weights import read_weights
from ppattack.metrics.ssim import ssim
from ppattack.metrics.ssim_matrix import ssim_matrix
from ppattack.metrics.states import best_state_ssim, global_states

Array = NDArray[np.float64]
PHOTOS: Any = skimage.data
reference_ssim: Any = structural_similarity
SSIM_PAIRS = {32: 384, 224: 8}
LPIPS_PAIRS = {32: 256, 64: 64, 224: 8}
compare = partial(timed, clock=time.process_time)
SCORED = 256
GALLERY, ASKED = 1000, 128
FAST, EXACT = 1e-6, 1e-12
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


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
    ratios = []
    for size, bounds in {32: (5.0, 3.0), 224: (4.0, 1.1)}.items():
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
        gaussian = scikit_image(x, y, data_range=255, **WANG)
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


def wang_ratios() -> list[Ratio]:
    """The Gaussian variant against pytorch-msssim, which computes in single precision."""
    try:
        from pytorch_msssim import ssim as peer
    except ImportError:
        print("pytorch-msssim is not installed: left out")
        return []
    ratios = []
    for size in (32, 64):
        x, y = photo_pairs(size, SSIM_PAIRS[32] * 32**2 // size**2)

        def theirs(x: Tensor = x, y: Tensor = y) -> Tensor:
            made: Tensor = peer(x.float(), y.float(), data_range=255, size_average=False)
            return made

        same(ssim(x, y, variant="wang2004"), theirs(), 1e-4)
        ratios.append(
            compare(
                f"SSIM {size} px, wang2004, to pytorch-msssim",
                partial(ssim, x, y, variant="wang2004"),
                theirs,
                sense="faster",
                bound=1.5,
            )
        )
    return ratios


def all_pairs_ratio() -> Ratio:
    """SSIM of some images with each of a gallery, at once and one image after another."""
    queries, gallery = (each[:, :1].contiguous() for each in photo_pairs(32, GALLERY))
    queries = queries[:ASKED]

    def one_by_one() -> Tensor:
        return torch.stack(
            [ssim(each.expand_as(gallery).contiguous(), gallery) for each in queries]
        )

    same(ssim_matrix(queries, gallery), one_by_one(), FAST)
    title = f"SSIM 32 px of {ASKED} images with {GALLERY} others, to one after another"
    ours = partial(ssim_matrix, queries, gallery)
    return compare(title, ours, one_by_one, sense="faster", bound=5.0)


def lpips_ratios(metric: Lpips) -> list[Ratio]:
    """Batches against the package, in batches and one pair at a time; what the cache saves."""
    package = lpips_package(metric)
    ratios = []
    for size, bounds in {32: (10.0, 1.2), 64: (4.0, 0.9), 224: (0.95, 0.9)}.items():
        x, y = photo_pairs(size, LPIPS_PAIRS[size])
        one_at_a_time = partial(one_by_one, package, x, y)
        at_once = partial(batched, package, x, y)
        same(metric(x, y), at_once(), FAST)
        sides: dict[str, Callable[[], object]] = {
            f"{len(x)} pairs per batch, to one at a time": one_at_a_time,
            "to the package's batches": at_once,
        }
        for (title, theirs), bound in zip(sides.items(), bounds, strict=True):
            ratios.append(
                compare(
                    f"LPIPS {size} px, {title}",
                    partial(metric, x, y),
                    theirs,
                    sense="faster",
                    bound=bound,
                )
            )
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


def scoring_ratios(metric: Lpips) -> list[Ratio]:
    """All metrics of a run's images and baselines; and the best of 96 global states."""
    plain, other = photo_pairs(32, SCORED)
    one = (plain[:1] * 0).expand_as(plain)
    labels = {"reconstruction": other, "ciphertext": 255 - other, "black": one}
    labels |= {"const128": one + 128, "mean": mean_image(plain).expand_as(plain)}
    labels["const128"] = labels["const128"][:1].expand_as(plain)
    labels["random-public"] = plain.roll(1, 0)
    package = lpips_package(metric)

    def theirs() -> None:
        for images in labels.values():
            scikit_image(plain, images)()
            scikit_image(plain, images, data_range=255, **WANG)()
            (plain.float() - images).square().mean(dim=(1, 2, 3))
            batched(package, plain, images)

    scorer = ImageScorer("cpu", metric)
    return [
        compare(
            "all metrics 32 px, to scikit-image and lpips batches",
            lambda: scorer.score(plain, labels),
            theirs,
            sense="faster",
            bound=8.0,
        ),
        compare(
            "best global state, 256 images, to 96 times their SSIM",
            lambda: best_state_ssim(other, plain, shared=True),
            lambda: [ssim(each, plain).mean() for each in global_states(other)],
            sense="faster",
            bound=3.0,
        ),
    ]


def lpips_package(metric: Lpips) -> Any:
    """The ``lpips`` package on the same weights, channels last."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package builds its network in a deprecated way
        model = lpips.LPIPS(net=metric.net, pnet_rand=True, verbose=False)
    slices = {
        number: part
        for part, layers in model.net.named_children()
        for number, _ in layers.named_children()
    }
    state = {
        f"{slices[name.split('.')[1]]}.{name.partition('.')[2]}": value
        for name, value in read_weights(metric.net, metric.weights).items()
    }
    model.net.load_state_dict(state)
    return model.eval().to(memory_format=torch.channels_last)


def batched(package: Any, x: Tensor, y: Tensor) -> Tensor:
    """All pairs at once."""
    a, b = ((images / 127.5 - 1).contiguous(memory_format=torch.channels_last) for images in (x, y))
    distances: Tensor = package(a, b).flatten()
    return distances


def one_by_one(package: Any, x: Tensor, y: Tensor) -> list[float]:
    """Pair by pair."""
    return [float(batched(package, p[None], q[None])) for p, q in zip(x, y, strict=True)]


@torch.inference_mode()
def main() -> int:
    """Run everything with one thread."""
    torch.set_num_threads(1)
    ratios = [*ssim_ratios(), *wang_ratios(), all_pairs_ratio()]
    try:
        metric = Lpips()
    except MetricUnavailable as error:
        print(error)
    else:
        ratios += [*lpips_ratios(metric), *scoring_ratios(metric)]
    return finish(ratios)


if __name__ == "__main__":
    sys.exit(main())
