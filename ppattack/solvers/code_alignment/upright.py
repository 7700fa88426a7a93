"""Which way up a layout is: what public images that are encoded upside down say of it.

The network of an image upside down is as likely as the network, so that only images can tell, by
how sky differs from ground. All comparisons are between public images and the same upside down
under the same own keys: what a key adds of its own then counts for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.mirror import CLEAR, likeness_lead
from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.rotations import best_rotation

RANDOM, KEPT = 400, 32
"""Starts of a rotation, and how many are kept: a third of those for the rotation that counts."""
DOUBT = 0.01
"""What agreements of moments differ by that says nothing, in place of a standard error: that much
they differed between four keys on crops of photographs, which look alike upside down."""


def is_upright(
    victims: Tensor,
    parts: Iterable[tuple[Tensor, Tensor]],
    over: Tensor,
    grid: tuple[int, int],
    stream: Callable[[], torch.Generator],
) -> bool:
    """Whether a layout is the right way up, as far as public images tell.

    The likeness of places is asked first, of more and more images. If that leaves it open, moments
    of neighbouring patches count as well.

    Args:
        victims: components ``(N, P, K)`` in the layout.
        parts: ``(n, P, K)`` of some public images under an own key, and of the same upside down:
            all under a first key, then all under a second.
        over: ``(P,)`` the place that each place moves to if images are turned upside down.
        grid: rows and columns of places.
        stream: gives the same generator, on the CPU, at every call.
    """
    seen: list[tuple[Tensor, Tensor]] = []
    lead = likeness_lead(victims, _remembered(parts, seen), over)
    if abs(lead) <= CLEAR:
        half = len(seen) // 2
        keys = [seen[:half], seen[half:]] if half else [seen]
        for key in keys:
            straight, turned = (torch.cat(each) for each in zip(*key, strict=True))
            found = moments_lead(victims, straight, turned, over, grid, stream)
            lead += found / DOUBT / len(keys)
    return lead >= 0


def moments_lead(
    victims: Tensor,
    straight: Tensor,
    turned: Tensor,
    over: Tensor,
    grid: tuple[int, int],
    stream: Callable[[], torch.Generator],
) -> float:
    """How much better moments agree for a layout than for the same upside down.

    Args:
        victims: components ``(N, P, K)`` in the layout.
        straight: ``(M, P, K')`` of public images under an own key.
        turned: of the same upside down, under the same key.
        over: ``(P,)`` the place that each place moves to if images are turned upside down.
        grid: rows and columns of places.
        stream: gives the same generator, on the CPU, at every call.

    Returns:
        cosines, second moments and twice the third; half of what both ways round differ by.
    """
    count = min(victims.shape[2], straight.shape[2])
    own = [Moments.of((each - each.mean(dim=0))[..., :count], grid) for each in (straight, turned)]
    lead = 0.0
    for sign, laid in ((1, victims), (-1, victims[:, over])):
        ours = Moments.of(laid[..., :count], grid)
        first, second = (
            best_rotation(ours, theirs, stream(), RANDOM, KEPT).agreement for theirs in own
        )
        lead += sign * (first - second)
    return lead / 2


def _remembered(
    parts: Iterable[tuple[Tensor, Tensor]], seen: list[tuple[Tensor, Tensor]]
) -> Iterator[tuple[Tensor, Tensor]]:
    for part in parts:
        seen.append(part)
        yield part
