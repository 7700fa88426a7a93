"""SIA-GAN on four schemes, in LPIPS as its publication measured it.

The publication feeds LPIPS (AlexNet) pixels in [0, 1], though the metric needs [-1, 1]; both are
printed. ``python benchmarks/sia_gan.py DATA [IMAGES] [EPOCHS]``, for example ``folder:CIFAR10``.
"""

from __future__ import annotations

import sys

import torch

from ppattack.attack import Context
from ppattack.data.source import ImageRequest
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate

PUBLISHED = {
    "pe": (0.3255, 0.1632),
    "le": (0.3035, 0.0914),
    "ele": (0.2947, 0.1483),
    "etc": (0.2074, 0.2067),
}
"""LPIPS of ciphertexts and of the best reconstructions, with a ShakeDrop classifier and labels."""
PUBLIC = 2000


def main(data: str, images: int, epochs: int) -> None:
    """Attack and print one row per scheme."""
    sets = registry.dataset(data).load(ImageRequest(victims=images, adversary=PUBLIC, size=32))
    as_published, proper = Lpips(unit_range=True), Lpips()
    print("| target | published: ciphertext, attacked | ciphertext | attacked | proper | SSIM |")
    for scheme, figures in PUBLISHED.items():
        settings = {} if scheme == "pe" else {"block_size": 4}
        target = registry.target(scheme)(variant="ito", legacy_seed=0, **settings)
        attack = registry.attack("sia-gan")(epochs=epochs)
        scenario = simulate(attack, target, sets, "dataset", seed=0)
        made = attack(scenario.observation, Context(torch.device("cpu"), seed=0)).images
        plain = scenario.truth.images
        if made is None or plain is None:
            raise SystemExit("nothing was returned")
        row = [
            float(metric.distance(metric.features(each), metric.features(plain)).mean())
            for metric, each in (
                (as_published, scenario.observation.ciphertexts),
                (as_published, made),
                (proper, made),
            )
        ]
        found = " | ".join(f"{value:.4f}" for value in row)
        similar = float(ssim(made, plain).mean())
        print(f"| {scheme} | {figures[0]:.4f}, {figures[1]:.4f} | {found} | {similar:.3f} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "photos",
        int(sys.argv[2]) if len(sys.argv) > 2 else 256,
        int(sys.argv[3]) if len(sys.argv) > 3 else 8,
    )
