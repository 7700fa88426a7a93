"""The images among which reconstructions are looked for, and how alike all of them are.

Everything is compared at 32 pixels: a person is recognised on a thumbnail.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.data.source import content_hashes
from ppattack.machine import side_by_side
from ppattack.metrics.block_similarity import block_similarity_matrix
from ppattack.metrics.identity_network import identity_features, no_identity_network
from ppattack.metrics.ranks import Ranks, ranks
from ppattack.metrics.ssim_matrix import ssim_matrix

if TYPE_CHECKING:
    from ppattack.metrics.images import ImageScorer
    from ppattack.metrics.lpips import Lpips
    from ppattack.scenario import Scenario

EDGE = 32
"""Pixels at which images are compared."""
MOST_VICTIMS = 1000
"""Reconstructions that are looked for, at most: the first ones."""
SHRUNK_AT_ONCE = 1 << 24
"""Pixels made small at a time."""
BY_PAIRS = ("ssim", "blocks")
"""Kinds of comparison that cost much for each pair of images, and little for each image."""
FEW = 64
"""Victims' images among which a query is looked for first."""
SURELY = 1e-3
"""By how much a similarity must be larger to be so however it is rounded."""
FEWEST = 2
"""Images in a gallery, at least."""


@dataclass(frozen=True)
class Gallery:
    """Candidates that nobody could tell from the victims' images without an attack.

    Args:
        victims: how many of them are the victims'; these come first, in their order.
        images: ``(N, C, 32, 32)`` uint8, all different.
    """

    victims: int
    images: Tensor

    @classmethod
    def of(cls, scenario: Scenario) -> Gallery:
        """The victims' images and distractors.

        There are none of the latter if the adversary was given the victims' images, in an unknown
        order: a guess among these would beat chance among all.
        """
        plain, sets = scenario.truth.images, scenario.sets
        assert plain is not None  # noqa: S101 — whoever asks has looked
        ours = small(plain[:MOST_VICTIMS])
        others = sets.distractors
        if others is None or sets.overlap or scenario.observation.threat.public == "candidates":
            return cls(len(ours), ours)
        theirs = small(others)
        taken = set(content_hashes(torch.cat([ours, small(sets.adversary)])))
        new = [i for i, content in enumerate(content_hashes(theirs)) if content not in taken]
        return cls(len(ours), torch.cat([ours, theirs[new]]))

    def __len__(self) -> int:
        return len(self.images)

    def compared(
        self, queries: Mapping[str, Tensor], whole: str, scorer: ImageScorer
    ) -> Mapping[str, Comparison]:
        """Where the true image of each query stands, by kind of comparison.

        Args:
            queries: label to ``(n, C, H, W)`` uint8, one query for each of the victims' images, in
                their order; one image expanded to many is compared once.
            whole: the label whose queries are compared with all candidates in any case.
            scorer: says on which device, and holds the network of features.
        """
        few = {label: small(_first(images, self.victims)) for label, images in queries.items()}
        kinds = _kinds(scorer)
        recognised = recognised_by(kinds)

        def compared(kind: str) -> Comparison:
            only = whole if kind in BY_PAIRS and kind != recognised else None
            return Comparison(self, few, kinds[kind], only)

        return dict(zip(kinds, side_by_side(compared, kinds), strict=True))


class Comparison:
    """Queries compared with a gallery in one way.

    Args:
        gallery: the candidates.
        queries: label to ``(n, C, 32, 32)`` uint8, one for each victim or one for all.
        compare: gives the similarity of all pairs of two batches, ``(n, N)``.
        whole: the only label whose queries are compared with all candidates even if others are
            known to be nearer than the true ones; None for every label.
    """

    def __init__(
        self, gallery: Gallery, queries: Mapping[str, Tensor], compare: Compare, whole: str | None
    ) -> None:
        self._gallery, self._queries, self._compare = gallery, queries, compare
        everyone = torch.arange(gallery.victims)
        asked = {
            label: everyone
            if whole in (None, label) or len(images) == 1
            else self._doubtful(images)
            for label, images in queries.items()
        }
        found = self._ranked(asked)
        self._ranks = {
            label: each for label, each in found.items() if len(each.above) == len(everyone)
        }
        self.first: dict[str, Tensor] = {}
        """``(n,)`` float64 by label: the chance that the true image is the nearest of all."""
        for label, rows in asked.items():
            self.first[label] = torch.zeros(len(everyone), dtype=torch.float64)
            self.first[label][rows] = found[label].hits(1)

    def ranks(self, label: str) -> Ranks:
        """Where the true image stands among all, for each query of a label."""
        if label not in self._ranks:
            self._ranks |= self._ranked({label: torch.arange(self._gallery.victims)})
        return self._ranks[label]

    def _doubtful(self, queries: Tensor) -> Tensor:
        """The queries whose true image may be the nearest: among a few victims none is nearer."""
        found = []
        for rows in torch.arange(len(queries)).split(FEW):
            near = self._compare(queries[rows], self._gallery.images[rows]).cpu()
            found.append(rows[~(near.amax(dim=1) > near.diagonal() + SURELY)])
        return torch.cat(found)

    def _ranked(self, asked: Mapping[str, Tensor]) -> dict[str, Ranks]:
        """Ranks of some queries of some labels, all compared at once."""
        parts = {label: self._queries[label] for label in asked}
        parts = {
            label: images if len(images) == 1 else images[asked[label]]
            for label, images in parts.items()
        }
        similarity = self._compare(torch.cat(list(parts.values())), self._gallery.images)
        split = similarity.split([len(images) for images in parts.values()])
        return {
            label: ranks(each.expand(len(asked[label]), -1), asked[label])
            for label, each in zip(parts, split, strict=True)
        }


