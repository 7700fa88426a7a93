"""Mixing of images: weighted sums of several, under a fresh sign for every value.

What is drawn for a data set is a :class:`MixingPlan`; :func:`mixtures` applies it. Both follow
InstaHide (Y. Huang, Z. Song, K. Li, S. Arora, ICML 2020, arXiv:2010.02772) and its published code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.images import from_float

if TYPE_CHECKING:
    from torch import Tensor

PADDING = 4
"""Black pixels around an image before it is cropped, as the published training does."""
ACCEPTANCE_SAMPLES = 4000
AT_ONCE = 512
"""Mixtures made at a time."""


@dataclass(frozen=True)
class Scale:
    """Numbers that images are mixed as: ``(level / 255 - mean) / deviation`` by channel.

    Args:
        mean: of each channel, of 1.
        deviation: of each channel, of 1.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def largest(self) -> float:
        """The largest magnitude of a number, of black or white in some channel."""
        pairs = zip(self.mean, self.deviation, strict=True)
        return max(max(mean, 1 - mean) / deviation for mean, deviation in pairs)

    def numbers(self, images: Tensor) -> Tensor:
        """Float32 numbers of uint8 images ``(N, C, H, W)``."""
        mean, deviation = self._of(images)
        return (images.float() / 255 - mean) / deviation

    def levels(self, numbers: Tensor) -> Tensor:
        """Uint8 images of numbers ``(N, C, H, W)``, clipped."""
        mean, deviation = self._of(numbers)
        return from_float(numbers * deviation + mean)

    def _of(self, like: Tensor) -> tuple[Tensor, Tensor]:
        import torch

        both = torch.tensor([self.mean, self.deviation], device=like.device)
        mean, deviation = both[:, : like.shape[1], None, None]
        return mean, deviation


