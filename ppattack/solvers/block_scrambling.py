"""The key of a block scrambling scheme, from ciphertexts under one key alone.

Blocks are permuted, turned or flipped, complemented, and their colours change places. Seam costs
added up over ciphertexts put the blocks back together, up to one state of the whole image; what
public images look like decides that state.

Reference for seams summed over ciphertexts and for states beyond turns: T. Chuman, K. Kurihara,
H. Kiya, "Security Evaluation for Block Scrambling-Based ETC Systems against Extended Jigsaw
Puzzle Solver Attacks", ICASSP 2017. The choice of the global state is this project's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.permxor import PermXor
from ppattack.seeding import numpy_stream
from ppattack.solvers import state_prior
from ppattack.solvers.block_assembly import assemble, refine, total_cost
from ppattack.solvers.block_states import Arrangement, States, states
from ppattack.solvers.seams import seam_costs, seam_sums

IDLE_ROUNDS = 12
"""Sets of blocks re-assigned in vain before an arrangement counts as final."""
JUDGED = 1000
"""Ciphertexts decrypted to choose the global state."""
FEWEST_PUBLIC = 10
"""Public images below which nothing can be learned about global states."""
TURNS = (
    *("as it is", "turned by 90°", "turned by 180°", "turned by 270°"),
    *(
        "mirrored",
        "mirrored, turned by 90°",
        "mirrored, turned by 180°",
        "mirrored, turned by 270°",
    ),
)


def recover(
    ciphertexts: Tensor, public: Tensor, block_size: int, *, colours: bool = True
) -> tuple[PermXor, Mapping[str, Any]]:
    """Estimate the encryption key.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8 under one key, H and W multiples of ``block_size``.
        public: ``(M, C, H', W')`` uint8 images of the victims' distribution; smaller ones are
            padded. With fewer than 10 the global state is left as the assembly found it.
        block_size: edge of a block, pixels.
        colours: whether the channels of a block can have changed places (where C = 3).

    Returns:
        the key over bytes of ``(C, H, W)``, and notes for a report: see :func:`choose_state`.

    Raises:
        ImageError: where the shapes do not fit.
    """
    _check(ciphertexts, public, block_size)
    _, channels, height, width = ciphertexts.shape
    rows, columns = height // block_size, width // block_size
    group = states(colours=colours and channels == 3)
    started = time.perf_counter()
    sums = seam_sums(ciphertexts, block_size)
    costs = seam_costs(sums, colours=group.count == 96).cpu().numpy()
    summed = time.perf_counter()
    found = assemble(costs, rows, columns, group)
    rng = numpy_stream(0, "block-scrambling")
    found, improved = refine(found, costs, group, rng, IDLE_ROUNDS)
    assembled = time.perf_counter()
    prior = fitted_prior(public, ciphertexts, block_size, group)
    turn, decision = choose_state(found, ciphertexts[:JUDGED], prior, block_size, group)
    key = found.turned(turn, group).key(block_size, channels, group)
    return key, {
        "blocks": rows * columns,
        "seam_cost": total_cost(found, costs, group),
        "seams_mutually_best": mutually_best(found, costs, group),
        "improvements": improved,
        **decision,
        "seconds": {
            "statistics": round(summed - started, 3),
            "assembly": round(assembled - summed, 3),
            "global_state": round(time.perf_counter() - assembled, 3),
        },
    }


def _check(ciphertexts: Tensor, public: Tensor, block_size: int) -> None:
    image_ops.check(ciphertexts, "ciphertexts")
    image_ops.check(public, "public images")
    height, width = ciphertexts.shape[2:]
    if len(ciphertexts) == 0 or height % block_size or width % block_size:
        raise ImageError(
            f"block scrambling needs at least one ciphertext of whole blocks of {block_size} "
            f"pixels; got shape {tuple(ciphertexts.shape)}."
        )


def fitted_prior(
    public: Tensor, ciphertexts: Tensor, block_size: int, group: States
) -> state_prior.StatePrior | None:
    """The model that chooses among global states, or None with too few public images.

    Raises:
        ImageError: where padded public images are not of the ciphertexts' size.
    """
    if len(public) < FEWEST_PUBLIC:
        return None
    padded = image_ops.pad_to_multiple(public, block_size)
    if padded.shape[1:] != ciphertexts.shape[1:]:
        raise ImageError(
            f"public images of shape {tuple(public.shape[1:])} do not match ciphertexts of "
            f"shape {tuple(ciphertexts.shape[1:])}: use images of the victims' size."
        )
    height, width = ciphertexts.shape[2:]
    return state_prior.fit(
        padded.to(ciphertexts.device), group, height // block_size, width // block_size
    )


def choose_state(
    found: Arrangement,
    ciphertexts: Tensor,
    prior: state_prior.StatePrior | None,
    block_size: int,
    group: States,
) -> tuple[int, dict[str, Any]]:
    """The state of whole images that makes them natural.

    Args:
        found: an arrangement of the blocks of all the ciphertexts.
        ciphertexts: ``(N, C, H, W)`` uint8.
        prior: a fitted model, or None for the state as found.
        block_size: edge of a block, pixels.
        group: the states.

    Returns:
        the state, and notes: ``global_state``; ``global_state_probability`` (by the model);
        ``global_state_runner_up``, the second most probable relative to the chosen one; and
        ``global_state_chance``, how often the choice is right on public images that the model
        has not seen, as many at a time.
    """
    if prior is None:
        return 0, {"global_state": "left as found: too few public images"}
    plain = found.key(block_size, ciphertexts.shape[1], group).inverse()(ciphertexts)
    probability = torch.softmax(prior.scores(plain).sum(0), dim=0)
    order = probability.argsort(descending=True, stable=True).tolist()
    best, second = (int(prior.wanted[rank]) for rank in (order[0], order[1]))
    return best, {
        "global_state": "chosen by public images",
        "global_state_probability": float(probability[order[0]]),
        "global_state_runner_up": in_words(int(group.compose[second, group.inverse[best]]), group),
        "global_state_chance": prior.chance(len(plain)),
    }


def in_words(state: int, group: States) -> str:
    """A state of a whole image, for people."""
    words = [TURNS[int(group.dihedral[state])]]
    if group.negative[state]:
        words.append("complemented")
    if group.colour[state]:
        words.append(f"colour order {int(group.colour[state])}")
    return ", ".join(words)


def mutually_best(found: Arrangement, costs: np.ndarray, group: States) -> float:
    """The fraction of seams at which each of both blocks has no better neighbour: confidence."""
    best = costs.min(axis=(2, 3))
    right = seams = 0
    grid, state = found.grid, found.state
    for side, before, after in ((0, np.s_[:, :-1], np.s_[:, 1:]), (1, np.s_[:-1], np.s_[1:])):
        undo, back = group.inverse[state[before]], group.inverse[state[after]]
        seen, met = group.side[undo, side], group.side[back, side + 2]
        a, b = grid[before], grid[after]
        cost = costs[seen, a, b, group.compose[undo, state[after]]]
        bound = np.minimum(best[seen, a], best[met, b]) * (1 + 1e-5)
        right, seams = right + int((cost <= bound).sum()), seams + cost.size
    return right / seams if seams else 1.0
