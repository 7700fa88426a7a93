"""Other public images, of any kind: what they look like the right way up teaches which way that is.

What tells a turn is coarse, so thumbnails of 32 pixels do, and images unlike the victims' do too:
tens of thousands of them say more than the few hundred of the victims' size. How much each side
counts is chosen on public images of the victims' kind.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from ppattack.block_states import States
from ppattack.caches.memory import Recent
from ppattack.caches.user import cache_folder
from ppattack.context import SilentProgress
from ppattack.data.source import ImageRequest
from ppattack.errors import DataError
from ppattack.plugins import registry
from ppattack.plugins.source import source_hash
from ppattack.solvers.global_state import fitting, learned_once, thumbnails
from ppattack.solvers.global_state.features import thinned
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.solvers.kept import Kept

if TYPE_CHECKING:
    from ppattack.data.source import ImageSource

WANTED = ImageRequest(0, 50_000, thumbnails.THUMBNAIL)
"""All images that are read of a source."""
FEWEST = 1000
"""With fewer images the network learns them by heart."""
STEPS = 1500
"""Steps of training; 3,000 gain nothing."""
SHARES = (0.0, *np.geomspace(0.05, 1.6, 11).tolist())
"""What scores of either side are multiplied by."""
COMPARED = 1000
"""Public images on which that is chosen, at most."""
LUMA = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (ITU-R BT.601)."""

_RECENT: Recent[thumbnails.Scorer] = Recent(2)


@dataclass(frozen=True)
class Others:
    """An image source, read when something is to be learned from it.

    Args:
        name: of the source, with its argument if it has one, as for ``--data``.
    """

    name: str

    @classmethod
    def named(cls, name: str) -> Others | None:
        """The source of a setting, or None if it is empty."""
        return cls(name) if name else None

    def scorer(self, image: Tensor, group: States) -> thumbnails.Scorer:
        """The network that scores thumbnails, learned now or at an earlier time.

        Args:
            image: ``(1, C, H, W)`` uint8, one of the images that are to be judged.
            group: the states.

        Raises:
            PpattackError: if there is no such source, or it has too few images or no colours.
        """
        source, channels = registry.dataset(self.name), int(image.shape[1])
        content = source.fingerprint(labels=False) or source.load(WANTED).hash
        wanted = group.upright(1, 1)
        learner = thumbnails.Learner.of(image, group, wanted, fitting.mirrors(group, wanted))
        facts = {
            "images": [source.card.name, source_hash(source), content],
            "channels": channels,
            "threads": torch.get_num_threads(),
            "device": str(image.device),
        }
        states = {"states": torch.from_numpy(group.compose.copy())}
        folder, room = cache_folder(learned_once.KIND), Path(__file__).parent
        kept = Kept.of(folder, SilentProgress(), states, facts, room)

        def learn() -> dict[str, Tensor]:
            images = self.images(source, channels).to(image.device)
            return learned_once.tensors_of(learner.learned(thumbnails.measured(images), STEPS))

        def found() -> thumbnails.Scorer:
            name = f"others-{kept.fingerprint[: learned_once.NAME]}"
            return learned_once.scorer_of(kept.stage(name, learn, image.device), learner)

        return _RECENT.get((str(facts), group.count), found)

    def images(self, source: ImageSource, channels: int) -> Tensor:
        """``(M, C, 32, 32)`` uint8 with as many channels.

        Raises:
            DataError: if there are too few, or they have no colours and those are wanted.
        """
        found = source.load(WANTED).adversary
        if len(found) < FEWEST:
            raise DataError(
                f"{self.name} has {len(found)} images, and at least {FEWEST:,} are needed to teach "
                "which way up images are: name a larger source, or leave attack.upright_images out."
            )
        if found.shape[1] == channels:
            return found
        if channels != 1:
            raise DataError(
                f"{self.name} has images of {found.shape[1]} channels, and the attacked ones have "
                f"{channels}: name a source of such images, or leave attack.upright_images out."
            )
        weights = torch.tensor(LUMA)[:, None, None]
        grey: Tensor = (found * weights).sum(1, keepdim=True)
        return grey.round().to(torch.uint8)


@dataclass(frozen=True)
class JoinedPrior(StatePrior):
    """What public images of the victims' kind teach, and what others do.

    Args:
        own: the model of the victims' kind.
        other: scores thumbnails.
        shares: what the scores of both are multiplied by.
    """

    own: StatePrior
    other: thumbnails.Scorer
    shares: tuple[float, float]

    @property
    @override
    def teachers(self) -> str:
        return "public and other images"

    @override
    def scores(self, images: Tensor) -> Tensor:
        own = self.own.scores(images)
        seen = self.other(thumbnails.measured(thumbnails.shrunk(images)))
        return torch.log_softmax(own * self.shares[0] + seen * self.shares[1], dim=1)


def joined(own: StatePrior, public: Tensor, group: States, others: Others) -> StatePrior:
    """Add to a model what other images teach.

    Args:
        own: fitted to these public images; nothing was lost on their way.
        public: ``(M, C, H, W)`` uint8.
        group: the states.
        others: further images.

    Raises:
        PpattackError: see :meth:`Others.scorer`.
    """
    public = thinned(public, fitting.MOST_IMAGES)
    learner = thumbnails.Learner.of(public[:1], group, own.wanted, own.mirrored)
    other = others.scorer(public[:1], group).on(learner)
    seen = other(thumbnails.measured(thumbnails.shrunk(public)))
    first, second = likeliest_shares(own, seen)
    return JoinedPrior(
        own.weights,
        own.wanted,
        torch.log_softmax(own.held_out * first + seen * second, dim=1),
        own.artefacts,
        own,
        other,
        (first, second),
        mirrored=own.mirrored,
        lean=own.lean,
        calibrated=True,
    )


def likeliest_shares(own: StatePrior, seen: Tensor) -> tuple[float, float]:
    """The two shares under which public images are likeliest in their own state.

    Args:
        own: with scores of public images that a fit has not seen.
        seen: ``(M, S')`` scores of the same by a model of others.
    """
    right = [0] if own.mirrored is None else [0, int(own.mirrored[0])]
    ours, theirs = own.held_out[:COMPARED], seen[:COMPARED]

    def likelihood(shares: tuple[float, float]) -> float:
        found = torch.log_softmax(ours * shares[0] + theirs * shares[1], dim=1)
        return float(found[:, right].logsumexp(1).mean())

    return max(itertools.product(SHARES, SHARES), key=likelihood)