def recognised_by(kinds: Container[str]) -> str:
    """The kind of comparison by which images are recognised: of these the one that sees best."""
    return next(kind for kind in ("efficientnet", "features", "ssim") if kind in kinds)


Compare = Callable[[Tensor, Tensor], Tensor]


def small(images: Tensor) -> Tensor:
    """Images of 32 × 32 pixels, antialiased, ``(N, C, 32, 32)`` uint8; those that are stay so."""
    if tuple(images.shape[2:]) == (EDGE, EDGE):
        return images
    step = max(1, SHRUNK_AT_ONCE // images[:1].numel()) if len(images) else 1
    parts = [
        functional.interpolate(
            part.float(), (EDGE, EDGE), mode="bilinear", antialias=True, align_corners=False
        )
        .round_()
        .clamp_(0, 255)
        .to(torch.uint8)
        for part in images.split(step)
    ]
    return torch.cat(parts) if parts else images.new_zeros(0, images.shape[1], EDGE, EDGE)


def missing_kinds(scorer: ImageScorer) -> dict[str, str]:
    """Kind of comparison to the reason why images are not compared so."""
    reasons = {"features": no_features(scorer), "efficientnet": no_identity_network()}
    return {kind: reason for kind, reason in reasons.items() if reason is not None}


def no_features(scorer: ImageScorer) -> str | None:
    """Why images are not compared by features; None if they are."""
    lpips = scorer.lpips
    if isinstance(lpips, str):
        return lpips
    if lpips.net != "alex":
        return f"features are those of AlexNet, and LPIPS uses '{lpips.net}': --lpips-net alex"
    return lpips.obstacle(EDGE, EDGE)


def _kinds(scorer: ImageScorer) -> dict[str, Compare]:
    device, lpips = scorer.device, scorer.lpips
    found: dict[str, Compare] = {
        "ssim": lambda ours, theirs: ssim_matrix(_grey(ours, device), _grey(theirs, device)),
        "blocks": lambda ours, theirs: block_similarity_matrix(
            _grey(ours, device), _grey(theirs, device)
        ),
    }
    if no_features(scorer) is None and not isinstance(lpips, str):
        found["features"] = lambda ours, theirs: feature_similarity(lpips, ours, theirs)
    if no_identity_network() is None:
        found["efficientnet"] = lambda ours, theirs: (
            identity_features(ours, device) @ identity_features(theirs, device).T
        ).cpu()
    return found


def feature_similarity(lpips: Lpips, queries: Tensor, candidates: Tensor) -> Tensor:
    """``(n, N)`` float32: less LPIPS of all pairs, on the CPU."""
    ours, theirs = lpips.features(queries), lpips.features(candidates)
    squares = ours.square().sum(dim=1)[:, None] + theirs.square().sum(dim=1)
    return (2 * ours @ theirs.T - squares).cpu()


def _grey(images: Tensor, device: torch.device) -> Tensor:
    """``(N, 1, H, W)`` uint8: the mean of the channels."""
    if images.shape[1] == 1:
        return images.to(device)
    return images.to(device).float().mean(dim=1, keepdim=True).round_().to(torch.uint8)


def _first(images: Tensor, count: int) -> Tensor:
    """The first images; of one image expanded to many, that one."""
    return images[:1] if len(images) > 1 and images.stride(0) == 0 else images[:count]
