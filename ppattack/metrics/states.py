"""The 96 global states: orientation, negative and colour order of the whole image.

From ciphertexts alone some schemes can be solved only up to one such state; prior knowledge of the
images must then decide it. Scores are reported raw; the score in the best state, which only the
truth can tell, is reported beside them and never instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ppattack.blocks import COLOUR_ORDERS
from ppattack.metrics.ssim import ssim

SAMPLE = 256
"""How many images decide the one state of a whole data set."""


def global_states(images: Tensor) -> Iterator[Tensor]:
    """Every state of ``(N, C, H, W)`` images; those that change H × W are left out."""
    square = images.shape[2] == images.shape[3]
    orders = COLOUR_ORDERS.tolist() if images.shape[1] == 3 else [[0]]
    for mirrored in (images, images.flip(3)):
        for quarter in range(4) if square else (0, 2):
            turned = torch.rot90(mirrored, quarter, (2, 3))
            for order in orders:
                coloured = turned[:, order]
                yield coloured
                yield 255 - coloured


def best_state_ssim(images: Tensor, plain: Tensor, *, shared: bool) -> Tensor:
    """SSIM under the global state that scores best.

    Args:
        images: ``(N, C, H, W)`` uint8 reconstructions.
        plain: the truth.
        shared: whether one state serves all images (one key) or each has its own.

    Returns:
        ``(N,)`` float64.
    """
    part = slice(0, SAMPLE) if shared else slice(None)
    scores = torch.stack([ssim(state, plain[part]) for state in global_states(images[part])])
    if not shared:
        return scores.amax(dim=0)
    best = int(scores.mean(dim=1).argmax())
    chosen = next(state for i, state in enumerate(global_states(images)) if i == best)
    return ssim(chosen.contiguous(), plain)
