"""Places alone: which patch each cluster of codes shows, under many keys, own codes made once.

Victims' and public images are different photographs, 128 × 128 pixels in 256 patches; the encoder
has width 768 and depth 7. Codes are in one unknown order, as unshuffling leaves them::

    python benchmarks/code_places.py --data folder:PHOTOGRAPHS [--codes 400] [--keys 10]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor

from ppattack.attack import Context
from ppattack.data.source import ImageRequest
from ppattack.plugins import registry
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.own_side import OwnSide
from ppattack.solvers.code_alignment.places import Layouts, best_layout, turns, weights_between
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, encoded
from ppattack.target.neural import NeuralTarget

EDGE, PATCH, WIDTH = 128, 8, 768
GRID = (EDGE // PATCH, EDGE // PATCH)
COUNT = 64


def main() -> int:
    """Print a line for each key."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="as in ppattack run --data")
    parser.add_argument("--codes", type=int, default=400)
    parser.add_argument("--public", type=int, default=400)
    parser.add_argument("--keys", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    target = registry.target("neuracrypt")(hidden=WIDTH, patch_size=PATCH)
    if not isinstance(target, NeuralTarget):
        parser.error("this target encodes with no network")
    request = ImageRequest(victims=given.codes, adversary=given.public, size=EDGE, seed=0)
    sets = registry.dataset(given.data).load(request)
    victims, public = (target.normalised(_grey(each)) for each in (sets.victims, sets.adversary))
    own = OwnEncoders(target, (1, EDGE, EDGE), Context(torch.device("cpu"), 1))
    side = OwnSide.of(own, torch.cat([public, public.flip(3)]), 2, COUNT)
    theirs = Layouts.of(side.components)
    weights = weights_between(*(Layouts.of(key[half::2]) for half, key in enumerate(side.two)))
    print(machine(), "| key | right up to the mirror image | CPU s |", "|---|---|---|", sep="\n")
    for key in range(given.keys):
        codes = encoded(own.generate_encoder("victims", key), victims, own.at_once)
        order = torch.randperm(codes.shape[1], generator=torch.Generator().manual_seed(key))
        ours = Layouts.of(Components.of(lambda codes=codes: [codes], COUNT)(codes)[:, order])  # type: ignore[misc]
        began = time.process_time()
        places = best_layout(ours, theirs, weights, GRID)
        seconds = time.process_time() - began
        right = max(float((turn[places] == order).double().mean()) for turn in turns(GRID)[:2])
        print(f"| {key} | {right:.3f} | {seconds:.1f} |", flush=True)
    return 0


def _grey(images: Tensor) -> Tensor:
    return images.float().mean(dim=1, keepdim=True).round().to(torch.uint8)


if __name__ == "__main__":
    raise SystemExit(main())
