"""Undo the scrambling of a few blocks by exhaustive search, with one key per image or one for all.

The cheapest arrangement of the blocks is found exactly; public images choose its global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.block_states import Arrangement, States, states_of
from ppattack.errors import ImageError
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers.blocks import seam_likelihood
from ppattack.solvers.blocks.seam_likelihood import SeamLikelihood
from ppattack.solvers.global_state import choice, network
from ppattack.solvers.global_state.choice import FEWEST_PUBLIC, JUDGED
from ppattack.solvers.global_state.jpeg_priors import Priors
from ppattack.solvers.global_state.key_estimate import together
from ppattack.solvers.jigsaw.exhaustive import arrangements, best_arrangements
from ppattack.target.structure import Structure

ENOUGH_TOGETHER = 10
"""Ciphertexts under one key from which a linear model is enough to choose their state."""
AT_ONCE = 64
"""Images searched at a time."""


@dataclass(frozen=True)
class BlockModel:
    """What the search is based on.

    Args:
        block_size: edge of a block, pixels.
        rows: blocks from top to bottom.
        columns: blocks from left to right.
        group: the states of a block.
        seams: what seams look like; None if there are none.
        priors: choose the global state; None to leave it as found.
    """

    block_size: int
    rows: int
    columns: int
    group: States
    seams: SeamLikelihood | None
    priors: Priors | None

    def costs(self, ciphertexts: Tensor) -> Tensor:
        """``(N, 4, n, n, S)``, the costs of the seams of each image."""
        if self.seams is None:
            return torch.zeros(len(ciphertexts), 4, 1, 1, self.group.count)
        return self.seams.costs(ciphertexts, self.block_size, self.group)


def learn(
    ciphertexts: Tensor,
    structure: Structure,
    public: Tensor | None,
    context: Context,
    *,
    epochs: int,
    jpeg: Jpeg | None = None,
) -> BlockModel:
    """Learn what seams and whole images look like.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, H and W multiples of the block size.
        structure: what happens to the blocks.
        public: ``(M, C, H, W)`` uint8 of the ciphertexts' size. Without them, or with fewer than
            10, seams are learned from the insides of the ciphertexts' blocks, and nothing is
            known of global states.
        context: device, seed, checkpoints and progress.
        epochs: see :func:`ppattack.solvers.global_state.network.fit`.
        jpeg: what the ciphertexts went through, or None.

    Raises:
        ImageError: if the public images have another size.
    """
    _, channels, height, width = ciphertexts.shape
    block_size = structure.block_size
    rows, columns = height // block_size, width // block_size
    group = states_of(structure, channels)
    several = rows * columns > 1
    if public is None or len(public) < FEWEST_PUBLIC:
        seams = seam_likelihood.fit_inside(ciphertexts, block_size, group) if several else None
        return BlockModel(block_size, rows, columns, group, seams, None)
    if public.shape[1:] != ciphertexts.shape[1:]:
        raise ImageError(
            f"public images of shape {tuple(public.shape[1:])} do not match ciphertexts of "
            f"shape {tuple(ciphertexts.shape[1:])}: use images of the victims' size."
        )
    seams = seam_likelihood.fit(public, block_size, group) if several else None
    fit = partial(network.fit, public, group, rows, columns, epochs, context)
    return BlockModel(block_size, rows, columns, group, seams, Priors(fit, block_size, group, jpeg))


def shared_key(ciphertexts: Tensor, model: BlockModel) -> tuple[PermXor, dict[str, Any]]:
    """The key of images under one key: the costs of their seams add up.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        model: from :func:`learn`.

    Returns:
        the encryption key, and notes for a report.
    """
    total = torch.stack([model.costs(part).sum(0) for part in ciphertexts.split(AT_ONCE)]).sum(0)
    found = best_arrangements(total[None], model.rows, model.columns, model.group)[0]
    key = _keys(ciphertexts, [found], model)[0]
    plain = key.inverse()(ciphertexts[:JUDGED])
    prior = None if model.priors is None else model.priors.one_key(key)
    state, decision = choice.choose(plain, prior, model.group)
    key = _keys(ciphertexts, [found.turned(state, model.group)], model)[0]
    return key, {**_notes(model), **decision}


def each_alone(ciphertexts: Tensor, model: BlockModel) -> tuple[PermXor, dict[str, Any]]:
    """The keys of ciphertexts that each have their own.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        model: from :func:`learn`.

    Returns:
        one encryption key per image, and notes for a report.
    """
    keys: list[PermXor] = []
    prior = None if model.priors is None else model.priors.any_key
    for start in range(0, len(ciphertexts), AT_ONCE):
        part = ciphertexts[start : start + AT_ONCE]
        best = best_arrangements(model.costs(part), model.rows, model.columns, model.group)
        found = [best[i] for i in range(len(part))]
        if prior is not None:
            plain = together(_keys(part, found, model)).inverse()(part)
            chosen = prior.wanted[prior.scores(plain).argmax(1).cpu().numpy()]
            states = zip(found, chosen.tolist(), strict=True)
            found = [one.turned(by, model.group) for one, by in states]
        keys += _keys(part, found, model)
    notes = _notes(model)
    if prior is not None:
        notes |= {
            "global_state": "chosen by public images, for each image alone",
            "global_state_chance": prior.chance(1),
        }
    return together(keys), notes


def _keys(ciphertexts: Tensor, found: Sequence[Arrangement], model: BlockModel) -> list[PermXor]:
    channels = ciphertexts.shape[1]
    return [one.key(model.block_size, channels, model.group) for one in found]


def _notes(model: BlockModel) -> dict[str, Any]:
    blocks = model.rows * model.columns
    public = model.priors is not None
    return {
        "blocks": blocks,
        "arrangements_compared": arrangements(blocks, model.group.count),
        "learned_from": "public images" if public else "the insides of the ciphertexts' blocks",
        "global_state": "left as found",
    }
