"""Undescribed ciphers under known and chosen pairs: bytes and SSIM of new images.

Usage: python benchmarks/any_cipher_pairs.py [image source] [size] [grey]

The ciphers are those of ``examples/ciphers``, each under fresh keys. Images to score, and those of
the pairs, are drawn anew for every key and share none. A line gives the least and the median share
of bytes that are right over the keys, the least and the median mean SSIM, and CPU seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ppattack.attack import Attack, Context
from ppattack.attacks.chosen_plaintext import ChosenPlaintext
from ppattack.attacks.known_plaintext import KnownPlaintext
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.seeding import numpy_stream
from ppattack.target import Target

KEYS = 5
SCORED = 200
FOLDER = Path(__file__).parents[1] / "examples" / "ciphers"
CASES: list[tuple[str, dict[str, Any], str, tuple[int, ...], tuple[int, ...]]] = [
    ("substitution.py:Substitution", {}, "table", (3, 4, 8), (3, 4)),
    ("secret_matrix.py:SecretMatrix", {}, "linear", (1, 2, 4, 8), (1, 6)),
    ("dct_signs.py:DctSigns", {}, "linear", (1, 4, 8, 32), (1, 2, 6)),
    ("arnold.py:Arnold", {}, "permutation", (1, 2), (1,)),
    ("bit_shuffle.py:BitShuffle", {}, "bits", (24, 32, 64, 128), (16,)),
    ("substitution.py:Substitution", {"own_tables": True}, "own-tables", (64, 256, 1024), (258,)),
    ("diffusion.py:Diffusion", {"rounds": 2}, "rounds", (6, 8, 16), (6,)),
    ("diffusion.py:Diffusion", {"rounds": 2, "add": True, "scan": "hwc"}, "rounds", (8,), (6,)),
    ("diffusion.py:Diffusion", {"rounds": 5}, "affine", (390, 400), (385,)),
    ("diffusion.py:Diffusion", {"rounds": 3}, "rounds", (9, 16), (12,)),
    (
        "diffusion.py:Diffusion",
        {"rounds": 3, "add": True, "backward": True},
        "rounds",
        (16,),
        (12,),
    ),
    ("permute_xor.py:PermuteXor", {}, "permutation", (3, 4, 8), (3, 4, 6)),
    ("diffusion.py:Diffusion", {}, "permutation", (3, 4, 8), (3, 4, 6)),
    ("diffusion.py:Diffusion", {"backward": True, "scan": "hwc"}, "permutation", (4,), (4,)),
    ("diffusion.py:Diffusion", {"add": True, "scan": "cwh"}, "permutation", (4,), (4,)),
    ("diffusion.py:Diffusion", {"add": True, "backward": True}, "permutation", (4,), (4,)),
]
"""Cipher, its settings, the model that is asked for (``auto`` tries those before it first), and how
many known pairs and chosen images there are."""


def attacked(attack: Attack, target: Target, images: np.ndarray, seed: int) -> tuple[float, ...]:
    """Share of bytes that are right, mean SSIM and CPU seconds."""
    sets = ImageSets("benchmark", torch.from_numpy(images), torch.from_numpy(images[:0]))
    scenario = simulate(attack, target, sets, "dataset", seed)
    start = time.process_time()
    found = attack(scenario.observation, Context(torch.device("cpu"), seed)).images
    seconds = time.process_time() - start
    plain = scenario.truth.images
    assert found is not None
    assert plain is not None
    right = float((found == plain).double().mean())
    return right, float(ssim(found, plain).mean()), seconds


def main() -> None:
    """Print a line for each cipher, adversary and number of pairs."""
    source, size, grey = (sys.argv[1:] + ["photos", "32", ""][len(sys.argv) - 1 :])[:3]
    needed = SCORED + max(max(known) for *_, known, _ in CASES)
    request = ImageRequest(victims=needed, adversary=1, size=int(size))
    pool = registry.dataset(source).load(request).victims.numpy()
    pool = pool[:, 1:2] if grey == "grey" else pool
    print(f"{source}, images of shape {pool.shape[1:]}, {KEYS} keys, {SCORED} new images")
    print("least / median over keys: bytes right, SSIM; median CPU seconds")
    for path, settings, model, known, chosen in CASES:
        target = registry.target(f"{FOLDER / path}")(**settings)
        name = " ".join([target.card.name, *(f"{key}={each}" for key, each in settings.items())])
        runs: list[tuple[str, int, Attack]] = []
        runs += [("known", count, KnownPlaintext(pairs=count, model=model)) for count in known]
        runs += [("chosen", count, ChosenPlaintext(images=count, model=model)) for count in chosen]
        for kind, count, attack in runs:
            rows = []
            for seed in range(KEYS):
                rng = numpy_stream(seed, "images")
                total = SCORED + attack.requires().pairs
                images = pool[rng.choice(len(pool), total, replace=False)]
                rows.append(attacked(attack, target, images, seed))
            right, alike, seconds = (sorted(column) for column in zip(*rows, strict=True))
            middle = KEYS // 2
            print(
                f"{name:42} {kind:6} {count:5}  {right[0]:.4f} / {right[middle]:.4f}  "
                f"{alike[0]:.4f} / {alike[middle]:.4f}  {seconds[middle]:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
