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
from ppattack.solvers.neuracrypt.codes import Codes
from ppattack.solvers.neuracrypt.features import levels, moment_features, patches, powers
from ppattack.solvers.neuracrypt.landmarks import cosines, directions, without_themselves
from ppattack.target.neural import NeuralTarget

INDEPENDENT_AT_ONCE = 32
"""Images encoded at a time if they do not depend on each other."""
HELD_BYTES = 1 << 30
"""Codes under an own key are held in memory up to this size: their mean is then exact."""
CENTRE_IMAGES = 512
"""Images whose mean code stands for that of all: it is off by a 500th of their variance."""


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
    out: Tensor | None = None
    for rows, codes in in_parts(encoder, images, at_once):
        if out is None:
            out = codes.new_empty((len(images), *codes.shape[1:]))
        out[rows] = codes
    if out is None:
        raise ValueError("there are no images to encode")
    return out


@torch.no_grad()
def in_parts(encoder: nn.Module, images: Tensor, at_once: int) -> Iterator[tuple[slice, Tensor]]:
    """Which images, and their codes, a few at a time."""
    for start in range(0, len(images), at_once):
        rows = slice(start, min(start + at_once, len(images)))
        yield rows, encoder(images[rows])


@dataclass(frozen=True)
class Expected:
    """What codes of the candidates have in common under all keys.

    Args:
        energies: ``(M, P)``, means over keys.
        similarities: ``(M, P, L)`` to the landmarks, also means over keys.
        landmarks: ``(L,)`` candidates.
    """

    energies: Tensor
    similarities: Tensor
    landmarks: Tensor

    def of(self, candidates: Tensor) -> Expected:
        """The same of some candidates ``(K,)``, and of the landmarks among them."""
        place = torch.full((len(self.energies),), -1, device=candidates.device)
        place[candidates] = torch.arange(len(candidates), device=candidates.device)
        kept = place[self.landmarks] >= 0
        return Expected(
            self.energies[candidates],
            self.similarities[candidates][:, :, kept],
            place[self.landmarks[kept]],
        )


def expected(
    own: OwnEncoders,
    images: Tensor,
    count: int,
    landmarks: Tensor,
    *,
    by_position: bool = True,
) -> Expected:
    """Means over own keys of energies and of inner products with landmarks.

    Codes that memory does not hold are looked at as they are made. Their mean code is then that of
    some images only: the landmarks, and others up to 512.

    Args:
        own: draws the keys.
        images: ``(M, C, H, W)`` normalised candidates.
        count: of keys.
        landmarks: ``(L,)`` candidates; none for energies alone.
        by_position: as for :func:`energies`.
    """
    if not count:
        raise ValueError("at least one own key is needed")
    positions, width = own.target.patches(own.image_shape), own.target.width(own.image_shape[0])
    held = len(images) * positions * width * images.element_size() <= HELD_BYTES
    total = images.new_zeros((len(images), positions))
    products = images.new_zeros((len(images), positions, len(landmarks)))
    with own.context.progress.task("own encoders", count * len(images)) as task:
        for number in range(count):
            encoder = own.generate_encoder(number)
            if held:
                codes = encoded(encoder, images, own.at_once)
                parts: Iterator[tuple[slice, Tensor]] = Codes.of(codes).batches()
                centre, marks = codes.mean(dim=0), codes[landmarks]
            else:
                parts = in_parts(encoder, images, own.at_once)
                centre, marks = _sampled(own, encoder, images, landmarks)
            if not by_position:
                centre = centre.mean(dim=0).expand_as(centre)
            units = directions(marks, centre)
            squares = torch.empty_like(total)
            for rows, part in parts:
                squares[rows] = powers(part, centre)
                products[rows] += cosines(part, centre, units)
                task.update(number * len(images) + rows.stop)
            total += levels(squares)
    products = without_themselves(products.div_(count), landmarks)
    return Expected(total.div_(count), products, landmarks)


def _sampled(
    own: OwnEncoders, encoder: nn.Module, images: Tensor, landmarks: Tensor
) -> tuple[Tensor, Tensor]:
    """The mean code of some images ``(P, D)``, and the landmarks' codes ``(L, P, D)``."""
    others = torch.ones(len(images), dtype=torch.bool, device=landmarks.device)
    others[landmarks] = False
    spread = others.nonzero()[:, 0]
    wanted = max(0, CENTRE_IMAGES - len(landmarks))
    chosen = torch.cat([landmarks, spread[:: max(1, len(spread) // max(1, wanted))][:wanted]])
    total: Tensor | None = None
    marks = []
    for rows, codes in in_parts(encoder, images[chosen], own.at_once):
        part = codes.sum(dim=0)
        total = part if total is None else total + part
        marks.append(codes[: max(0, len(landmarks) - rows.start)])
    assert total is not None  # noqa: S101
    return total / len(chosen), torch.cat(marks)


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
