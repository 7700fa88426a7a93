"""A small network on thumbnails, beside the linear prior: what public images look like from afar.

What tells a turn is coarse, so images of 32 pixels hold nearly all of it, and a few hundred
photographs give thousands of them as crops. A network with two hidden layers scores the features of
a thumbnail; the same weights score every state, since a state merely permutes features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from ppattack.block_states import Indices, States
from ppattack.solvers.global_state import fitting
from ppattack.solvers.global_state.features import (
    action,
    chunks,
    features_of,
    flat,
    thinned,
    without_traces,
)
from ppattack.solvers.global_state.prior import StatePrior
from ppattack.training.optimisers import uncompiled

THUMBNAIL = 32
"""Edge of a thumbnail, pixels."""
LEAST_EDGE = 64
"""Edge of images, pixels, from which crops are worth their while."""
FEWEST_IMAGES = 200
"""With fewer public images the network learns them by heart."""
THUMBNAILS = 9000
"""Crops of all public images together."""
LEAST_CROP = 0.5
"""Edge of the smallest crop, as a share of the image's."""
FOLDS = 3
"""Parts of the public images, each scored by a network that saw the others."""
HIDDEN, DROPOUT = (128, 64), 0.4
STEPS, BATCH, RATE, DECAY = 300, 128, 1e-3, 0.05
STATES_AT_ONCE = 12
"""States compared in a step: the true one and others at random."""


@dataclass(frozen=True)
class ThumbnailPrior(StatePrior):
    """The linear model and the network, whose log-probabilities add up.

    Args:
        small: score thumbnails; their mean counts.
    """

    small: tuple[Scorer, ...]

    @override
    def scores(self, images: Tensor) -> Tensor:
        linear, seen = super().scores(images), measured(shrunk(images))
        small = torch.stack([each(seen) for each in self.small]).mean(0)
        return torch.log_softmax(linear + small, dim=1)


def worth_it(public: Tensor, wanted: Indices) -> bool:
    """Whether images are large and many enough, and turned ones are to be told apart."""
    enough = len(public) >= FEWEST_IMAGES and min(public.shape[2:]) >= LEAST_EDGE
    return enough and public.shape[2] == public.shape[3] and len(wanted) > len(HIDDEN)


