"""Which state all images under one key came back in, judged by what public images look like.

Correlations hardly tell an image from its negative, from its mirror image or from other orders
of its colours. See :mod:`ppattack.solvers.global_state.prior` for the model that does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ppattack.block_states import Indices, States, states
from ppattack.blocks import COLOUR_ORDERS
from ppattack.caches.memory import Recent, content_of
from ppattack.solvers.global_state import fitting, learned_once, thumbnails
from ppattack.solvers.global_state import prior as state_prior
from ppattack.solvers.global_state.features import Loss
from ppattack.solvers.global_state.others import Others, joined

JUDGED = 1000
"""Images that are enough to choose the state."""
FEWEST_PUBLIC = 10
"""With fewer public images nothing can be learned about global states."""
TURNS = (
    *("as it is", "turned by 90°", "turned by 180°", "turned by 270°"),
    *(
        "mirrored",
        "mirrored, turned by 90°",
        "mirrored, turned by 180°",
        "mirrored, turned by 270°",
    ),
)


_RECENT: Recent[state_prior.StatePrior] = Recent(4)


def group_for(channels: int) -> States:
    """The states of images with ``channels`` channels."""
    return states(colours=channels == len(COLOUR_ORDERS[0]))


def unturned(group: States) -> Indices:
    """The states that neither turn nor mirror: negatives and colour orders."""
    return np.flatnonzero(group.dihedral == 0)


def choose(
    plain: Tensor, prior: state_prior.StatePrior | None, group: States
) -> tuple[int, dict[str, Any]]:
    """The state to apply to images that all came back in the same wrong one.

    Args:
        plain: ``(N, C, H, W)`` uint8.
        prior: a fitted model, or None to leave the state as it is.
        group: the states of the model.

    Returns:
        the state, and notes: ``global_state``, which says so if the mirror is not known;
        ``global_state_probability`` (and ``..._up_to_mirror`` then), see
        :meth:`ppattack.solvers.global_state.prior.StatePrior.probability`;
        ``global_state_runner_up``, the second most probable relative to the chosen one; and
        ``global_state_chance``, how often the choice is right on public images that the model
        has not seen, in groups of the same size.
    """
    if prior is None:
        return 0, {"global_state": "left as found: too few public images"}
    plain = plain[:JUDGED]
    total = prior.scores(plain).sum(0)
    found = prior.best(plain, total)
    same = {found} if prior.mirrored is None else {found, int(prior.mirrored[found])}
    order = total.argsort(descending=True, stable=True).tolist()
    following = next((rank for rank in order if rank not in same), order[-1])
    best, second = (int(prior.wanted[rank]) for rank in (found, following))
    notes: dict[str, Any] = {
        "global_state": f"chosen by {prior.teachers}",
        "global_state_probability": prior.probability(total, len(plain), group),
        "global_state_runner_up": in_words(int(group.compose[second, group.inverse[best]]), group),
        "global_state_chance": prior.chance(len(plain)),
    }
    if prior.mirrored is not None:
        notes["global_state"] += ", or its mirror image"
        notes["global_state_probability_up_to_mirror"] = prior.up_to_mirror(
            total, len(plain), group
        )
    return best, notes


def fitted(
    public: Tensor,
    group: States,
    wanted: Indices | None = None,
    loss: Loss | None = None,
    others: Others | None = None,
) -> state_prior.StatePrior | None:
    """The model that chooses among states, or None with too few public images.

    Args:
        public: ``(M, C, H, W)`` uint8 of the victims' distribution.
        group: the states.
        wanted: those that are possible; None for all that keep the shape of an image.
        loss: see :func:`ppattack.solvers.global_state.fitting.fit`.
        others: further images to learn from, if nothing was lost on the way.

    Raises:
        PpattackError: if there are no such others.
    """
    if len(public) < FEWEST_PUBLIC:
        return None
    return fit_best(public, group, wanted, loss, others)


def fit_best(
    public: Tensor,
    group: States,
    wanted: Indices | None = None,
    loss: Loss | None = None,
    others: Others | None = None,
) -> state_prior.StatePrior:
    """The linear model, with a network on thumbnails if images are large and many enough.

    Fits to the same images are the same: the last few are kept, and networks in the user's cache.

    Args:
        public: ``(M, C, H, W)`` uint8, at least 2.
        group: the states.
        wanted: see :func:`fitted`.
        loss: likewise.
        others: likewise.

    Raises:
        PpattackError: likewise.
    """
    if loss is not None:
        return _fitted(public, group, wanted, loss)
    states = (group.count, group.dihedral.tobytes(), group.colour.tobytes())
    chosen = None if wanted is None else wanted.tobytes()
    key = (content_of(public), states, group.negative.tobytes(), chosen)
    own = _RECENT.get(key, lambda: _fitted(public, group, wanted, None))
    return own if others is None else joined(own, public, group, others)


def _fitted(
    public: Tensor, group: States, wanted: Indices | None, loss: Loss | None
) -> state_prior.StatePrior:
    height, width = public.shape[2:]
    possible = group.upright(height, width) if wanted is None else wanted
    if loss is not None or not thumbnails.worth_it(public, possible):
        return fitting.fit(public, group, height, width, wanted=possible, loss=loss)
    return learned_once.fit(public, group, possible)


def in_words(state: int, group: States) -> str:
    """A state of a whole image, in words."""
    words = [TURNS[int(group.dihedral[state])]]
    if group.negative[state]:
        words.append("complemented")
    if group.colour[state]:
        words.append(f"colour order {int(group.colour[state])}")
    return ", ".join(words)
