"""The picture for the page on code alignment: images, and what comes back of them.

Codes of 400 grey images of 128 × 128 pixels, NeuraCrypt of width 768 and depth 7, shuffled: 392
photographs of a folder, and eight crops of two photographs that are installed with scikit-image.
Those eight are shown, in the layout that is right of the two that are found::

    python benchmarks/code_alignment_picture.py --data folder:PHOTOGRAPHS --out docs/images
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.data.image_files import write_png
from ppattack.data.source import ImageRequest
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.code_alignment.alignment import align
from ppattack.target.neural import NeuralTarget

IMAGES = 400
SHOWN = 8
EDGE = 128
GAP = 4


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="as in ppattack run --data")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    given = parser.parse_args()
    torch.set_num_threads(1)
    shown = ImageRequest(victims=SHOWN, adversary=0, size=EDGE, seed=0)
    others = ImageRequest(victims=IMAGES - SHOWN, adversary=IMAGES, size=EDGE, seed=0)
    sets = registry.dataset(given.data).load(others)
    crops = registry.dataset("photos").load(shown).victims
    plain, public = _grey(torch.cat([crops, sets.victims])), _grey(sets.adversary)
    target = registry.target("neuracrypt")(hidden=768)
    if not isinstance(target, NeuralTarget):
        raise SystemExit("this target encodes with no network")
    key = target.generate_key(numpy_stream(0, "victims"), (1, EDGE, EDGE))
    codes = target.encrypt(plain, key, generator=numpy_stream(0, "orders"))
    found = align(target, codes, public, Context(torch.device("cpu"), 1))
    both = [found.images] if found.mirrored is None else [found.images, found.mirrored]
    scores = [float(ssim(each, plain).mean()) for each in both]
    print("mean SSIM of both layouts:", scores)
    best = both[scores.index(max(scores))]
    write_png(given.out / "code_alignment.png", _sheet(plain[:SHOWN], best[:SHOWN]))
    return 0


def _grey(images: Tensor) -> Tensor:
    return images.float().mean(dim=1, keepdim=True).round().to(torch.uint8)


def _sheet(*rows: Tensor) -> Tensor:
    """``(1, H, W)``: rows of images, with white between them."""
    sheet = torch.full((1, len(rows) * (EDGE + GAP) - GAP, SHOWN * (EDGE + GAP) - GAP), 255)
    for down, row in enumerate(rows):
        for right, image in enumerate(row):
            top, left = down * (EDGE + GAP), right * (EDGE + GAP)
            sheet[:, top : top + EDGE, left : left + EDGE] = image
    return sheet.to(torch.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
