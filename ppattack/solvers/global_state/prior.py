"""Which of the global states of an image is the natural one: scores, and how sure a choice is.

Turning, complementing or recolouring all blocks alike costs no seam anything, so only knowledge
of what images look like can choose. One weight vector scores all states, since a state merely
permutes (or negates) features, and scores of images under one key add up.

How sure a choice is follows from groups of public images that a fit has not seen: one temperature
for their summed scores, that of the greatest likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.solvers.global_state.features import chunks, features_of, flat

UNLIKE = 3.0
"""Standard errors by which images are less natural than public ones before nothing is sure."""
TEMPERATURES = (0.02, 1.0, 24)
"""The least, the greatest, and how many in between."""
MOST_IN_GROUP = 20
"""Images in the groups whose scores set the temperature, at most: of more, all are right."""
DRAWS = 400
"""Groups of images sampled to estimate how often the choice is right."""
FREEDOM = 4
"""Degrees of freedom of the distribution with which summed scores are compared: heavy tails, so
that scores unlike those of public images say little."""


@dataclass(frozen=True)
class StatePrior:
    """A fitted model.

    Args:
        weights: ``(D, S)`` float64, one column per state.
        wanted: ``(S',)`` the states that keep the shape of an image.
        held_out: ``(T, S')`` scores of public images that the fit has not seen.
        artefacts: ``(D,)`` what compression adds to features, whatever the state.
        mirrored: ``(S',)`` for each state the place of the one that mirrors it left to right, if
            public images do not tell them apart; else None.
        lean: ``(D, S)`` weights that choose between a state and its mirrored one all the same.
        calibrated: whether the scores of unseen public images say how sure a choice is. After
            compression they do not: decrypted images are too unlike public ones.
    """

    weights: Tensor
    wanted: Indices
    held_out: Tensor
    artefacts: Tensor
    mirrored: Tensor | None = field(default=None, kw_only=True)
    lean: Tensor | None = field(default=None, kw_only=True)
    calibrated: bool = field(default=False, kw_only=True)
    _temperatures: dict[int, float] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def teachers(self) -> str:
        """What it was fitted to, for a report."""
        return "public images"

    def scores(self, images: Tensor) -> Tensor:
        """``(N, S')`` log-probability that each state makes an image natural.

        Args:
            images: ``(N, C, H, W)`` uint8, of the public images' size.
        """
        found = [self.measured(part) @ self.weights for part in chunks(images)]
        return torch.log_softmax(torch.cat(found), dim=1)

    def measured(self, images: Tensor) -> Tensor:
        """``(N, D)`` features of images, without what compression added."""
        return flat(features_of(images)) - self.artefacts

    def best(self, images: Tensor, total: Tensor) -> int:
        """The place of the likeliest state; of one and its mirrored one, that of the lean.

        Args:
            images: ``(N, C, H, W)`` uint8.
            total: ``(S',)`` the sum of their :meth:`scores`.
        """
        best = int(total.argmax())
        if self.mirrored is None or self.lean is None:
            return best
        other = int(self.mirrored[best])
        parts = [self.measured(part).sum(0) @ self.lean for part in chunks(images)]
        leaning = torch.stack(parts).sum(0)
        first, second = min(best, other), max(best, other)
        return first if leaning[first] >= leaning[second] else second

    def probability(self, total: Tensor, count: int, group: States) -> float:
        """How probable it is that the state with the highest score is the true one.

        If left and right are even, half of :meth:`up_to_mirror`. Images that are less natural than
        public ones, as after a wrong key, are judged by their leads over other states, and are
        believed the less, the less natural they are.

        Args:
            total: ``(S',)`` the sum of :meth:`scores`.
            count: over how many images.
            group: the states of the model.
        """
        if not self.calibrated:
            return self._by_leads(total, count, group)
        unlike = self._unlike(total, count)
        if unlike > UNLIKE:
            even = 1 / len(self.wanted)
            return even + (self._by_leads(total, count, group) - even) * UNLIKE / unlike
        most = 1 - 1 / (len(self.held_out) + 2)  # no number of public images says more
        found = float(torch.exp(self._log_classes(total * self.temperature(count)).max()))
        return min(most, found) / (1 if self.mirrored is None else 2)

    def up_to_mirror(self, total: Tensor, count: int, group: States) -> float:
        """How probable the state with the highest score or its mirrored one is."""
        return min(1.0, self.probability(total, count, group) * (1 if self.mirrored is None else 2))

    def _unlike(self, total: Tensor, count: int) -> float:
        """Standard errors by which the best state is less likely than those of public images."""
        known = self.held_out[:, 0]
        error = float((count * known.var() * (1 + count / len(known)) + 1e-12).sqrt())
        return (count * float(known.mean()) - float(total.max())) / error

    def temperature(self, count: int) -> float:
        """What summed scores of ``count`` images are multiplied by: of the greatest likelihood."""
        count = min(count, MOST_IN_GROUP)
        if count not in self._temperatures:
            self._temperatures[count] = self._likeliest_scale(self._groups(count))
        return self._temperatures[count]

    def _likeliest_scale(self, sums: Tensor) -> float:
        scales = torch.from_numpy(np.geomspace(*TEMPERATURES))
        right = [0] if self.mirrored is None else [0, int(self.mirrored[0])]
        every = (torch.log_softmax(sums * scale, dim=1)[:, right] for scale in scales)
        fits = [float(found.logsumexp(1).mean()) for found in every]
        return float(scales[int(np.argmax(fits))])

    def chance(self, count: int) -> float:
        """The share of groups of ``count`` unseen public images whose state it gets right.

        If left and right are even, a state and its mirrored one each count half.
        """
        found = self._groups(count).argmax(1)
        if self.mirrored is None:
            return float((found == 0).double().mean())
        return float(((found == 0) | (found == int(self.mirrored[0]))).double().mean()) / 2

    def _groups(self, count: int) -> Tensor:
        """``(G, S')`` summed scores of groups of unseen public images."""
        if count == 1:
            return self.held_out
        rng = np.random.default_rng(count)
        draws = torch.from_numpy(rng.integers(0, len(self.held_out), (DRAWS, count)))
        return torch.stack([self.held_out[draw].sum(0) for draw in draws])

    def _log_classes(self, scores: Tensor) -> Tensor:
        """Log-probabilities of states, each with its mirrored one if these are even."""
        found = torch.log_softmax(scores, dim=-1)
        if self.mirrored is None:
            return found
        return torch.logaddexp(found, found[..., self.mirrored])

    def _by_leads(self, total: Tensor, count: int, group: States) -> float:
        """The probability by leads over other states.

        Its lead over each other state is compared with the leads of unseen public images if the one
        state or the other were true. The more images add up, the more it matters that these are
        few.
        """
        best = int(total.argmax())
        relative = group.compose[self.wanted, group.inverse[self.wanted[best]]]
        against = torch.from_numpy(np.searchsorted(self.wanted, relative))
        others = torch.arange(len(self.wanted)) != best
        margins = (self.held_out[:, :1] - self.held_out)[:, against[others]]
        lead = (total[best] - total)[others]
        expected = count * margins.mean(0)
        variance = count * margins.var(0) * (1 + count / len(margins)) + 1e-12
        if_true, if_not = ((lead - mean) ** 2 / variance for mean in (expected, -expected))
        odds = (torch.log1p(if_not / FREEDOM) - torch.log1p(if_true / FREEDOM)) * (FREEDOM + 1) / 2
        return float(1 / (1 + torch.exp(-odds).sum()))
