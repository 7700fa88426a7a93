"""How the output of a network is turned into images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ppattack import images as image_ops

PUBLISHED_BATCH = 128
"""Images shown at a time, as in the published evaluations; in training mode it matters."""


@dataclass(frozen=True)
class Display:
    """How ciphertexts go into a network, and how its output becomes images.

    Args:
        signed: whether pixels are scaled to [-1, 1] instead of [0, 1].
        truncates: whether reconstructions are truncated to 8 bits, not rounded.
        batch_statistics: whether reconstructions are made in training mode.
        sigmoid: whether reconstructions are the sigmoid of the output; if not, the output has the
            range of the pixels.
    """

    signed: bool = True
    truncates: bool = False
    batch_statistics: bool = False
    sigmoid: bool = False

    def pixels(self, images: Tensor) -> Tensor:
        """uint8 images as the network takes them."""
        values = image_ops.to_float(images)
        return values.mul_(2.0).sub_(1.0) if self.signed else values

    def shown(self, output: Tensor) -> Tensor:
        """uint8 images from a network's output."""
        output = output.float()
        if self.sigmoid:
            output = output.sigmoid()
        elif self.signed:
            output = output * 0.5 + 0.5
        if self.truncates:
            return output.clamp(0, 1).mul(255.0).to(torch.uint8)
        return image_ops.from_float(output)

    @torch.inference_mode()
    def reconstructions(
        self, network: nn.Module, ciphertexts: Tensor, device: torch.device
    ) -> Tensor:
        """What a network makes from ciphertexts.

        Args:
            network: trained, on ``device``; it is left in evaluation mode.
            ciphertexts: ``(N, C, H, W)`` uint8.
            device: where the network is.

        Returns:
            ``(N, C, H, W)`` uint8, where the ciphertexts are.
        """
        network.train(self.batch_statistics)
        shown = torch.empty_like(ciphertexts, memory_format=torch.contiguous_format)
        for start in range(0, len(ciphertexts), PUBLISHED_BATCH):
            part = slice(start, start + PUBLISHED_BATCH)
            values = self.pixels(ciphertexts[part].to(device))
            output = network(values.contiguous(memory_format=torch.channels_last))
            shown[part] = self.shown(output).to(shown.device)
        network.eval()
        return shown
