"""PyramidNet with ShakeDrop: widths that grow block by block, branches that are shaken.

References: Han, Kim, Kim, "Deep Pyramidal Residual Networks", CVPR 2017, arXiv:1610.02915;
Yamada, Iwamura, Akiba, Kise, "ShakeDrop Regularization for Deep Residual Learning", IEEE Access
2019, arXiv:1802.02375.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.errors import ConfigError
from ppattack.seeding import torch_stream

FIRST_WIDTH = 16
GROUPS = 3
LAYERS_A_BLOCK = 2
SEEDS = 1 << 62

Factors = tuple[Tensor, Tensor] | float
"""The factors of a branch: forward and backward ``(N,)``, or one number."""


class ShakePyramidNet(nn.Module):
    """A classifier of small images.

    In training, the branch of block l is multiplied by ``b + alpha - b * alpha`` on the way forward
    and by ``b + beta - b * beta`` on the way back, with b from Bernoulli(p_l), alpha uniform in
    [-1, 1] and beta uniform in [0, 1]; in evaluation by p_l, the expectation. p_l falls linearly
    with depth, from nearly 1 to ``last_keep``.

    The random numbers come from the network's own streams, which depend on a seed, drawn with the
    initial weights, and on the number of training passes so far. Both are in the state dict, so a
    network that is stored and loaded continues with the same random numbers. The global generator
    is left alone, and the numbers are the same on every device.

    Args:
        channels: channels of the images.
        classes: number of logits.
        depth: layers, ``6 n + 2`` for n blocks in each of three groups.
        alpha: how many more channels the last block has than the first layer.
        last_keep: p_L, the probability that the last block is not shaken.

    Raises:
        ConfigError: for a depth that is not ``6 n + 2``.

    Deviations: b, alpha and beta are drawn for each image; the paper compares one draw per batch,
        image, channel and element. The first convolution has a bias, as in public code;
        normalisation removes it again.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 10,
        depth: int = 110,
        alpha: int = 270,
        last_keep: float = 0.5,
    ) -> None:
        super().__init__()
        a_group, rest = divmod(depth - 2, GROUPS * LAYERS_A_BLOCK)
        if rest or a_group < 1:
            raise ConfigError(f"depth {depth} is not valid: it must be 6 n + 2, for example 110.")
        count = GROUPS * a_group
        widths = [FIRST_WIDTH + alpha * k // count for k in range(count + 1)]
        self.stem = nn.Conv2d(channels, FIRST_WIDTH, 3, padding=1)
        self.stem_norm = nn.BatchNorm2d(FIRST_WIDTH)
        self.blocks = nn.ModuleList(
            _Block(before, after, stride=2 if k in (a_group, 2 * a_group) else 1)
            for k, (before, after) in enumerate(pairwise(widths))
        )
        self.last_norm = nn.BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.keep = [1 - (1 - last_keep) * (k + 1) / count for k in range(count)]
        self.seed: Tensor
        self.passes: Tensor
        self.register_buffer("seed", torch.randint(SEEDS, ()))
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, classes)`` for float images ``(N, channels, H, W)``."""
        factors = self._sample_factors(x) if self.training else self.keep
        x = self.stem_norm(self.stem(x))
        for block, factor in zip(self.blocks, factors, strict=True):
            x = block(x, factor)
        features = self.last_norm(x).relu().mean(dim=(2, 3))
        logits: Tensor = self.head(features)
        return logits

    def _sample_factors(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Factors for every block of this pass, forward and backward, ``(N,)`` each."""
        stream = torch_stream(int(self.seed), "shake-drop", int(self.passes))
        self.passes += 1
        uniform = torch.rand((3, len(self.blocks), len(x)), generator=stream)
        gate, alpha, beta = uniform.to(x.device)
        kept = gate < gate.new_tensor(self.keep)[:, None]
        forward = torch.where(kept, 1.0, 2 * alpha - 1)
        backward = torch.where(kept, 1.0, beta)
        return list(zip(forward, backward, strict=True))


class _Block(nn.Module):
    """Two convolutions beside a shortcut without weights, made of a mean and channels of zeros."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = after - before
        self.branch = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor, factors: Factors) -> Tensor:
        """``(N, after, H / stride, W / stride)``, sizes rounded up."""
        shortcut = x
        if self.stride > 1:
            shortcut = functional.avg_pool2d(x, self.stride, ceil_mode=True)
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        branch: Tensor = self.branch(x)
        return shortcut + (
            branch * factors if isinstance(factors, float) else shaken(branch, *factors)
        )


def shaken(x: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
    """``x * forward``, whose gradient is taken for ``backward``.

    Args:
        x: ``(N, C, H, W)`` float.
        forward: ``(N,)`` float, one factor per image.
        backward: likewise.
    """
    result: Tensor = _Shaken.apply(x, forward, backward)
    return result


class _Shaken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        ctx.save_for_backward(backward)
        return _times(x, forward)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (factors,) = ctx.saved_tensors
        return _times(gradient, factors), None, None


def _times(x: Tensor, factors: Tensor) -> Tensor:
    return x * factors.to(x.dtype)[:, None, None, None]
