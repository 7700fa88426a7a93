"""What an alignment found, and what it says about images that nobody encoded yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ppattack.solvers.code_alignment.brightness import Brightness
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.naming import naming_vectors
from ppattack.solvers.code_alignment.own_side import AT_ONCE, OwnSide
from ppattack.solvers.code_alignment.rotations import Rotation

RIDGE = 0.02
"""Added to what a prediction is wrong by, in shares of its mean variance."""


@dataclass(frozen=True)
class Candidate:
    """One layout and the rotation that fits it best.

    Args:
        places: ``(P,)`` the patch that each cluster shows.
        rotation: from own components to the victims'.
        brightness: how the victims' frame differs from own components turned into it.
    """

    places: Tensor
    rotation: Rotation
    brightness: Brightness

    def turned(self, components: Tensor, share: Tensor) -> Tensor:
        """Own components ``(..., K)`` in the victims' frame, drawn to the mean where keys differ.

        Args:
            components: of own codes.
            share: ``(K,)`` what keys share of each.
        """
        turned = components @ self.rotation.matrix.T * share.sqrt()
        return turned + turned[..., :1] * self.brightness.leak

    def mean_components(self, own: OwnSide, means: Tensor) -> Tensor:
        """``(T, K)`` of images under the victims' key, of those under own keys, place by mean."""
        moved = self.turned(means, own.share)
        moved[:, 0] += self.brightness.shift
        return moved


@dataclass(frozen=True)
class Alignment:
    """The estimated map between own codes and the victims', and what it shows.

    Args:
        own: own encoders.
        victims: the victims' components; places are clusters.
        candidate: the chosen layout and rotation.
        other: its mirror image, or None if places were known.
        probability: that the chosen one is the right one of the two.
        images: ``(N, C, H, W)`` uint8 reconstructions, on the CPU.
        mirrored: the same under the other layout, or None if places were known.
        notes: JSON-ready facts.
    """

    own: OwnSide
    victims: Components
    candidate: Candidate
    other: Candidate | None
    probability: float
    images: Tensor
    mirrored: Tensor | None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def places(self) -> Tensor:
        """``(P,)`` int64: the patch that each place of the victims' codes shows."""
        return self.candidate.places

    def mean_codes_of(self, images: Tensor) -> Tensor:
        """What the mean over the places of an image's codes would be under the victims' key.

        The mean of the unknown map, given what own keys show of it: components on which keys
        disagree are drawn towards the mean code.

        Args:
            images: ``(T, C, H, W)`` uint8.

        Returns:
            ``(T, D)`` float32 on the CPU.
        """
        components = self.candidate.mean_components(self.own, self._own_means(images))
        return self._codes(components)

    def naming_vectors_of(self, images: Tensor) -> Tensor:
        """Vectors that true mean codes are nearest to; see :func:`naming_vectors`.

        What is wrong by chance: what a key adds of its own, the brightness and the leak that
        follows from it, and which of the two
        layouts is right, as far as that is not known.

        Args:
            images: ``(T, C, H, W)`` uint8.

        Returns:
            ``(T, D)`` float32 on the CPU.
        """
        means = self._own_means(images)
        predicted = self.candidate.mean_components(self.own, means)
        turn = self.candidate.rotation.matrix
        noise = turn @ self.own.noise @ turn.T * (1 + 1 / len(self.own.each))
        noise += self._doubt(float(predicted[:, 0].var()))
        if self.other is not None:
            apart = self.other.mean_components(self.own, means) - predicted
            predicted = predicted + (1 - self.probability) * apart
            apart = apart - apart.mean(dim=0)
            noise += self.probability * (1 - self.probability) * apart.T @ apart / len(apart)
        noise += RIDGE * noise.diag().mean() * torch.eye(len(noise), device=noise.device)
        vectors = naming_vectors(predicted, noise)
        aside = vectors[:, -1:].cpu() * self.victims.quiet.cpu()
        return self._codes(vectors[:, :-1]) + aside

    def _doubt(self, spread: float) -> Tensor:
        """``(K, K)`` covariance that follows from the doubt of the brightness.

        Args:
            spread: variance of the predicted brightness.
        """
        brightness = self.candidate.brightness
        found = brightness.slope[:, None] * brightness.slope * spread
        found[0, 0] += 1
        return brightness.doubt * found

    def _own_means(self, images: Tensor) -> Tensor:
        """``(T, K)`` common components of own codes, means over places."""
        target = self.own.own.target
        device = self.victims.mean.device
        parts = images.split(max(self.own.own.at_once, AT_ONCE))
        found = [self.own.of_images(target.normalised(part.to(device))) for part in parts]
        return torch.cat([part.mean(dim=1) for part in found])

    def _codes(self, components: Tensor) -> Tensor:
        return (components @ self.victims.directions.T + self.victims.mean.mean(dim=0)).cpu()
