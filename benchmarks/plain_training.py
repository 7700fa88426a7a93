"""What plain loops of published training share: a process, batches, the network, equal losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.machine import keep_freed_memory
from ppattack.networks.block_local import BlockLocalNet

CONTEXT = Context(torch.device("cpu"), seed=0)
NAME = "benchmark"
"""Name of the training, which names its random streams."""


def two_processes() -> Callable[..., Any]:
    """Have this process keep freed memory, as the program does, and start one that does not.

    Returns:
        calls a function with its arguments in the other process, and gives its result.
    """
    plain = ProcessPoolExecutor(1, get_context("fork"), torch.set_num_threads, (1,))
    plain.submit(abs, 0).result()
    keep_freed_memory()
    return lambda function, *arguments: plain.submit(function, *arguments).result()


def orders(count: int, epochs: int) -> Iterator[Tensor]:
    """The order of the examples in each epoch of the project's loop."""
    split = torch.randperm(count, generator=CONTEXT.torch_stream(NAME, "split"))
    for epoch in range(epochs):
        stream = CONTEXT.torch_stream(NAME, "batches", epoch)
        yield split[torch.randperm(count, generator=stream)]


def as_published(ours: BlockLocalNet) -> nn.Sequential:
    """The block-local network as published, with the weights of the project's."""
    plain = nn.Sequential(
        *list(ours.layers)[:-2], nn.PixelShuffle(4), nn.Conv2d(32, 3, 1), nn.Tanh()
    )
    plain[-2].load_state_dict(ours.layers[-2].state_dict())
    for layer in (plain[6], plain[7]):  # before the shuffle: pixels first to features first
        for value in layer.parameters():
            value.data = value.data.view(16, 32, -1).transpose(0, 1).reshape(value.shape)
    return plain


def check_losses(
    title: str, ours: Sequence[float], reference: Sequence[float], tolerance: float
) -> None:
    """Print the losses; end the program if the two sides differ."""
    worst = max(abs(a / b - 1) for a, b in zip(ours, reference, strict=True))
    print(f"{title}: losses {[f'{loss:.5f}' for loss in ours]}, worst difference {worst:.1e}")
    if worst > tolerance:
        raise SystemExit(f"the losses differ: {ours} against {reference}")
