"""Exhaustive search on block scrambling: one ciphertext per key, and a few under one key.

Prints how many images are recovered exactly up to their global state and outright, SSIM, and the
time; then how many keys are, from 1 to 10 ciphertexts. Needs CIFAR-10 as a folder with
``train/`` and ``test/``::

    python benchmarks/exhaustive_search.py --cifar DIR
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
from ppattack.metrics.ssim import ssim
from ppattack.metrics.states import best_state_ssim, global_states
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.blocks import search
from ppattack.solvers.blocks.search import BlockModel
from targets.etc import EtC

TARGET = EtC()
COUNTS = (1, 2, 3, 5, 10)


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--images", type=int, default=1000, help="victims' images")
    parser.add_argument("--public", type=int, default=20_000, help="public images")
    parser.add_argument("--epochs", type=int, default=10, help="attack.epochs")
    given = parser.parse_args()
    wanted = ImageRequest(victims=given.images, adversary=given.public)
    sets = registry.dataset(f"folder:{given.cifar}").load(wanted)
    context = Context(torch.device("cpu"), seed=0)
    shape = (3, int(sets.victims.shape[2]), int(sets.victims.shape[3]))
    keys = TARGET.generate_keys((numpy_stream(0, i) for i in range(len(sets.victims))), shape)
    ciphertexts = TARGET.encrypt(sets.victims, keys)

    def learned(public: Tensor | None, epochs: int) -> BlockModel:
        return search.learn(ciphertexts, TARGET.structure(), public, context, epochs=epochs)

    print(f"{given.images} images, one key per image, {given.public} public images")
    print(
        "| knowledge | exact up to state | exact | SSIM | up to state | s learning | ms per image |"
    )
    print("|---|---|---|---|---|---|---|")
    print(_one_by_one(sets.victims, ciphertexts, context), flush=True)
    for words, public, epochs in (
        ("the ciphertexts", None, 0),
        ("public images, epochs=0", sets.adversary, 0),
        (f"public images, epochs={given.epochs}", sets.adversary, given.epochs),
    ):
        began = time.perf_counter()
        model = learned(public, epochs)
        learning = time.perf_counter() - began
        print(_alone(words, sets.victims, ciphertexts, model, learning), flush=True)
    print("| ciphertexts under one key | keys | exact up to state | exact |")
    print("|---|---|---|---|")
    together = learned(sets.adversary, 0)
    for count in COUNTS:
        judge = together if count >= search.ENOUGH_TOGETHER else model
        print(_shared(sets.victims, count, judge), flush=True)
    print(machine())
    return 0


def _alone(
    words: str, plain: Tensor, ciphertexts: Tensor, model: BlockModel, learning: float
) -> str:
    began = time.perf_counter()
    found = search.each_alone(ciphertexts, model)[0].inverse()(ciphertexts)
    return _row(words, plain, found, learning, time.perf_counter() - began)


def _one_by_one(plain: Tensor, ciphertexts: Tensor, context: Context) -> str:
    """Each ciphertext as if there were no other, and no public image."""
    began = time.perf_counter()
    found = []
    for one in ciphertexts.split(1):
        model = search.learn(one, TARGET.structure(), None, context, epochs=0)
        found.append(search.each_alone(one, model)[0].inverse()(one))
    return _row("that ciphertext", plain, torch.cat(found), 0.0, time.perf_counter() - began)


def _row(words: str, plain: Tensor, found: Tensor, learning: float, seconds: float) -> str:
    up_to_state, exact = _right(found, plain)
    raw, best = ssim(found, plain), best_state_ssim(found, plain, shared=False)
    return (
        f"| {words} | {up_to_state:.1%} | {exact:.1%} "
        f"| {raw.mean():.3f} (median {raw.median():.3f}) "
        f"| {best.mean():.3f} (median {best.median():.3f}) | {learning:.0f} "
        f"| {seconds / len(plain) * 1e3:.0f} |"
    )


def _shared(plain: Tensor, count: int, model: BlockModel) -> str:
    shape = (3, int(plain.shape[2]), int(plain.shape[3]))
    right = []
    for seed, images in enumerate(plain[: 100 * count].split(count)):
        key = TARGET.generate_key(numpy_stream(seed, "one key"), shape)
        ciphertexts = TARGET.encrypt(images, key)
        found, _ = search.shared_key(ciphertexts, model)
        up_to_state, exact = _right(found.inverse()(ciphertexts), images)
        right.append((up_to_state == 1, exact == 1))
    keys = len(right)
    state, whole = (sum(each) / keys for each in zip(*right, strict=True))
    return f"| {count} | {keys} | {state:.0%} | {whole:.0%} |"


def _right(found: Tensor, plain: Tensor) -> tuple[float, float]:
    """The fractions of images that are right in some state, and right as they are."""
    equal = torch.stack([(s == plain).flatten(1).all(1) for s in global_states(found)])
    return float(equal.any(0).double().mean()), float(equal[0].double().mean())


if __name__ == "__main__":
    sys.exit(main())
