"""A network that learns, from the adversary's own keys, whether a patch and a code belong together.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.attack import Context
from ppattack.solvers.neuracrypt.features import FEATURES
from ppattack.training.fit import seeded
from ppattack.training.optimisers import uncompiled

HIDDEN = 64
EMBEDDED = 8
LEAST_SCALE, GREATEST_SCALE = -2.0, 4.0
AVERAGED = 0.999
"""Share of the running mean of weights that a step keeps."""
FIRST_BATCHES = 64
"""The batch of the first part of the training is smaller by this factor."""
FIRST_PART = 80
"""The first part of the training is one of this many."""
VALIDATION_PATCHES = 1000
STEPS_BETWEEN_REPORTS = 50


class PatchEmbedding(nn.Module):
    """Two networks whose unit vectors agree if a patch and a code belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.of_plain = _perceptron()
        self.of_code = _perceptron()
        self.scale = nn.Parameter(torch.zeros(()))

    def plain(self, features: Tensor) -> Tensor:
        """Unit vectors ``(..., 8)`` of features ``(..., 15)`` of patches."""
        return functional.normalize(self.of_plain(features), dim=-1)

    def code(self, features: Tensor) -> Tensor:
        """Unit vectors ``(..., 8)`` of features ``(..., 15)`` of codes."""
        return functional.normalize(self.of_code(features), dim=-1)

    def loss(self, plain: Tensor, codes: Tensor) -> Tensor:
        """Cross-entropy of finding each patch's code among all codes of the batch."""
        scale = self.scale.clamp(LEAST_SCALE, GREATEST_SCALE).exp()
        logits = scale * self.plain(plain) @ self.code(codes).T
        return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


@dataclass(frozen=True)
class Learnt:
    """A trained embedding.

    Args:
        network: with the running mean of its weights.
        loss: of the last step.
        margin: mean similarity of a patch with its own code minus that with another's, on held-out
            patches.
        right: share of held-out patches more similar to their own code than to another's.
    """

    network: PatchEmbedding
    loss: float
    margin: float
    right: float


def learn(
    plain: Tensor, codes: Tensor, steps: int, batch: int, rate: float, context: Context
) -> Learnt:
    """Train the embedding on features of patches and of their codes under own keys.

    Args:
        plain: ``(K, 15)`` features of patches.
        codes: ``(K, 15)`` features of their codes, in the same order.
        steps: of Adam.
        batch: patches per step; the first part of the training takes a 64th.
        rate: learning rate.
        context: device, seed and progress.
    """
    plain, codes = plain.to(context.device), codes.to(context.device)
    held_out = min(VALIDATION_PATCHES, len(plain) // 10)
    count = len(plain) - held_out
    network = seeded(PatchEmbedding, context, "patch embedding").to(context.device)
    mean = copy.deepcopy(network).requires_grad_(False)
    optimizer = uncompiled(torch.optim.Adam)(network.parameters(), rate)
    stream = context.torch_stream("patch embedding", "batches")
    loss = torch.zeros(())
    with context.progress.task("patch similarity", steps) as task:
        for step in range(steps):
            size = max(2, batch // FIRST_BATCHES) if step < steps / FIRST_PART else batch
            sampled = torch.randint(count, (size,), generator=stream).to(context.device)
            loss = network.loss(plain[sampled], codes[sampled])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            _follow(mean, network)
            if step % STEPS_BETWEEN_REPORTS == 0:
                task.update(step, loss=float(loss.detach()))
    margin, right = _validated(mean, plain[count:], codes[count:])
    return Learnt(mean, float(loss.detach()), margin, right)


@torch.no_grad()
def _follow(mean: PatchEmbedding, network: PatchEmbedding) -> None:
    for kept, new in zip(mean.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - AVERAGED)


@torch.no_grad()
def _validated(network: PatchEmbedding, plain: Tensor, codes: Tensor) -> tuple[float, float]:
    """Margin and share of right answers against the next patch's code."""
    left, right = network.plain(plain), network.code(codes)
    own, other = (left * right).sum(dim=1), (left * right.roll(1, dims=0)).sum(dim=1)
    return float((own - other).mean()), float((own > other).double().mean())


def _perceptron() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(FEATURES, HIDDEN),
        nn.LeakyReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.LeakyReLU(),
        nn.Linear(HIDDEN, EMBEDDED),
    )
