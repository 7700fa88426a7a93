"""What sets the variants of the inverse transformation network attack apart, and their recipes.

Each scales pixels, measures its loss and shows its output in its own way; the way of the published
evaluation is wrong, and is kept so that its figures can be reproduced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ppattack.solvers.trained.display import Display
from ppattack.solvers.trained.structural_loss import structural_loss
from ppattack.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Variant(Display):
    """What sets the variants apart: how pixels go in and come out, and how the network is trained.

    Args:
        network: the paper's U-Net, the block-local network (the pixel network for ``pe``), or the
            U-Net that also sees folded bytes.
        sigmoid_in_loss: whether the loss compares the sigmoid of the output with the plain image.
        flips: whether training pairs are mirrored together at random.
        structural: whether the loss is the mean absolute error plus one minus the structural
            similarity, not the mean squared error.
    """

    network: Literal["unet", "block-local", "folded-unet"]
    sigmoid_in_loss: bool = False
    flips: bool = False
    structural: bool = False

    def loss(self, network: nn.Module, ciphertexts: Tensor, plain: Tensor) -> Tensor:
        """The loss that the variant minimises."""
        output = network(self.pixels(ciphertexts)).float()
        if self.sigmoid_in_loss:
            output = output.sigmoid()
        wanted = self.pixels(plain)
        if self.structural:
            return structural_loss(output, wanted, low=-1.0 if self.signed else 0.0)
        error: Tensor = (output - wanted).square().mean()
        return error


VARIANTS: Mapping[str, Variant] = {
    "paper": Variant(network="unet", signed=False, sigmoid=True, sigmoid_in_loss=True, flips=True),
    "published-evaluation": Variant(
        network="block-local", truncates=True, batch_statistics=True, sigmoid_in_loss=True
    ),
    "published-evaluation-fixed": Variant(network="block-local"),
    "fixed": Variant(network="folded-unet", flips=True, structural=True),
}


QUICK = Recipe(
    epochs=10,
    batch_size=32,
    optimizer="adamw",
    learning_rate=1e-2,
    weight_decay=1e-2,
    schedule="one-cycle",
)
PATIENCE, LEAST_GAIN = 2, 0.05
"""Epochs in which the adversary's own validation loss must fall by this share for training to go
on. Chosen on crops of photographs under etc and le: of etc only brightness can be learnt, and
training stops; le teaches something in every epoch, and training goes on to the end."""
LINEAR = Recipe(
    epochs=15,
    batch_size=32,
    optimizer="adamw",
    learning_rate=0.3,  # for logits, which have to grow to about 10
    schedule="one-cycle",
)


def _published(epochs: int, learning_rate: float) -> Recipe:
    return Recipe(
        epochs=epochs,
        batch_size=128,
        optimizer="sgd",
        learning_rate=learning_rate,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="multistep",
        milestones=(60, 120, 160),
        decay=0.2,
    )


PUBLISHED: Mapping[str, Recipe] = {
    "paper": _published(200, 0.1),
    "published-evaluation": _published(50, 0.01),
    "published-evaluation-fixed": _published(200, 0.1),
    "fixed": replace(QUICK, epochs=100, learning_rate=1e-3),
}
"""How the variants were trained; ``fixed``, which is not published, is a longer ``QUICK``."""


def mirrored(
    ciphertexts: Tensor, plain: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Half of the pairs mirrored left to right."""
    chosen = torch.rand(len(plain), generator=generator) < 0.5
    chosen = chosen.to(plain.device).view(-1, 1, 1, 1)
    return (
        torch.where(chosen, ciphertexts.flip(-1), ciphertexts),
        torch.where(chosen, plain.flip(-1), plain),
    )


def reconstructions(
    network: nn.Module, variant: Variant, ciphertexts: Tensor, device: torch.device
) -> Tensor:
    """A variant's reconstructions of ciphertexts; see :meth:`.Display.reconstructions`."""
    return variant.reconstructions(network, ciphertexts, device)
