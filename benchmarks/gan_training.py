"""Training of the published GAN attack against the plain loop of its publication.

Both sides train the same two networks from the same weights on the same batches in the same
order, and must reach the same losses. The plain loop is what the published code does: a
``DataLoader`` of float images with two workers, cross-entropies with two labels, and gradients of
the discriminator's weights in the generator's turn, too. It has a process of its own, whose memory
is managed as in any Python program; the project's loop keeps freed memory, as ``ppattack`` does.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from plain_training import CONTEXT, NAME, as_published, check_losses, orders, two_processes
from side_by_side import compare, finish
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from ppattack.networks.block_local import BlockLocalNet
from ppattack.networks.discriminators import PUBLISHED_POOL, PatchDiscriminator
from ppattack.solvers.trained.adversarial import VARIANTS, game, published_weights
from ppattack.solvers.trained.image_moments import moments_of_many
from ppattack.training.fit import Player, TrainingData, fit_in_turns, seeded

BATCH = 64
IMAGES = 1280
BOUND = 1.5
LOSS_TOLERANCE = 2e-3
TITLE = "GAN generator and discriminator, epoch"
VARIANT = VARIANTS["paper"]


def main() -> int:
    """The losses of two epochs must agree, then one epoch is timed."""
    torch.set_num_threads(1)
    plainly = two_processes()
    data = images(IMAGES)
    ours, plain = trained(data, epochs=2), plainly(plainly_trained, data, 2)
    check_losses(TITLE, ours, plain, LOSS_TOLERANCE)
    ratio = compare(
        TITLE,
        lambda: trained(data, epochs=1),
        lambda: plainly(plainly_trained, data, 1),
        sense="faster",
        bound=BOUND,
    )
    return finish([ratio])


def images(count: int) -> TrainingData:
    """Random ciphertexts and smoother images, 32 × 32."""
    rng = np.random.default_rng(0)
    made = torch.from_numpy(rng.integers(0, 256, (2, count, 3, 32, 32), dtype=np.uint8))
    return TrainingData(made[0], made[1] // 2 + 64)


def networks() -> tuple[BlockLocalNet, PatchDiscriminator]:
    """Generator and discriminator with their initial weights."""
    generator = seeded(lambda: published_weights(BlockLocalNet()), CONTEXT, "generator")
    judge = seeded(lambda: published_weights(PatchDiscriminator()), CONTEXT, "judge")
    return generator, judge


def trained(data: TrainingData, epochs: int) -> list[float]:
    """The losses of the project's own loop, both players' one after the other."""
    generator, judge = networks()
    recipes = VARIANT.recipes(epochs, BATCH, None)
    players = {
        "generator": Player(generator, recipes[0]),
        "discriminator": Player(judge, recipes[1]),
    }
    turns = game(generator, judge, VARIANT, moments_of_many(data.targets))
    result = fit_in_turns(players, data, turns, CONTEXT, NAME)
    return [*result.train_losses, *result.rival_losses["discriminator"]]


def plainly_trained(data: TrainingData, epochs: int) -> list[float]:
    """The losses of the plain loop on the same batches."""
    ours, judge = networks()
    generator = as_published(ours)
    generator.train()
    judge.train()
    first = torch.optim.Adam(generator.parameters(), 2e-4, betas=(0.5, 0.999))
    second = torch.optim.Adam(judge.parameters(), 2e-4, betas=(0.5, 0.999))
    criterion = nn.BCELoss()
    dataset = TensorDataset(*(each / 127.5 - 1 for each in (data.inputs, data.targets)))
    losses: dict[str, list[float]] = {"generator": [], "discriminator": []}
    for order in orders(len(dataset), epochs):
        loader = DataLoader(dataset, BATCH, sampler=order.tolist(), num_workers=2)
        totals = [0.0, 0.0]
        for ciphertexts, plain in loader:
            fake = generator(ciphertexts)
            real_loss = criterion(_judged(judge, plain), torch.ones(len(plain)))
            fake_loss = criterion(_judged(judge, fake.detach()), torch.zeros(len(plain)))
            second.zero_grad()
            (real_loss + fake_loss).backward()
            second.step()
            loss = criterion(_judged(judge, fake), torch.ones(len(plain)))
            first.zero_grad()
            loss.backward()
            first.step()
            totals[0] += loss.item()
            totals[1] += (real_loss + fake_loss).item()
        for name, total in zip(losses, totals, strict=True):
            losses[name].append(total / len(loader))
    return [*losses["generator"], *losses["discriminator"]]


def _judged(judge: PatchDiscriminator, x: Tensor) -> Tensor:
    """As published: logits of the whole image, which pooling reduces to one."""
    logits = functional.max_pool2d(judge.layers(x), PUBLISHED_POOL)
    return torch.sigmoid(logits.flatten())


if __name__ == "__main__":
    sys.exit(main())
