"""How much is left of an image whose values are folded at mid-grey, by the signs of its channels.

A generator that sees one pixel at a time cannot know whether a value of PE is complemented: at best
it returns the fold, or its negative, in every channel. ``python benchmarks/fold_signs.py DATA
[IMAGES]``, for example ``folder:CIFAR10``, prints the quartiles of |SSIM|.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from ppattack.data.source import ImageRequest
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.reports.robustness import BOXES

CASES = {
    "all dark": (),
    "all bright": (0, 1, 2),
    "red bright": (0,),
    "green bright": (1,),
    "blue bright": (2,),
}


def main(data: str, count: int) -> None:
    """Print a row for each choice of signs, and the published figures."""
    images = registry.dataset(data).load(ImageRequest(count, 1, size=32)).victims
    dark = torch.minimum(images, 255 - images) * 2  # 0 to 254
    print("| fold | lower quartile, median, upper quartile of |SSIM| | mean SSIM |")
    for name, bright in CASES.items():
        made = dark.clone()
        made[:, list(bright)] = 255 - dark[:, list(bright)]
        found = ssim(made, images)
        print(f"| {name} | {_row(found.abs())} | {float(found.mean()):+.3f} |")
    box = BOXES["gan", "pe"]
    print(f"| published, GAN on `pe` | {box.q1:.4f}, {box.median:.4f}, {box.q3:.4f} | |")


def _row(values: Tensor) -> str:
    quarters = torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype)
    return ", ".join(f"{float(value):.4f}" for value in values.quantile(quarters))


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "photos",
        int(sys.argv[2]) if len(sys.argv) > 2 else 10000,
    )
