"""What grows with the number of images: a map over their shards, and a sum.

The sum is whatever ``merge`` does: totals that are added up, or lists of the best that are joined.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

from ppattack.context import Workers
from ppattack.data.stacks import Images, Stack, as_stack, shard_size, tensors

PARTS_OF_A_WORKER = 8


class Sums(Protocol):
    """Statistics gathered from images."""

    def merge(self, other: Self) -> Self:
        """Add what another has gathered; returns itself."""


Gathered = TypeVar("Gathered", bound=Sums)


def gathered(gather: Callable[[Tensor], Gathered], images: Images, workers: Workers) -> Gathered:
    """Gather statistics from images: shard by shard, and each worker from a part of them.

    Images are cut at whole shards, so where they are cut does not depend on the workers.

    Args:
        gather: gathers from some images; a function at the top of a module, or a
            ``functools.partial`` of one. Images that are in memory, and no other worker's, it is
            given at once.
        images: ``(N, C, H, W)`` uint8, at least one.
        workers: they gather.
    """
    whole = shard_size(images.shape)
    # Several for each worker, so that one that is lost or slow is not waited for long.
    size = whole * -(-len(images) // (whole * workers.count * PARTS_OF_A_WORKER))
    alone = workers.count == 1 or len(images) <= size
    if alone and isinstance(images, Tensor):
        return gather(images)
    parts = as_stack(images).split(size)
    there = partial(_gathered_there, gather, images.device.type)
    found = map(there, parts) if alone else workers.map(there, parts)
    return reduce(lambda whole, part: whole.merge(part), found)


def _gathered_there(gather: Callable[[Tensor], Gathered], device: str, part: Stack) -> Gathered:
    """What a worker gathers."""
    shards = (gather(images) for images in tensors(part, device))
    return reduce(lambda whole, shard: whole.merge(shard), shards)


class Sent:
    """Its tensors are sent to workers as arrays: a tensor would refer to the sender's memory."""

    def __getstate__(self) -> dict[str, Any]:
        sent = {}
        for name, value in vars(self).items():
            tensor = isinstance(value, Tensor)
            sent[name] = (tensor, value.cpu().numpy() if tensor else value)
        return sent

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, (tensor, value) in state.items():
            vars(self)[name] = torch.tensor(value) if tensor else value
