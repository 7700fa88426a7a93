"""Plain images from bytes folded about mid-grey, by a network that learns from public images.

A fold is the same under every key that complements bytes, and, sorted over the channels of a pixel,
also under every one that reorders these. So the network needs no key and no ciphertext to learn
from, and one serves all images, whatever their keys.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppattack import images as image_ops
from ppattack.attack import Context
from ppattack.solvers.trained.inverse_transformation import mirrored
from ppattack.solvers.trained.structural_loss import structural_loss
from ppattack.target.unet import UNet
from ppattack.training.fit import FitResult, TrainingData, fit, seeded
from ppattack.training.recipe import Recipe

EMA = 0.99
STREAMS = "fr"
"""Names the random streams: as when this was a mode of ``fr``, so that figures repeat."""
AT_ONCE = 128


def distances(images: Tensor) -> Tensor:
    """``(N, C, H, W)`` float in [0, 1]: how far bytes are from mid-grey, complemented or not."""
    twice = images.short().mul_(2).sub_(255).abs_()  # exact, unlike a difference of floats
    return twice.float().div_(255.0)


class FoldReader(nn.Module):
    """A U-Net from folded bytes to images.

    Args:
        channels: those of the images.
        width: features of its first level.
        levels: how many scales it has.
        sorts: whether it sorts the channels of each pixel, which may have changed places.
    """

    def __init__(self, channels: int, width: int, levels: int, *, sorts: bool) -> None:
        super().__init__()
        self.unet = UNet(channels, width, levels)
        self.sorts = sorts

    def forward(self, images: Tensor) -> Tensor:
        """``(N, C, H, W)`` uint8, plain or encrypted, to plain ones, float in [-1, 1]."""
        folded = distances(images)
        if self.sorts:
            folded = folded.sort(dim=1).values
        values: Tensor = self.unet(folded.mul(2.0).sub(1.0)).float().tanh()
        return values


def learnt(
    public: Tensor, recipe: Recipe, context: Context, *, width: int, levels: int, sorts: bool
) -> tuple[FoldReader, FitResult]:
    """A fold reader trained on public images, and how its training went.

    Args:
        public: ``(M, C, H, W)`` uint8.
        recipe: how to train.
        context: device, seed, checkpoints, progress.
        width: see :class:`FoldReader`.
        levels: likewise.
        sorts: likewise.
    """
    reader = seeded(
        lambda: FoldReader(public.shape[1], width, levels, sorts=sorts), context, STREAMS
    )
    name = f"{STREAMS}-learned-sorted" if sorts else f"{STREAMS}-learned"
    return reader, fit(reader, TrainingData(public, public), _loss, recipe, context, name, mirrored)


def read(reader: FoldReader, ciphertexts: Tensor) -> Tensor:
    """Images ``(N, C, H, W)`` uint8 from ciphertexts of that shape, on the reader's device."""
    with torch.inference_mode():
        parts = [image_ops.from_float((reader(c) + 1) / 2) for c in ciphertexts.split(AT_ONCE)]
    return torch.cat(parts)


def _loss(reader: nn.Module, inputs: Tensor, plain: Tensor) -> Tensor:
    wanted = image_ops.to_float(plain).mul_(2.0).sub_(1.0)
    return structural_loss(reader(inputs), wanted, low=-1.0)
