"""The pictures of "Photographs": plain images, ciphertexts, and what the attacks bring back.

Four photographs installed with scikit-image, 224 × 224 pixels. ``patch-shuffle``: each under a key
of its own, no public images. ``vit-blocks`` with complements: the four under one key, with public
photographs of a folder. What comes back is drawn as it is::

    python benchmarks/photographs_picture.py --public DIR --out docs/images
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image
from torch import Tensor

from ppattack.attack import Context
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import global_states
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.threat import KeyScope

SIZE, SHOWN, GAP = 224, 112, 4
"""Pixels: of the photographs, of each in the picture, between them."""
SQUARES = {
    "astronaut": (0, 0, 512),
    "chelsea": (0, 100, 300),
    "coffee": (0, 100, 400),
    "rocket": (0, 110, 427),
}
"""Top, left and edge of the part that is taken, pixels."""
COLOURS = 256
CASES: dict[str, tuple[str, dict[str, Any], KeyScope, str]] = {
    "patch_shuffle": ("patch-shuffle", {}, "image", "jigsaw"),
    "vit_blocks": ("vit-blocks", {}, "dataset", "covariance-matching"),
}


def main() -> int:
    """Attack, draw, and print SSIM: as it is, and in the best state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300, help="public photographs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=sorted(CASES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    plain = _photographs()
    public = registry.dataset(f"folder:{given.public}")
    known = public.load(ImageRequest(1, given.count, SIZE, 0)).adversary
    for name, (scheme, settings, scope, attack) in CASES.items():
        if given.only in (None, name):
            target = registry.target(scheme)(**settings)
            sets = ImageSets("photographs", plain, known[:0] if scope == "image" else known)
            method = registry.attack(attack)()
            scenario = simulate(method, target, sets, scope, seed=0)
            start = time.process_time()
            found = method(scenario.observation, Context(torch.device("cpu"), seed=0))
            seconds = time.process_time() - start
            assert found.images is not None
            seen = scenario.observation.ciphertexts
            _draw(given.out / f"{name}.png", (plain, seen, found.images))
            states = torch.stack([ssim(each, plain) for each in global_states(found.images)])
            print(f"{name}: SSIM {_row(ssim(found.images, plain))}, in its best state", end=" ")
            print(f"{_row(states.max(0).values)}; {seconds:.0f} CPU seconds; {dict(found.notes)}")
    return 0


def _photographs() -> Tensor:
    """``(4, 3, 224, 224)`` uint8."""
    made = []
    for name, (top, left, edge) in SQUARES.items():
        whole = getattr(skimage.data, name)()[top : top + edge, left : left + edge]
        small = Image.fromarray(whole).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        made.append(np.asarray(small).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(made))


def _draw(path: Path, rows: tuple[Tensor, ...]) -> None:
    """A sheet with a row of images for each tensor, in few colours so that the file is small."""
    step = SHOWN + GAP
    count = len(rows[0])
    sheet = Image.new("RGB", (count * step - GAP, len(rows) * step - GAP), "white")
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            shown = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
            small = shown.resize((SHOWN, SHOWN), Image.Resampling.BOX)
            sheet.paste(small, (j * step, i * step))
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def _row(values: Tensor) -> str:
    return " ".join(f"{float(value):.3f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
