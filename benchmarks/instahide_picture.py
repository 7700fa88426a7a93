"""The picture for the page on InstaHide: encodings, images found, and private images.

    python benchmarks/instahide.py FOLDER --cases 100x50 --keep kept.npz
    python benchmarks/instahide_picture.py kept.npz --out docs/images/instahide.png

The first private images, each under what was found that is most like it, mirrored or not, however
little that is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from ppattack.data.image_files import write_png
from ppattack.metrics.ssim_matrix import ssim_matrix

SHOWN = 12
ZOOM = 2
GAP = 2


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kept", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with np.load(given.kept, allow_pickle=False) as kept:
        encodings, found, private = (
            torch.from_numpy(kept[name]) for name in ("encodings", "found", "private")
        )
    states = torch.cat([found, found.flip(3)])
    best = states[ssim_matrix(states, private).argmax(dim=0)]
    rows = [row[:SHOWN] for row in (encodings, best, private)]
    tiles = torch.stack(rows)
    large = tiles.repeat_interleave(ZOOM, dim=3).repeat_interleave(ZOOM, dim=4)
    framed = functional.pad(large, (GAP,) * 4, value=255)  # (3, n, C, H, W)
    write_png(given.out, framed.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2))


if __name__ == "__main__":
    main()
