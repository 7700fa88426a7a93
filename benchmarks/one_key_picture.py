"""The picture for "One key for the whole data set": plain images, ELE ciphertexts, reconstructions.

The key is learned from 1,000 ciphertexts of CIFAR-10 test images and public images of its training
set; it then decrypts photographs installed with scikit-image that went through the same cipher::

    python benchmarks/one_key_picture.py --cifar DIR --out docs/images/one_key.png
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from ppattack.data.source import ImageRequest
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.render.samples import draw_samples
from ppattack.solvers.covariance import free_keys

SHOWN = 8


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ciphertexts", type=int, default=1000)
    given = parser.parse_args()
    cifar = registry.dataset(f"folder:{given.cifar}").load(
        ImageRequest(given.ciphertexts, 20_000, 32, 0)
    )
    shown = registry.dataset("photos").load(ImageRequest(SHOWN, 1, 32, 0)).victims
    target = registry.target("ele")()
    key = target.generate_key(np.random.default_rng(0), (3, 32, 32))
    found = free_keys.recover(target.encrypt(cifar.victims, key), cifar.adversary, "nibble", 4)
    ciphertexts = target.encrypt(shown, key)
    images = found.decrypt(ciphertexts)
    columns = {
        "ssim.ciphertext": ssim(ciphertexts, shown).numpy(),
        "ssim.reconstruction": ssim(images, shown).numpy(),
    }
    draw_samples(given.out, shown, ciphertexts, images, columns)
    print(f"mean SSIM {columns['ssim.reconstruction'].mean():.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
