"""The images among which reconstructions are looked for, and how alike all of them are.

Everything is compared at 32 pixels: a person is recognised on a thumbnail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ppattack.data.source import content_hashes
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

    def ranks(self, queries: Mapping[str, Tensor], scorer: ImageScorer) -> Mapping[str, ByLabel]:
        """Where the true image of each query stands, by kind of comparison and by label.

        Args:
            queries: label to ``(n, C, H, W)`` uint8, one query for each of the victims' images, in
                their order; one image expanded to many is compared once.
            scorer: says on which device, and holds the network of features.
        """
        few = {label: small(_first(images, self.victims)) for label, images in queries.items()}
        asked = torch.cat(list(few.values()))
        found: dict[str, ByLabel] = {}
        for kind, compare in _kinds(scorer).items():
            similarity = compare(asked, self.images)
            parts = dict(
                zip(few, similarity.split([len(each) for each in few.values()]), strict=True)
            )
            found[kind] = {label: self._ranks(part) for label, part in parts.items()}
        return found

    def _ranks(self, similarity: Tensor) -> Ranks:
        whole = similarity.expand(self.victims, -1) if len(similarity) == 1 else similarity
        return ranks(whole, torch.arange(self.victims))


ByLabel = Mapping[str, Ranks]


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


def _kinds(scorer: ImageScorer) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    device, lpips = scorer.device, scorer.lpips
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
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
