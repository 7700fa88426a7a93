"""Code alignment: images and mean codes from codes alone, without one pair.

Victims, public images and targets are disjoint; every seed draws them, the victims' key and own
keys anew. NeuraCrypt as its paper has it, then smaller, then Color-NeuraCrypt::

    python benchmarks/code_alignment.py --data folder:DIR --target neuracrypt --size 256
    python benchmarks/code_alignment.py --data folder:DIR --target neuracrypt --size 128 \
        --set hidden=768 depth=3
    python benchmarks/code_alignment.py --data folder:CIFAR --target color-neuracrypt --size 32 \
        --scale 7 --victims 200 --public 500 --targets 0 --samples 7

``places``: clusters given to the right patch, in the layout or in its mirror image, whichever is
better. ``SSIM``: of means over squares of ``--samples`` pixels, likewise. ``challenge 2``: true
mean codes to which, of all targets' vectors, that of their own target is nearest, by squared error;
first with the vectors of a submission, then with the predicted codes themselves, under the chosen
layout and under its mirror image. ``right``: whether the chosen layout is the right one of the two.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor
from torch.nn import functional

from ppattack.attack import Context
from ppattack.data.source import ImageRequest
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.code_alignment.alignment import Settings, align
from ppattack.solvers.code_alignment.result import Alignment
from ppattack.target import Key
from ppattack.target.neural import NeuralTarget

CPU = torch.device("cpu")


def main() -> int:
    """Print one row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="photos", help="as in ppattack run --data")
    parser.add_argument("--public-data", help="another source of public images")
    parser.add_argument("--target", default="neuracrypt")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the scheme")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--scale", type=int, default=1, help="enlarge images by this factor")
    parser.add_argument("--samples", type=int, default=8, help="edge of a scored square, pixels")
    parser.add_argument("--victims", type=int, default=400)
    parser.add_argument("--public", type=int, default=400)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--own-encoders", type=int, default=2)
    parser.add_argument("--components", type=int, default=96)
    parser.add_argument("--shifts", type=int, default=0, help="public images count again, moved")
    parser.add_argument("--unmirrored", action="store_true", help="public images as they are")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    target = registry.target(given.target)(**dict(text.split("=", 1) for text in given.set))
    if not isinstance(target, NeuralTarget):
        parser.error(f"{given.target} encodes with no network")
    print(target, vars(given), machine(), sep="\n")
    print(
        "| seed | places | SSIM | SSIM as chosen | challenge 2 | by codes | by codes, mirrored "
        "| probability | right | CPU s | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for seed in given.seeds:
        print(_row(given, target, seed), flush=True)
    return 0


def _row(given: argparse.Namespace, target: NeuralTarget, seed: int) -> str:
    plain, public = _images(given, target, seed)
    victims, targets = plain[: given.victims], plain[given.victims :]
    shape = (int(plain.shape[1]), int(plain.shape[2]), int(plain.shape[3]))
    key = target.generate_key(numpy_stream(seed, "victims"), shape)
    codes = target.encrypt(victims, key, generator=numpy_stream(seed, "orders"))
    settings = Settings(given.own_encoders, not given.unmirrored, given.shifts, given.components)
    began, clock = time.process_time(), time.perf_counter()
    found = align(target, codes, public, Context(CPU, seed + 1), settings)
    seconds, wall = time.process_time() - began, time.perf_counter() - clock
    chosen = _ssim(found.images, victims, given.samples)
    other = chosen if found.mirrored is None else _ssim(found.mirrored, victims, given.samples)
    sure = found.notes.get("probability of this layout, not its mirror image", "known")
    places, mirrored = _places(target, found, codes, victims, key)
    right = "–" if found.other is None else "yes" if places > mirrored else "no"
    return (
        f"| {seed} | {max(places, mirrored):.3f} | {max(chosen, other):.3f} | {chosen:.3f} "
        f"| {_challenge(target, found, targets, key)} | {sure} | {right} | {seconds:.0f} "
        f"| {wall:.0f} |"
    )


def _images(given: argparse.Namespace, target: NeuralTarget, seed: int) -> tuple[Tensor, Tensor]:
    """Victims and targets, then public images, in the channels of the scheme."""
    wanted = given.victims + given.targets
    request = ImageRequest(victims=wanted, adversary=given.public, size=given.size, seed=seed)
    sets = registry.dataset(given.data).load(request)
    public = sets.adversary
    if given.public_data:
        public = registry.dataset(given.public_data).load(request).adversary
    grey = target.card.name == "neuracrypt"
    found = []
    for images in (sets.victims, public):
        values = images.float().mean(dim=1, keepdim=True) if grey else images.float()
        if given.scale > 1:
            values = functional.interpolate(values, scale_factor=given.scale, mode="bicubic")
        found.append(values.round().clamp(0, 255).to(torch.uint8))
    return found[0], found[1]


def _places(
    target: NeuralTarget, found: Alignment, codes: Tensor, victims: Tensor, key: Key
) -> tuple[float, float]:
    """The share of places that are right, and that are right in the mirror image."""
    if not target.shuffles:
        return 1.0, 0.0
    ordered = type(target)(target.config, shuffle=False).encrypt(victims, key)
    order = torch.cdist(codes[0], ordered[0]).argmin(dim=1)
    grid = int(victims.shape[2]) // target.patch_size, int(victims.shape[3]) // target.patch_size
    mirror = torch.arange(len(order)).view(grid).flip(1).flatten()
    first, second = (
        float((each == order).double().mean()) for each in (found.places, mirror[found.places])
    )
    return first, second


def _ssim(images: Tensor, plain: Tensor, edge: int) -> float:
    small = [functional.avg_pool2d(each.float(), edge).round() for each in (images, plain)]
    return float(ssim(small[0].to(torch.uint8), small[1].to(torch.uint8)).mean())


def _challenge(target: NeuralTarget, found: Alignment, targets: Tensor, key: Key) -> str:
    """The shares of targets that are named."""
    if not len(targets):
        return "– | – | –"
    truth = target.tokens(target.encrypt(targets, key)).mean(dim=1)
    other = found if found.other is None else replace(found, candidate=found.other)
    vectors = (
        found.naming_vectors_of(targets),
        found.mean_codes_of(targets),
        other.mean_codes_of(targets),
    )
    own = torch.arange(len(targets))
    named = [torch.cdist(truth, each).argmin(dim=1) == own for each in vectors]
    return " | ".join(f"{float(each.double().mean()):.3f}" for each in named)


if __name__ == "__main__":
    raise SystemExit(main())
