"""What codes look like under the adversary's own keys.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.images import ImageShape
from ppattack.solvers.neuracrypt.features import energies, moment_features, patches
from ppattack.solvers.neuracrypt.landmarks import similarities
from ppattack.target.neural import NeuralTarget

INDEPENDENT_AT_ONCE = 32
"""Images encoded at a time if they do not depend on each other."""


@dataclass(frozen=True)
class OwnEncoders:
    """Freshly drawn encoders of the victims' scheme, one after the other.

    Args:
        target: the scheme.
        image_shape: ``(C, H, W)`` of the plain images.
        context: device and seed.
    """

    target: NeuralTarget
    image_shape: ImageShape
    context: Context

    @property
    def at_once(self) -> int:
        """Images to encode at a time: the victims' batch if an image depends on its batch."""
        config = self.target.config
        return int(config.batch_size) if config.batch_norm == "batch" else INDEPENDENT_AT_ONCE

    def generate_encoder(self, *names: str | int) -> nn.Module:
        """One encoder from a named stream, on the device, trainable."""
        stream = self.context.torch_stream("own encoders", *names)
        return self.target.surrogate(stream, self.image_shape).to(self.context.device)

    def codes(self, count: int, images: Callable[[int], Tensor]) -> Iterator[Tensor]:
        """The unshuffled codes ``(N, P, D)`` that each of ``count`` encoders gives its images.

        Args:
            count: of encoders.
            images: the normalised images ``(N, C, H, W)`` for the encoder of a given number.
        """
        with self.context.progress.task("own encoders", count) as task:
            for number in range(count):
                yield encoded(self.generate_encoder(number), images(number), self.at_once)
                task.update(number + 1)


@torch.no_grad()
def encoded(encoder: nn.Module, images: Tensor, at_once: int) -> Tensor:
    """Codes ``(N, P, D)`` of normalised images ``(N, C, H, W)``, a few images at a time."""
    parts = [encoder(images[start : start + at_once]) for start in range(0, len(images), at_once)]
    return torch.cat(parts)


@dataclass(frozen=True)
class Expected:
    """What codes of the candidates have in common under all keys.

    Args:
        energies: ``(N, P)``, means over keys.
        similarities: ``(N, P, L)`` to the landmarks, also means over keys.
    """

    energies: Tensor
    similarities: Tensor


def expected(own: OwnEncoders, images: Tensor, count: int, landmarks: Tensor) -> Expected:
    """Means over own keys of energies and of inner products with landmarks.

    Args:
        own: draws the keys.
        images: ``(N, C, H, W)`` normalised candidates.
        count: of keys.
        landmarks: ``(L,)`` candidates.
    """
    powers: list[Tensor] = []
    products: Tensor | None = None
    for codes in own.codes(count, lambda _: images):
        powers.append(energies(codes))
        found = similarities(codes, landmarks)
        products = found if products is None else products.add_(found)
    if products is None:
        raise ValueError("at least one own key is needed")
    return Expected(torch.stack(powers).mean(dim=0), products / count)


def training_features(
    own: OwnEncoders, images: Tensor, count: int, each: int
) -> tuple[Tensor, Tensor]:
    """Features of patches and of their codes under own keys, in the same order.

    Args:
        own: draws the keys.
        images: ``(N, C, H, W)`` normalised candidates.
        count: of keys.
        each: images under each key, sampled with replacement.

    Returns:
        two tensors ``(count · each · P, 15)``.
    """
    stream = own.context.torch_stream("own encoders", "images")
    chosen = torch.randint(len(images), (count, each), generator=stream).to(images.device)
    edge = own.target.patch_size
    plain = [moment_features(patches(images[drawn], edge)).flatten(0, 1) for drawn in chosen]
    codes = [
        moment_features(found).flatten(0, 1)
        for found in own.codes(count, lambda number: images[chosen[number]])
    ]
    return torch.cat(plain), torch.cat(codes)