def fit(public: Tensor, group: States, linear: StatePrior) -> StatePrior:
    """Add a network to a linear prior.

    Args:
        public: ``(M, C, H, W)`` uint8, square and at least 64 pixels wide.
        group: the states.
        linear: fitted to the same images.
    """
    public = thinned(public, fitting.MOST_IMAGES)
    small, wanted = measured(shrunk(public)), linear.wanted
    scored = linear.held_out.clone()
    learner = Learner.of(public[:1], group, wanted, linear.mirrored)
    drawn = torch.Generator().manual_seed(0)
    each = -(-THUMBNAILS // len(public))
    crops = torch.stack([measured(crop(public, drawn)) for _ in range(each)])  # (K, M, D)
    scorers = []
    for out, rest in fitting.folds(len(public), FOLDS):
        scorers.append(learner.learned(torch.cat([small[rest], crops[:, rest].flatten(0, 1)])))
        scored[out] = torch.log_softmax(scored[out] + scorers[-1](small[out]), dim=1)
    scorers.append(learner.learned(torch.cat([small, crops.flatten(0, 1)])))
    return ThumbnailPrior(
        linear.weights,
        wanted,
        scored,
        linear.artefacts,
        tuple(scorers),
        mirrored=linear.mirrored,
        lean=linear.lean,
        calibrated=True,
    )


def shrunk(images: Tensor) -> Tensor:
    """``(N, C, 32, 32)`` uint8."""
    size = (THUMBNAIL, THUMBNAIL)
    made = [
        functional.interpolate(part.float(), size, mode="bilinear", antialias=True)
        for part in chunks(images)
    ]
    return torch.cat(made).round().clamp(0, 255).to(torch.uint8)


def crop(images: Tensor, drawn: torch.Generator) -> Tensor:
    """A square part of every image, of one random size and place, shrunk."""
    edge = images.shape[2]
    least = round(LEAST_CROP * edge)
    size = int(torch.randint(least, edge + 1, (), generator=drawn))
    top, left = torch.randint(0, edge - size + 1, (2,), generator=drawn).tolist()
    return shrunk(images[:, :, top : top + size, left : left + size])


def measured(thumbnails: Tensor) -> Tensor:
    """``(N, D)`` features without traces of compression."""
    found = torch.cat([flat(features_of(part)) for part in chunks(thumbnails)])
    return found[:, without_traces(features_of(thumbnails[:1]))].float()


@dataclass(frozen=True)
class Learner:
    """Trains networks on features of thumbnails.

    Args:
        source: ``(S', D)`` feature j of a state is feature ``source[s, j]`` of the image.
        sign: ``(S', D)`` times this.
        mirrored: of states, if left and right are even.
    """

    source: Tensor
    sign: Tensor
    mirrored: Tensor | None

    @classmethod
    def of(cls, image: Tensor, group: States, wanted: Indices, mirrored: Tensor | None) -> Learner:
        """For images like one of them ``(1, C, H, W)``."""
        one = features_of(shrunk(image))
        kept = without_traces(one)
        place = torch.cumsum(kept.long(), 0) - 1
        source, sign = action(one, group, wanted)
        return cls(place[source[:, kept]], sign[:, kept].float(), mirrored)

    def learned(self, data: Tensor, steps: int = STEPS) -> Scorer:
        """Train a network so that images are likeliest as they are.

        Args:
            data: ``(M, D)`` features of thumbnails.
            steps: of training.
        """
        if self.mirrored is not None:
            flip = self.mirrored[0]
            data = torch.cat([data, data[:, self.source[flip]] * self.sign[flip]])
        mean = data.mean(0)
        centre = (mean[self.source] * self.sign).mean(0)
        variance = data.square().mean(0)[self.source].mean(0) - centre**2
        scale = variance.clamp(min=0).sqrt() + 1e-6
        drawn = torch.Generator().manual_seed(0)
        devices = [data.device] if data.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            scorer = Scorer(self, centre, scale, network_for(data.shape[1]).to(data.device))
            self._train(scorer, data, steps, drawn)
        return scorer

    def _train(self, scorer: Scorer, data: Tensor, steps: int, drawn: torch.Generator) -> None:
        network = scorer.network
        optimizer = uncompiled(torch.optim.AdamW)(network.parameters(), lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        same = {0} if self.mirrored is None else {0, int(self.mirrored[0])}
        others = torch.tensor([each for each in range(len(self.source)) if each not in same])
        network.train()
        with torch.enable_grad():
            for _ in range(steps):
                batch = data[torch.randint(len(data), (BATCH,), generator=drawn)]
                some = others[torch.randperm(len(others), generator=drawn)[: STATES_AT_ONCE - 1]]
                scores = torch.stack(
                    [scorer.seen(batch, state) for state in (0, *some.tolist())], 1
                )
                answers = torch.zeros(BATCH, dtype=torch.long, device=data.device)
                optimizer.zero_grad()
                functional.cross_entropy(scores, answers).backward()
                optimizer.step()
                schedule.step()
        network.eval().requires_grad_(requires_grad=False)


@dataclass(frozen=True)
class Scorer:
    """A trained network.

    Args:
        learner: what states do to features, and whether left and right are even.
        centre: ``(D,)`` taken off features.
        scale: ``(D,)`` by which they are divided then.
        network: ``(N, D)`` to ``(N, 1)``.
    """

    learner: Learner
    centre: Tensor
    scale: Tensor
    network: nn.Module

    @torch.no_grad()
    def __call__(self, features: Tensor) -> Tensor:
        """``(N, D)`` features of thumbnails to ``(N, S')`` log-probabilities of states."""
        features, mirrored = features.to(self.centre.device), self.learner.mirrored
        states = range(len(self.learner.source))
        found = torch.stack([self.seen(features, each) for each in states], 1)
        if mirrored is not None:
            found = torch.logaddexp(found, found[:, mirrored])
        return torch.log_softmax(found.double(), dim=1)

    def on(self, learner: Learner) -> Scorer:
        """The same network for another set of states."""
        return replace(self, learner=learner)

    def seen(self, features: Tensor, state: int) -> Tensor:
        """``(N,)`` how natural images are in a state."""
        turned = features[:, self.learner.source[state]] * self.learner.sign[state]
        found: Tensor = self.network((turned - self.centre) / self.scale)[:, 0]
        return found


def network_for(size: int) -> nn.Module:
    """An untrained network on so many features."""
    first, second = HIDDEN
    return nn.Sequential(
        nn.Linear(size, first),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, 1),
    )