SCALES = {
    "unit": Scale((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "cifar10": Scale((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}
"""By name: numbers in [-1, 1], as the published attack takes the challenge; or the means and
deviations of CIFAR-10, as the published training takes its images."""


@dataclass(frozen=True)
class MixingLaw:
    """How images are mixed.

    Args:
        members: images in a mixture, k.
        private: how many of them are private; the others are public.
        largest: no weight is larger, c1.
        least_private: the private weights sum to at least this, c2.
        augment: whether an image is cropped from a black frame of four pixels, and mirrored half
            of the time, before it is mixed.
    """

    members: int
    private: int
    largest: float = 0.65
    least_private: float = 0.3
    augment: bool = False


@dataclass(frozen=True)
class MixingPlan:
    """The one-time key of E mixtures: what is in them. Signs are drawn apart.

    Args:
        members: ``(E, k)`` int64; indices of private images first, then of public ones.
        weights: ``(E, k)`` float64, positive, of sum 1.
        shifts: ``(E, k, 2)`` int64; rows and columns by which a crop moves down and right.
        mirrored: ``(E, k)`` bool.
        private: how many of the members are private.
    """

    members: NDArray[np.int64]
    weights: NDArray[np.float64]
    shifts: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    private: int

    def first(self, count: int) -> MixingPlan:
        """The first few mixtures."""
        return MixingPlan(
            self.members[:count],
            self.weights[:count],
            self.shifts[:count],
            self.mirrored[:count],
            self.private,
        )


def draw_plan(
    law: MixingLaw, images: int, public: int, rounds: int, draw: Callable[[str], Any]
) -> MixingPlan:
    """Draw what every mixture holds, in an order that says nothing.

    In each round every private image comes first once; each further slot is a random permutation
    of the private, or of the public images.

    Args:
        law: of the mixtures.
        images: private images, N.
        public: public images; they are repeated if there are fewer than private ones.
        rounds: T; there are E = N T mixtures.
        draw: gives the random stream of a named component.
    """
    partners, shape = draw("partners"), (images * rounds, law.members)
    members = np.empty(shape, np.int64)
    for start in range(0, len(members), max(1, images)):
        for slot in range(law.members):
            if slot == 0:
                chosen = np.arange(images)
            elif slot < law.private:
                chosen = partners.permutation(images)
            else:
                lists = [partners.permutation(public) for _ in range(-(-images // public))]
                chosen = np.concatenate(lists)[:images]
            members[start : start + images, slot] = chosen
    shifts, mirrored = np.zeros((*shape, 2), np.int64), np.zeros(shape, bool)
    if law.augment:
        stream = draw("augmentation")
        shifts = stream.integers(-PADDING, PADDING + 1, (*shape, 2))
        mirrored = stream.random(shape) < 0.5
    order = draw("order").permutation(len(members))
    weights = draw_weights(law, len(members), draw("weights"))
    return MixingPlan(members[order], weights, shifts[order], mirrored[order], law.private)


def draw_weights(law: MixingLaw, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """``(count, k)``: absolute normal numbers over their sum, drawn again until they keep the law.

    A mixture of private images alone has no bound below.
    """
    weights = np.empty((count, law.members))
    missing = np.arange(count)
    while len(missing):
        drawn = np.abs(rng.standard_normal((len(missing), law.members)))
        drawn /= drawn.sum(axis=1, keepdims=True)
        kept = _kept(law, drawn)
        weights[missing[kept]] = drawn[kept]
        missing = missing[~kept]
    return weights


def acceptance(law: MixingLaw) -> float:
    """About which share of drawn weights keeps the bounds."""
    drawn = np.abs(np.random.default_rng(0).standard_normal((ACCEPTANCE_SAMPLES, law.members)))
    return float(_kept(law, drawn / drawn.sum(axis=1, keepdims=True)).mean())


def _kept(law: MixingLaw, weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    kept: NDArray[np.bool_] = weights.max(axis=1) <= law.largest
    if law.private < law.members:
        kept &= weights[:, : law.private].sum(axis=1) >= law.least_private
    return kept


def mixtures(plan: MixingPlan, private: Tensor, public: Tensor, scale: Scale) -> Tensor:
    """The weighted sums ``(E, C, H, W)`` float32, before signs.

    Args:
        plan: of the mixtures.
        private: ``(N, C, H, W)`` uint8.
        public: ``(P, C, H, W)`` uint8; never read if all members are private.
        scale: of the numbers that are mixed.
    """
    import torch

    mixed = torch.zeros((len(plan.members), *private.shape[1:]), device=private.device)
    for start in range(0, len(mixed), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        for slot in range(plan.members.shape[1]):
            pool = private if slot < plan.private else public
            rows = torch.from_numpy(plan.members[part, slot]).to(pool.device)
            weight = torch.from_numpy(plan.weights[part, slot]).float().to(pool.device)
            moved = _moved(pool[rows], plan.shifts[part, slot], plan.mirrored[part, slot])
            mixed[part] += weight[:, None, None, None] * scale.numbers(moved)
    return mixed


def as_mixed(plan: MixingPlan, private: Tensor, slot: int) -> Tensor:
    """``(E, C, H, W)`` uint8: one private member of every mixture, cropped and mirrored as in it.

    Args:
        plan: of the mixtures.
        private: ``(N, C, H, W)`` uint8.
        slot: the member, below ``plan.private``.
    """
    import torch

    rows = torch.from_numpy(plan.members[:, slot]).to(private.device)
    return _moved(private[rows], plan.shifts[:, slot], plan.mirrored[:, slot])


def in_pose_of(plan: MixingPlan, mixture: int, slot: int, images: Tensor) -> Tensor:
    """Any images ``(N, C, H, W)`` uint8, cropped and mirrored as one member of one mixture."""
    shifts = np.repeat(plan.shifts[mixture, slot][None], len(images), axis=0)
    return _moved(images, shifts, np.full(len(images), plan.mirrored[mixture, slot]))


def with_signs(mixed: Tensor, rng: np.random.Generator) -> Tensor:
    """Every value under a sign of its own, uniformly random."""
    import torch

    signed = torch.empty_like(mixed)
    for start in range(0, len(mixed), AT_ONCE):
        part = mixed[start : start + AT_ONCE]
        signs = rng.integers(0, 2, tuple(part.shape), dtype=np.int8) * 2 - 1
        signed[start : start + AT_ONCE] = part * torch.from_numpy(signs).to(part.device)
    return signed


def soft_labels(plan: MixingPlan, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """``(E, classes)``: the weights of the private members at their classes, not normalised.

    Args:
        plan: of the mixtures.
        labels: ``(N,)`` classes of the private images.
        classes: how many there are.
    """
    soft = np.zeros((len(plan.members), classes))
    for slot in range(plan.private):
        rows = np.arange(len(soft))
        np.add.at(soft, (rows, labels[plan.members[:, slot]]), plan.weights[:, slot])
    return soft


def _moved(images: Tensor, shifts: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> Tensor:
    """Every image mirrored or not, then cropped from its black frame."""
    import torch
    from torch.nn import functional

    if not (shifts.any() or mirrored.any()):
        return images
    flips = torch.from_numpy(mirrored).to(images.device)
    turned = torch.where(flips[:, None, None, None], images.flip(3), images)
    framed = functional.pad(turned, (PADDING,) * 4)
    moved = torch.empty_like(images)
    height, width = images.shape[2:]
    for i, (down, right) in enumerate(shifts.tolist()):
        top, left = PADDING - down, PADDING - right
        moved[i] = framed[i, :, top : top + height, left : left + width]
    return moved
