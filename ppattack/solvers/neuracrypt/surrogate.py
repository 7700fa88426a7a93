"""An encoder that stands in for the victims': trained on a matching, it matches again.

Reference: Carlini, Garg, Jha, Mahloujifar, Mahmoody, Tramèr, "NeuraCrypt is not private",
arXiv:2108.07256 (2021).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.attack import Context
from ppattack.solvers.neuracrypt.alternation import add_scores
from ppattack.solvers.neuracrypt.codes import Codes
from ppattack.training.optimisers import uncompiled

BATCH = 32
RATE = 1e-4
STEPS_BETWEEN_REPORTS = 10


def train(
    encoder: nn.Module,
    images: Tensor,
    codes: Tensor | Codes,
    steps: int,
    context: Context,
    *names: str | int,
    rate: float = RATE,
) -> float:
    """Bring an encoder's codes towards the victims', by L1 and Adam.

    Args:
        encoder: ``(N, C, H, W)`` float images to ``(N, P, D)``; trained in place.
        images: ``(N, C, H, W)`` normalised, the plain image of each ciphertext as matched.
        codes: ``(N, P, D)``, patches in the order of the plain images.
        steps: of 32 images each.
        context: device, seed and progress.
        names: of the random stream that picks the images.
        rate: learning rate.

    Returns:
        the mean loss of the last tenth of the steps.
    """
    optimizer = uncompiled(torch.optim.Adam)(encoder.parameters(), rate)
    stream = context.torch_stream("surrogate", *names)
    losses: list[Tensor] = []
    with context.progress.task("surrogate", steps) as task:
        for step in range(steps):
            sampled = torch.randint(len(images), (BATCH,), generator=stream).to(images.device)
            loss = functional.l1_loss(encoder(images[sampled]), codes[sampled])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            if step % STEPS_BETWEEN_REPORTS == 0:
                task.update(step, loss=float(losses[-1]))
    last = losses[-max(1, steps // 10) :]
    return float(torch.stack(last).mean()) if last else float("nan")


@torch.no_grad()
def scores(encoder: nn.Module, images: Tensor, codes: Tensor | Codes, at_once: int) -> Tensor:
    """Minus the mean squared distance of every ciphertext to every candidate's code, ``(N, M)``.

    Args:
        encoder: trained.
        images: ``(M, C, H, W)`` normalised candidates.
        codes: ``(N, P, D)``, patches in the order of the plain images.
        at_once: candidates encoded at a time.
    """
    given = Codes.of(codes)
    out = images.new_zeros((len(given), len(images)))
    for start in range(0, len(images), at_once):
        predicted = encoder(images[start : start + at_once]).flatten(1)
        for rows, part in given.batches():
            add_scores(out[rows, start : start + at_once], part.flatten(1), predicted)
    return out.div_(given.shape[1] * given.shape[2])


@torch.no_grad()
def nearest(encoder: nn.Module, images: Tensor, codes: Tensor | Codes, at_once: int) -> Tensor:
    """The candidate whose mean code is nearest to that of each ciphertext, ``(N,)`` int64.

    That is how the second part of the NeuraCrypt challenge is scored: the order of patches does
    not count, and several ciphertexts may name one candidate.

    Args:
        encoder: trained.
        images: ``(M, C, H, W)`` normalised candidates.
        codes: ``(N, P, D)``.
        at_once: candidates encoded at a time.
    """
    means = torch.cat([each.mean(dim=1) for each in _encoded(encoder, images, at_once)])
    own = torch.cat([part.mean(dim=1) for _, part in Codes.of(codes).batches()])
    return torch.cdist(own, means).argmin(dim=1)


def _encoded(encoder: nn.Module, images: Tensor, at_once: int) -> Iterable[Tensor]:
    for start in range(0, len(images), at_once):
        yield encoder(images[start : start + at_once])
