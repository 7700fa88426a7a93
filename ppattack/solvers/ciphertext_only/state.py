"""The state that all images came back in: turned, mirrored, negative, colours in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppattack.block_states import transformation
from ppattack.maps import CipherMap, Shuffle
from ppattack.solvers.ciphertext_only.case import Case, Places
from ppattack.solvers.global_state import choice


def settled(
    case: Case, found: CipherMap, *, moved: bool = True
) -> tuple[CipherMap, dict[str, Any]]:
    """The map whose images look most like public ones, among those of one another's states.

    Args:
        case: ciphertexts and public images.
        found: a map that is right up to a state.
        moved: whether turns and colour orders are in doubt, not only negatives.

    Returns:
        the map, and notes on how sure the choice is.
    """
    state, notes = likeliest(case, found, moved=moved)
    return (found if state is None else case.map(state, *found.steps)), notes


def upright(case: Case, found: CipherMap, index: Places) -> Places:
    """The byte of each place, in the state in which images look most like public ones.

    Images that are upside down have other correlations than public ones: places that are fitted to
    those are torn.

    Args:
        case: ciphertexts and public images.
        found: a map whose first step moves bytes.
        index: the byte of each place under that map.
    """
    state, _ = likeliest(case, found)
    return index if state is None else index[np.argsort(state.index)]


def likeliest(
    case: Case, found: CipherMap, *, moved: bool = True
) -> tuple[Shuffle | None, dict[str, Any]]:
    """The state that images of a map are in, as a first step of it; None if it is upright."""
    import torch

    group = choice.group_for(case.shape[0])
    negatives = np.flatnonzero((group.dihedral == 0) & (group.colour == 0))
    prior = choice.fitted(case.public, group, None if moved else negatives)
    some = torch.from_numpy(case.rows[: choice.JUDGED]).reshape(-1, *case.cipher_shape)
    best, notes = choice.choose(found.invert(some), prior, group)
    if best == 0:
        return None, notes
    undone = transformation(best, case.shape, group).inverse()
    return Shuffle(undone.index, undone.mask), notes
