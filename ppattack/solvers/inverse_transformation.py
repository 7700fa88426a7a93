"""What sets the variants of the inverse transformation network attack apart.

Each scales pixels, measures its loss and shows its output in its own way; the published
evaluation's way is wrong, and is kept as it is so that its figures can be reproduced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ppattack import images as image_ops
from ppattack.solvers.structural_loss import structural_loss

EVALUATION_BATCH = 128
"""Images shown at a time, as in the published evaluation, where it matters."""


@dataclass(frozen=True)
class Variant:
    """What sets the variants apart.

    Args:
        network: the paper's U-Net, the block-local network (the pixel network for ``pe``), or the
            U-Net that is shown folded bytes too.
        signed: pixels are scaled to [-1, 1] instead of [0, 1].
        sigmoid_in_loss: the loss compares the sigmoid of the output with the plain image.
        sigmoid_when_shown: reconstructions are the sigmoid of the output.
        truncates: reconstructions are truncated to 8 bits, not rounded.
        batch_statistics: reconstructions are made in training mode.
        flips: training pairs are mirrored together at random.
        structural: the loss is the mean absolute error plus one less the structural similarity,
            not the mean squared error.
    """

    network: Literal["unet", "block-local", "folded-unet"]
    signed: bool
    sigmoid_in_loss: bool
    sigmoid_when_shown: bool
    truncates: bool
    batch_statistics: bool
    flips: bool
    structural: bool

    def pixels(self, images: Tensor) -> Tensor:
        """Images as the network takes them."""
        values = image_ops.to_float(images)
        return values.mul_(2.0).sub_(1.0) if self.signed else values

    def loss(self, network: nn.Module, ciphertexts: Tensor, plain: Tensor) -> Tensor:
        """What the variant minimises."""
        output = network(self.pixels(ciphertexts)).float()
        if self.sigmoid_in_loss:
            output = output.sigmoid()
        wanted = self.pixels(plain)
        if self.structural:
            return structural_loss(output, wanted, low=-1.0 if self.signed else 0.0)
        error: Tensor = (output - wanted).square().mean()
        return error

    def shown(self, output: Tensor) -> Tensor:
        """The reconstruction, uint8, that the variant makes of the network's output."""
        output = output.sigmoid() if self.sigmoid_when_shown else output * 0.5 + 0.5
        if self.truncates:
            return output.mul(255.0).to(torch.uint8)
        return image_ops.from_float(output)


VARIANTS: Mapping[str, Variant] = {
    "paper": Variant(
        network="unet",
        signed=False,
        sigmoid_in_loss=True,
        sigmoid_when_shown=True,
        truncates=False,
        batch_statistics=False,
        flips=True,
        structural=False,
    ),
    "published-evaluation": Variant(
        network="block-local",
        signed=True,
        sigmoid_in_loss=True,
        sigmoid_when_shown=False,
        truncates=True,
        batch_statistics=True,
        flips=False,
        structural=False,
    ),
    "published-evaluation-fixed": Variant(
        network="block-local",
        signed=True,
        sigmoid_in_loss=False,
        sigmoid_when_shown=False,
        truncates=False,
        batch_statistics=False,
        flips=False,
        structural=False,
    ),
    "fixed": Variant(
        network="folded-unet",
        signed=True,
        sigmoid_in_loss=False,
        sigmoid_when_shown=False,
        truncates=False,
        batch_statistics=False,
        flips=True,
        structural=True,
    ),
}


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
    """What a variant shows for ciphertexts.

    Args:
        network: trained, on ``device``.
        variant: how pixels go in and come out.
        ciphertexts: ``(N, C, H, W)`` uint8.
        device: where the network is.

    Returns:
        ``(N, C, H, W)`` uint8, where the ciphertexts are.
    """
    network.train(variant.batch_statistics)
    shown = torch.empty_like(ciphertexts, memory_format=torch.contiguous_format)
    with torch.inference_mode():
        for start in range(0, len(ciphertexts), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            values = variant.pixels(ciphertexts[part].to(device))
            shown[part] = variant.shown(
                network(values.contiguous(memory_format=torch.channels_last))
            )
    return shown
