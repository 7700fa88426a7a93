"""Encoding with NeuraCrypt and Color-NeuraCrypt against the same network made of convolutions.

The published way: a convolution over patches, 1 × 1 convolutions with batch normalisation, a loop
over the images that shuffles their patches. Layers of the same sizes, the same inputs, one thread::

    python benchmarks/neuracrypt_encoding.py [--images 4] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import Ratio, compare, finish
from torch import Tensor, nn

from ppattack.plugins import registry
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target.neural import NeuralTarget
from ppattack.target.private_encoder import PrivateEncoder

SCHEMES = (("neuracrypt", 1, 256), ("color-neuracrypt", 3, 224))
BOUND = 0.9


def main() -> int:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(given.device)
    return finish(
        _ratio(name, mode, (channels, size, size), given.images, device)
        for name, channels, size in SCHEMES
        for mode in ("batch", "frozen")
    )


def _ratio(
    name: str, mode: str, shape: tuple[int, int, int], count: int, device: torch.device
) -> Ratio:
    target = registry.target(name)(batch_norm=mode)
    assert isinstance(target, NeuralTarget)
    key = target.generate_key(numpy_stream(0, "benchmark"), shape)
    images = torch.randint(
        0, 256, (count, *shape), dtype=torch.uint8, generator=torch_stream(0, "images")
    ).to(device)
    network = _Convolutions(target.encoder(key)).to(device).eval()

    def ours() -> Tensor:
        return _done(target.encrypt(images, key, generator=numpy_stream(1, "shuffle")))

    def published() -> Tensor:
        with torch.inference_mode():
            codes = network(target.normalised(images))
            if target.shuffles:
                shuffle = torch_stream(1, "shuffle")
                for code in codes:
                    code[:] = code[torch.randperm(len(code), generator=shuffle)].clone()
        return _done(codes)

    title = f"{name}, paper size, {mode}, {count} images"
    return compare(title, ours, published, sense="faster", bound=BOUND, repeats=5)


def _done(codes: Tensor) -> Tensor:
    if codes.is_cuda:
        torch.cuda.synchronize()
    return codes


class _Convolutions(nn.Module):
    """The published network; normalisation always takes the statistics of its batch."""

    def __init__(self, encoder: PrivateEncoder) -> None:
        super().__init__()
        hidden, pixels = encoder.embed.weight.shape
        channels = pixels // encoder.patch**2
        self.patch = nn.Conv2d(channels, hidden, encoder.patch, encoder.patch)
        self.blocks = nn.Sequential()
        for _ in encoder.blocks:
            self.blocks.append(nn.Conv2d(hidden, hidden, 1))
            self.blocks.append(nn.BatchNorm2d(hidden, track_running_stats=False))
            self.blocks.append(nn.ReLU())
        self.position = encoder.position
        self.project = nn.Linear(hidden, len(encoder.project.weight))

    def forward(self, images: Tensor) -> Tensor:
        """``(N, P, D)`` codes of normalised images."""
        features: Tensor = self.blocks(torch.relu(self.patch(images)))
        tokens = features.flatten(2).transpose(1, 2) + self.position
        codes: Tensor = self.project(torch.relu(tokens))
        return codes


if __name__ == "__main__":
    sys.exit(main())
