"""Which of the global states of an image is the natural one, learned from public images.

Turning, complementing or recolouring all blocks alike costs no seam anything, so only knowledge
of what images look like can choose. A linear model of features that every state merely permutes
(or negates) is fitted to public images, so that their own state wins over the others: one weight
vector scores all states, and scores of images under one key add up.

Left and right are even in most photographs. So unless public images that the fit has not seen
tell them apart, the model is fitted to images and their mirror images, and says nothing of them.

How sure a choice is follows from groups of public images that a fit has not seen: one temperature
for their summed scores, that of the greatest likelihood.

Compression leaves traces where ciphertexts have their blocks, not where images do. So if
ciphertexts were compressed, the model learns from public images that took the same path in every
state, and what the path itself adds to features is subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ppattack.block_states import Indices, States
from ppattack.solvers.global_state.features import (
    Examples,
    Loss,
    chunks,
    examples,
    features_of,
    flat,
    thinned,
    without_traces,
)

MOST_IMAGES = 5000
"""Public images used: more gain little if scores of many images add up."""
MOST_AFTER_LOSS = 20_000
"""The same after compression: it removes the fine traces that tell most; what is left is weak."""
TESTED = 0.2
"""Share of the public images on which the choice itself is tested."""
FOLDS, FOLDS_OF_MANY = 5, 2
"""Parts of the public images, each tested by a fit to the others; fewer for ``MANY`` images."""
MANY = 1000
TOLD = 3.0
"""Standard errors by which unseen images must be likelier than their mirror images."""
UNLIKE = 3.0
"""Standard errors by which images are less natural than public ones before nothing is sure."""
STEPS = 15
PENALTY, RIDGE = 30.0, 1e-2
"""Of weights in the metric of the scatter, and of the scatter itself: chosen on photographs that no
figure in the docs is of."""
PENALTY_AFTER_LOSS, RIDGE_AFTER_LOSS = 1.0, 1e-3
TEMPERATURES = (0.02, 1.0, 24)
"""The least, the greatest, and how many in between."""
MOST_IN_GROUP = 20
"""Images in the groups whose scores set the temperature, at most: of more, all are right."""
DRAWS = 400
"""Groups of images sampled to estimate how often the choice is right."""
LEFT_TO_RIGHT = 4
"""The dihedral element that mirrors an image left to right."""
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
        leaning = sum(self.measured(part).sum(0) @ self.lean for part in chunks(images))
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
        most = 1 - 1 / (len(self.held_out) + 2)  # so many public images can say no more
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
        sums = self._groups(min(count, MOST_IN_GROUP))
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


def fit(
    public: Tensor,
    group: States,
    rows: int,
    columns: int,
    wanted: Indices | None = None,
    loss: Loss | None = None,
) -> StatePrior:
    """Fit the model.

    Args:
        public: ``(M, C, H, W)`` uint8, at least 2.
        group: the states.
        rows: blocks from top to bottom.
        columns: blocks from left to right; if they differ, quarter turns are left out.
        wanted: the states to choose from, a subgroup in ascending order; None for all that are
            possible.
        loss: what images went through; None for nothing.
    """
    wanted = group.upright(rows, columns) if wanted is None else wanted
    used = thinned(public, MOST_IMAGES if loss is None else MOST_AFTER_LOSS)
    known = examples(used, group, wanted, loss)
    if loss is not None:
        return fit_to(known, wanted)
    kept = without_traces(features_of(public[:1]))
    return fit_to_all(known, wanted, mirrors(group, wanted), kept)


def mirrors(group: States, wanted: Indices) -> Tensor | None:
    """For each state the place of the one that mirrors it left to right; None without such."""
    plain = (group.negative == 0) & (group.colour == 0)
    mirror = int(np.flatnonzero((group.dihedral == LEFT_TO_RIGHT) & plain)[0])
    if mirror not in wanted:
        return None
    return torch.from_numpy(np.searchsorted(wanted, group.compose[mirror, wanted]))


def fit_to_all(
    known: Examples, wanted: Indices, mirrored: Tensor | None, kept: Tensor
) -> StatePrior:
    """Fit the model to all examples, with scores of each from a fit to others.

    Args:
        known: the examples; nothing was lost on their way.
        wanted: their states.
        mirrored: of states, see :func:`mirrors`.
        kept: ``(D,)`` the features that are used.
    """
    place = torch.cumsum(kept.long(), 0) - 1
    part = Examples(
        known.features[:, kept],
        known.artefacts[kept],
        place[known.source[:, kept]],
        known.sign[:, kept],
    )

    def whole(weights: Tensor) -> Tensor:
        return weights.new_zeros(len(kept), weights.shape[1]).index_copy(
            0, kept.nonzero()[:, 0], weights
        )

    lean = None
    if mirrored is not None:
        first = fit_to(part, wanted)
        weights = _fitted(part.features, part.source, part.sign, PENALTY, RIDGE)
        if tells_mirror(first.held_out, mirrored):
            mirrored = None
        else:
            lean = whole(weights)
    scores = torch.empty(len(part.features), len(wanted), dtype=torch.float64)
    scores = scores.to(part.features.device)
    parts = FOLDS if len(part.features) <= MANY else FOLDS_OF_MANY
    for out, rest in folds(len(part.features), parts):
        weights = _fitted(_both(part, rest, mirrored), part.source, part.sign, PENALTY, RIDGE)
        scores[out] = torch.log_softmax(part.features[out] @ weights, dim=1)
    every = torch.arange(len(part.features))
    weights = _fitted(_both(part, every, mirrored), part.source, part.sign, PENALTY, RIDGE)
    return StatePrior(
        whole(weights),
        wanted,
        scores,
        known.artefacts,
        mirrored=mirrored,
        lean=lean,
        calibrated=True,
    )


def tells_mirror(held_out: Tensor, mirrored: Tensor) -> bool:
    """Whether unseen images are likelier than their mirror images, beyond chance."""
    leads = held_out[:, 0] - held_out[:, mirrored[0]]
    if len(leads) <= 1:
        return False
    return float(leads.mean()) > TOLD * float(leads.std()) / len(leads) ** 0.5


def folds(count: int, parts: int) -> list[tuple[Tensor, Tensor]]:
    """The images in at least two parts, each with the others; always the same."""
    parts = max(2, min(count, parts))
    number = torch.from_numpy(np.random.default_rng(count).permutation(count)) % parts
    return [
        ((number == each).nonzero()[:, 0], (number != each).nonzero()[:, 0])
        for each in range(parts)
    ]


def _both(known: Examples, rows: Tensor, mirrored: Tensor | None) -> Tensor:
    """Features of some images, and of their mirror images if left and right are even."""
    data = known.features[rows]
    if mirrored is None:
        return data
    flipped = data[:, known.source[mirrored[0]]] * known.sign[mirrored[0]]
    return torch.cat([data, flipped])


def fit_to(known: Examples, wanted: Indices) -> StatePrior:
    """Fit the model to all examples but a part, on which it is tested.

    Args:
        known: the examples.
        wanted: their states.
    """
    data = known.features
    tested = max(1, round(len(data) * TESTED))
    weights = _fitted(data[tested:], known.source, known.sign, PENALTY_AFTER_LOSS, RIDGE_AFTER_LOSS)
    scores = torch.log_softmax(data[:tested] @ weights, dim=1)
    return StatePrior(weights, wanted, scores, known.artefacts)


def _fitted(data: Tensor, source: Tensor, sign: Tensor, penalty: float, ridge: float) -> Tensor:
    """``(D, S')`` weights of a multinomial logistic regression tied by the group's action.

    It starts from Fisher's discriminant between images in their own state and in any state, and
    is regularised in the metric of the features' scatter over all states.
    """
    mean = data.mean(0)
    moment = data.T @ data / len(data)
    overall = (mean[source] * sign).mean(0)
    scatter = torch.zeros_like(moment)
    for take, by in zip(source, sign, strict=True):
        scatter += moment[take][:, take] * by[:, None] * by / len(source)
    scatter -= torch.outer(overall, overall)
    added = scatter.diagonal() * ridge + scatter.diagonal().mean() * 1e-9 + 1e-12
    root = torch.linalg.cholesky(scatter + torch.diag(added))
    white = torch.linalg.solve_triangular(root, (mean - overall)[:, None], upper=False)
    vector = (white * (0.3 / penalty**0.5)).requires_grad_()

    def columns(values: Tensor) -> Tensor:
        weights = torch.linalg.solve_triangular(root.T, values, upper=True)[:, 0]
        empty = torch.zeros(source.shape, dtype=torch.float64, device=data.device)
        return empty.scatter_add(1, source, sign * weights).T

    search = torch.optim.LBFGS([vector], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        right = torch.log_softmax(data @ columns(vector), 1)[:, 0]
        value: Tensor = (penalty * vector.square().sum() - right.sum()) / len(data)
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return columns(vector.detach())
