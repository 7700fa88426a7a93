"""Priors with networks from the user's cache: they take half a minute to learn."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.caches.user import cache_folder
from ppattack.context import SilentProgress
from ppattack.solvers.global_state import fitting, thumbnails
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.solvers.kept import Kept, Tensors

KIND = "global-state"
NAME = 32
"""Digits of a fingerprint in the name of a file."""
PLAIN = ("weights", "held_out", "artefacts", "mirrored", "lean")
"""Tensors of the prior itself; the last two may be missing."""


def fit(public: Tensor, group: States, wanted: Indices) -> StatePrior:
    """The linear model with networks on thumbnails, learned now or at an earlier time.

    Args:
        public: ``(M, C, H, W)`` uint8.
        group: the states.
        wanted: those that are possible.
    """
    inputs = {
        "public": public,
        "states": torch.from_numpy(group.compose.copy()),
        "wanted": torch.from_numpy(wanted.copy()),
    }
    facts = {"threads": torch.get_num_threads(), "device": str(public.device)}
    kept = Kept.of(cache_folder(KIND), SilentProgress(), inputs, facts, Path(__file__).parent)
    made: list[StatePrior] = []

    def learn() -> Tensors:
        height, width = public.shape[2:]
        linear = fitting.fit(public, group, height, width, wanted=wanted)
        made.append(thumbnails.fit(public, group, linear))
        return _tensors_of(made[0])

    found = kept.stage(kept.fingerprint[:NAME], learn, public.device)
    return made[0] if made else _prior_of(found, public, group, wanted)


def _tensors_of(prior: StatePrior) -> Tensors:
    assert isinstance(prior, thumbnails.ThumbnailPrior)  # noqa: S101
    parts = {name: getattr(prior, name) for name in PLAIN}
    made = {name: part for name, part in parts.items() if part is not None}
    for number, scorer in enumerate(prior.small):
        made |= {f"{number}/{name}": part for name, part in tensors_of(scorer).items()}
    return {name: part.contiguous() for name, part in made.items()}


def tensors_of(scorer: thumbnails.Scorer) -> Tensors:
    """A network as tensors."""
    weights = {f"network.{k}": v for k, v in scorer.network.state_dict().items()}
    return {**weights, "centre": scorer.centre, "scale": scorer.scale}


def scorer_of(found: Tensors, learner: thumbnails.Learner) -> thumbnails.Scorer:
    """The network that these tensors are of.

    Args:
        found: from :func:`tensors_of`.
        learner: of the states that it is to score.
    """
    network = thumbnails.network_for(len(found["centre"])).to(found["centre"].device)
    network.load_state_dict({k.removeprefix("network."): v for k, v in found.items() if "." in k})
    network.eval().requires_grad_(requires_grad=False)
    return thumbnails.Scorer(learner, found["centre"], found["scale"], network)


def _prior_of(found: Tensors, public: Tensor, group: States, wanted: Indices) -> StatePrior:
    mirrored = found.get("mirrored")
    learner = thumbnails.Learner.of(public[:1], group, wanted, mirrored)
    scorers: list[thumbnails.Scorer] = []
    while f"{len(scorers)}/centre" in found:
        start = f"{len(scorers)}/"
        mine = {k.removeprefix(start): v for k, v in found.items() if k.startswith(start)}
        scorers.append(scorer_of(mine, learner))
    return thumbnails.ThumbnailPrior(
        found["weights"], wanted, found["held_out"], found["artefacts"], tuple(scorers),
        mirrored=mirrored, lean=found.get("lean"), calibrated=True,
    )  # fmt: skip
