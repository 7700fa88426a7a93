"""The key of a block scrambling scheme, from ciphertexts under one key alone.

Blocks are permuted, turned or flipped, complemented, and their colours change places. The jigsaw
solver puts them back together from seams that count over all ciphertexts, up to one state of the
whole image; what public images look like decides that state.

Reference for seams summed over ciphertexts and for states beyond turns: T. Chuman, K. Kurihara,
H. Kiya, "Security Evaluation for Block Scrambling-Based ETC Systems against Extended Jigsaw
Puzzle Solver Attacks", ICASSP 2017. The choice of the global state is this project's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.blocks import split
from ppattack.errors import ImageError
from ppattack.permxor import PermXor
from ppattack.solvers import global_state, jigsaw, state_prior
from ppattack.solvers.block_states import Arrangement, States

MOST_COMPARED = 50
"""Ciphertexts whose seams are compared: from here on, more of them change nothing."""
MOST_PIXELS_COMPARED = 600_000_000
"""Pixels of seams compared, in all states and ciphertexts, so that large images take no longer;
at least the seams of :data:`FEWEST_COMPARED` ciphertexts are."""
FEWEST_COMPARED = 5


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
        the key over bytes of ``(C, H, W)``, and notes for a report.

    Raises:
        ImageError: where the shapes do not fit.
    """
    _check(ciphertexts, public, block_size)
    _, channels, height, width = ciphertexts.shape
    rows, columns = height // block_size, width // block_size
    started = time.perf_counter()
    pieces = _pieces(ciphertexts, block_size, 96 if colours and channels == 3 else 16)
    solved = jigsaw.solve(pieces, rows, columns, colours=colours)
    found, group = solved.arrangement, solved.group
    assembled = time.perf_counter()
    prior = fitted_prior(public, ciphertexts, block_size, group)
    judged = ciphertexts[: global_state.JUDGED]
    turn, decision = choose_state(found, judged, prior, block_size, group)
    key = found.turned(turn, group).key(block_size, channels, group)
    return key, {
        "blocks": rows * columns,
        "ciphertexts_compared": len(pieces),
        "jigsaw": solved.notes,
        "confidence": float(solved.confidence.mean()),
        **decision,
        "seconds": {
            "assembly": round(assembled - started, 3),
            "global_state": round(time.perf_counter() - assembled, 3),
        },
    }


def _pieces(ciphertexts: Tensor, block_size: int, count: int) -> Tensor:
    """``(N, n, C, B, B)``: the blocks of as many ciphertexts as are worth comparing."""
    blocks = ciphertexts.shape[2] * ciphertexts.shape[3] // block_size**2
    affordable = MOST_PIXELS_COMPARED // (blocks**2 * count * block_size)
    compared = ciphertexts[: min(MOST_COMPARED, max(FEWEST_COMPARED, affordable))]
    pieces = torch.from_numpy(split(compared.cpu().numpy(), block_size))
    return pieces.to(ciphertexts.device)


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
    if len(public) < global_state.FEWEST_PUBLIC:
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
        the state, and the notes of :func:`ppattack.solvers.global_state.choose`.
    """
    plain = found.key(block_size, ciphertexts.shape[1], group).inverse()(ciphertexts)
    return global_state.choose(plain, prior, group)
