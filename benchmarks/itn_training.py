"""Training of the inverse transformation networks against the plain loop of their publication.

Both sides train the same network from the same weights on the same batches in the same order,
and must reach the same losses. The plain loop is what a first implementation does: a
``DataLoader`` with two workers, a transfer and a float batch in each step, contiguous images. It
has a process of its own, whose memory is managed as in any Python program; the project's loop keeps
freed memory, as ``ppattack`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from plain_training import CONTEXT, NAME, as_published, check_losses, orders, two_processes
from side_by_side import Ratio, compare, finish
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ppattack.networks.block_local import BlockLocalNet, PixelNet
from ppattack.solvers.trained.inverse_transformation import VARIANTS
from ppattack.training.fit import TrainingData, fit, seeded
from ppattack.training.recipe import Recipe

BATCH = 128
LOSS_TOLERANCE = 1e-3
VARIANT = VARIANTS["published-evaluation"]


def main() -> int:
    """Measure both networks; the exit code says whether the bounds hold."""
    torch.set_num_threads(1)
    plainly = two_processes()
    ratios = [
        measure(
            "ITN block-local network, epoch", BlockLocalNet, plain_block_net, 2560, 2.0, plainly
        ),
        measure("ITN pixel network, epoch", PixelNet, PixelNet, 256, 1.5, plainly),
    ]
    return finish(ratios)


def plain_block_net() -> nn.Module:
    """The block-local network as published."""
    return as_published(BlockLocalNet())


def measure(
    title: str,
    build: Callable[[], nn.Module],
    build_plain: Callable[[], nn.Module],
    images: int,
    bound: float,
    plainly: Callable[..., list[float]],
) -> Ratio:
    """One network: the losses of three epochs must agree, then one epoch is timed."""
    data = pairs(images)
    ours = trained(build, data, epochs=3)
    reference = plainly(plainly_trained, build_plain, data, 3)
    check_losses(title, ours, reference, LOSS_TOLERANCE)
    return compare(
        title,
        lambda: trained(build, data, epochs=1),
        lambda: plainly(plainly_trained, build_plain, data, 1),
        sense="faster",
        bound=bound,
    )


def pairs(count: int) -> TrainingData:
    """Random images and their complements, 32 × 32."""
    rng = np.random.default_rng(0)
    plain = torch.from_numpy(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))
    return TrainingData(255 - plain, plain)


def trained(build: Callable[[], nn.Module], data: TrainingData, epochs: int) -> list[float]:
    """The losses of the project's own training loop."""
    recipe = Recipe(
        epochs, BATCH, "sgd", 0.01, momentum=0.9, weight_decay=5e-4, validation_share=0.0
    )
    network = seeded(build, CONTEXT)
    return list(fit(network, data, VARIANT.loss, recipe, CONTEXT, NAME).train_losses)


def plainly_trained(build: Callable[[], nn.Module], data: TrainingData, epochs: int) -> list[float]:
    """The losses of the plain loop on the same batches."""
    network = seeded(build, CONTEXT)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    criterion = nn.MSELoss()
    dataset = TensorDataset(VARIANT.pixels(data.inputs), VARIANT.pixels(data.targets))
    device = CONTEXT.device
    losses = []
    for order in orders(len(dataset), epochs):
        loader = DataLoader(dataset, BATCH, sampler=order.tolist(), num_workers=2)
        total = 0.0
        for ciphertexts, plain in loader:
            ciphertexts, plain = ciphertexts.to(device), plain.to(device)
            loss = criterion(torch.sigmoid(network(ciphertexts)), plain)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(loader))
    return losses


if __name__ == "__main__":
    sys.exit(main())
