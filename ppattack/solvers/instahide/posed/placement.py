"""Poses of members: how an image was mirrored and shifted before it was mixed.

What a shift leaves is black. Numbers are counted from black here, so that placing is linear: what
is outside of an image is zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ppattack.target.mixing import PADDING

SPAN = 2 * PADDING + 1
SHIFTS = SPAN**2
POSES = 2 * SHIFTS
"""Shifts of images as they are, by rows and columns; then of mirrored ones."""
AT_ONCE = 50
"""Mixtures worked on at a time: what is worked on stays in the processor's cache."""


@dataclass(frozen=True)
class Placement:
    """Which image is where in every mixture; a linear map from images to mixtures.

    Args:
        members: ``(E, M)`` int64 images.
        weights: ``(E, M)`` float32; zero for who is not there.
        poses: ``(E, M)`` int64 in 0 to :data:`POSES`.
        images: K.
    """

    members: Tensor
    weights: Tensor
    poses: Tensor
    images: int

    @property
    def total(self) -> Tensor:
        """``(E,)``: the sum of the weights."""
        return self.weights.sum(dim=1)

    def part(self, rows: Tensor) -> Placement:
        """Some of the mixtures."""
        return Placement(self.members[rows], self.weights[rows], self.poses[rows], self.images)

    def member(self, slot: int, weights: Tensor) -> Placement:
        """One member of every mixture, with other weights ``(E,)``."""
        one = slice(slot, slot + 1)
        return Placement(self.members[:, one], weights[:, None], self.poses[:, one], self.images)

    def heaviest(self) -> Placement:
        """The heaviest member of every mixture alone, with weight one."""
        best = self.weights.argmax(dim=1, keepdim=True)
        ones = torch.ones(best.shape)
        return Placement(
            self.members.gather(1, best), ones, self.poses.gather(1, best), self.images
        )

    def placed(self, images: Tensor) -> Tensor:
        """Sums ``(E, D)`` of images ``(K, C, H, W)`` in their poses, by weight."""
        plain = images.numpy()
        both = (plain, np.ascontiguousarray(plain[..., ::-1]))
        made = np.zeros((len(self.members), *plain.shape[1:]), np.float32)
        for row, image, weight, mirrored, there, here in self._steps(*plain.shape[2:]):
            made[row][there] += weight * both[mirrored][image][here]
        return torch.from_numpy(made).flatten(1)

    def gathered(self, values: Tensor) -> Tensor:
        """The transposed map: ``(K, C, H, W)`` from values ``(E, C, H, W)``."""
        seen = values.numpy()
        plain = np.zeros((self.images, *seen.shape[1:]), np.float32)
        both = (plain, np.zeros_like(plain))
        for row, image, weight, mirrored, there, here in self._steps(*seen.shape[2:]):
            both[mirrored][image][here] += weight * seen[row][there]
        return torch.from_numpy(plain + both[1][..., ::-1])

    def _steps(self, height: int, width: int) -> Iterator[Step]:
        """For every member: mixture, image, weight, mirrored, and the parts of both that meet."""
        windows = _windows(height, width)
        weights = self.weights.numpy()
        for slot in range(self.members.shape[1]):
            members, poses = self.members[:, slot].tolist(), self.poses[:, slot].tolist()
            for row, (image, pose) in enumerate(zip(members, poses, strict=True)):
                weight = weights[row, slot]
                if weight:
                    yield row, image, weight, pose >= SHIFTS, *windows[pose]


Window = tuple[slice, ...]
Step = tuple[int, int, np.float32, bool, Window, Window]


def pose_number(down: Tensor, right: Tensor, mirrored: Tensor) -> Tensor:
    """The numbers of poses, from rows and columns by which a crop moves down and right."""
    return mirrored.long() * SHIFTS + (down + PADDING) * SPAN + right + PADDING


def in_all_poses(images: Tensor) -> Tensor:
    """``(K, POSES, D)``: images ``(K, C, H, W)`` in every pose."""
    count = len(images)
    members = torch.arange(count).repeat_interleave(POSES)[:, None]
    each = torch.arange(POSES).repeat(count)[:, None]
    ones = torch.ones(members.shape)
    placed: Tensor = Placement(members, ones, each, count).placed(images)
    return placed.view(count, POSES, -1)


def taken_back(values: Tensor, poses: Tensor, weights: Tensor) -> Tensor:
    """``(D,)``: the weighted sum of values ``(n, C, H, W)``, each taken back from its pose."""
    alone = torch.zeros((len(poses), 1), dtype=torch.int64)
    image: Tensor = Placement(alone, weights[:, None], poses[:, None], 1).gathered(values)
    return image.flatten()


def waves_of(values: Tensor) -> Tensor:
    """The Fourier transform of ``(n, C, H, W)``, padded so that no shift meets itself."""
    height, width = values.shape[2:]
    waves: Tensor = torch.fft.rfft2(values, s=(height + PADDING, width + PADDING))
    return waves


def products_in_poses(waves: Tensor, images: Tensor) -> Tensor:
    """Inner products ``(n, K, POSES)`` of values with images in every pose.

    Args:
        waves: ``(n, ...)`` of the values, from :func:`waves_of`.
        images: ``(K, C, H, W)``.
    """
    size = (images.shape[2] + PADDING, images.shape[3] + PADDING)
    made = torch.empty((len(waves), len(images), POSES))
    for number, image in enumerate(images):
        both = waves_of(torch.stack([image, image.flip(2)])).conj()
        for rows in torch.arange(len(waves)).split(AT_ONCE):
            product = (waves[rows[0] : rows[-1] + 1, None] * both).sum(dim=2)
            found = torch.fft.irfft2(product, s=size)
            near = found.roll((PADDING, PADDING), (2, 3))[:, :, :SPAN, :SPAN]
            made[rows, number] = near.flatten(1)
    return made


@cache
def _windows(height: int, width: int) -> list[tuple[Window, Window]]:
    """Which part of a mixture, and of the image, every pose brings together."""
    made: list[tuple[Window, Window]] = []
    every = slice(None)
    for pose in range(POSES):
        down, right = (by - PADDING for by in divmod(pose % SHIFTS, SPAN))
        there = (every, _part(down, height), _part(right, width))
        here = (every, _part(-down, height), _part(-right, width))
        made.append((there, here))
    return made


def _part(by: int, size: int) -> slice:
    return slice(max(0, by), size + min(0, by))
