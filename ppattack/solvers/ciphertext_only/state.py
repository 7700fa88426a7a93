"""The state that all images came back in: turned, mirrored, negative, colours in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppattack.block_states import transformation
from ppattack.maps import CipherMap, Shuffle
from ppattack.solvers.ciphertext_only.case import Case
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
    import torch

    group = choice.group_for(case.shape[0])
    negatives = np.flatnonzero((group.dihedral == 0) & (group.colour == 0))
    prior = choice.fitted(case.public, group, None if moved else negatives)
    some = torch.from_numpy(case.rows[: choice.JUDGED]).reshape(-1, *case.cipher_shape)
    best, notes = choice.choose(found.invert(some), prior, group)
    if best == 0:
        return found, notes
    undone = transformation(best, case.shape, group).inverse()
    return case.map(Shuffle(undone.index, undone.mask), *found.steps), notes
