"""Lay the victims' cloud of codes over that of own encoders, and read images through it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ppattack.context import Context
from ppattack.errors import DataError
from ppattack.images import ImageShape
from ppattack.solvers.code_alignment.brightness import brightness_shift
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.decoder import Decoder
from ppattack.solvers.code_alignment.mirror import Sureness, sureness
from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.own_side import AT_ONCE, OwnSide
from ppattack.solvers.code_alignment.places import Layouts, find_places, score, turns
from ppattack.solvers.code_alignment.rotations import Rotation, best_rotation
from ppattack.solvers.code_alignment.victims import VictimCodes
from ppattack.solvers.neuracrypt.encoder_regression import from_patches
from ppattack.solvers.neuracrypt.features import patches
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
from ppattack.target.neural import NeuralTarget

SMALLEST = 1e-12
FEWEST = 8
"""Images of either side below which moments mean nothing."""


@dataclass(frozen=True)
class Settings:
    """How much is spent.

    Args:
        own_encoders: own keys, at least 2: the first also shows what differs between keys.
        mirrored: whether public images count a second time as their mirror images.
        components: directions that are aligned.
    """

    own_encoders: int = 2
    mirrored: bool = True
    components: int = 64


@dataclass(frozen=True)
class Candidate:
    """One layout and the rotation that fits it best.

    Args:
        places: ``(P,)`` the patch that each cluster shows.
        rotation: from own components to the victims'.
        shift: what to add to the first of them: how much brighter the victims' images are.
    """

    places: Tensor
    rotation: Rotation
    shift: float

    def turned(self, components: Tensor, share: Tensor) -> Tensor:
        """Own components ``(..., K)`` in the victims' frame, drawn to the mean where keys differ.

        Args:
            components: of own codes.
            share: ``(K,)`` what keys share of each.
        """
        return components @ self.rotation.matrix.T * share.sqrt()


@dataclass(frozen=True)
class Alignment:
    """The estimated map between own codes and the victims', and what it shows.

    Args:
        own: own encoders.
        victims: the victims' components; places are clusters.
        candidate: the chosen layout and rotation.
        images: ``(N, C, H, W)`` uint8 reconstructions, on the CPU.
        mirrored: the same under the other layout, or None if places were known.
        notes: JSON-ready facts.
    """

    own: OwnSide
    victims: Components
    candidate: Candidate
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
        target = self.own.own.target
        device = self.victims.mean.device
        step = max(self.own.own.at_once, AT_ONCE)
        found = []
        for part in images.split(step):
            moved = self.own.of_images(target.normalised(part.to(device))).mean(dim=1)
            components = self.candidate.turned(moved, self.own.share)
            components[:, 0] += self.candidate.shift
            codes = components @ self.victims.directions.T + self.victims.mean.mean(dim=0)
            found.append(codes.cpu())
        return torch.cat(found)


def align(
    target: NeuralTarget,
    ciphertexts: Tensor,
    public: Tensor,
    context: Context,
    settings: Settings | None = None,
) -> Alignment:
    """Find the map between own codes and the victims', from ciphertexts and public images.

    Args:
        target: the scheme with the victims' settings.
        ciphertexts: as published, all under one key; may be mapped into memory from a file.
        public: ``(M, C, H, W)`` uint8 images of the same kind, not the victims'.
        context: device, seed and progress.
        settings: how much is spent; None for the defaults.

    Raises:
        DataError: if there are too few codes or public images.
    """
    settings = settings or Settings()
    if min(len(ciphertexts), len(public)) < FEWEST:
        raise DataError(
            f"{len(ciphertexts)} ciphertexts and {len(public)} public images are too few to "
            f"compare what they have in common: give at least {FEWEST} of both."
        )
    clock = _Clock(context)
    shape: ImageShape = (int(public.shape[1]), int(public.shape[2]), int(public.shape[3]))
    grid = _grid(target, shape)
    with clock.stage("unshuffle"):
        victims = VictimCodes.of(target, ciphertexts, context.device)
    with clock.stage("components"):
        found = Components.of(victims.parts, settings.components)
        components = found.of_parts(victims.parts)
    with clock.stage("own codes"):
        plain = torch.cat([public, public.flip(3)]) if settings.mirrored else public
        plain = plain.to(context.device)
        encoders = OwnEncoders(target, shape, context)
        count = components.shape[2]
        own = OwnSide.of(encoders, target.normalised(plain), settings.own_encoders, count)
    with clock.stage("places"):
        layouts = _layouts(components, own.components, grid, known=not target.shuffles)
    with clock.stage("rotations"):
        candidates = [_rotated(components, own.components, grid, each, context) for each in layouts]
        unflipped = own.components[: len(public)]
        chosen, sure = _chosen(candidates, components, unflipped, grid)
    with clock.stage("decoding"):
        images = [
            _images(target, each, components, found, own, plain, grid, shape)
            for each in (chosen, *(each for each in candidates if each is not chosen))
        ]
    notes = {
        "agreement of second moments": round(chosen.rotation.second, 4),
        "agreement of third moments": round(chosen.rotation.third, 4),
        "share of a code that other keys predict": round(float(own.share.mean()), 4),
        "components": count,
        "difference in mean brightness, deviations": round(
            abs(chosen.shift) / max(float(found.variances[0]), SMALLEST) ** 0.5, 3
        ),
        **(sure.notes() if sure else {}),
        "places": chosen.places.tolist(),
        "seconds": clock.seconds,
    }
    other = images[1] if len(images) > 1 else None
    return Alignment(own, found, chosen, images[0], other, notes)


class _Clock:
    """Announces stages and adds up their seconds."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and time it."""
        self._context.progress.log(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)


def _grid(target: NeuralTarget, shape: ImageShape) -> tuple[int, int]:
    _, height, width = target.padded_shape(shape)
    return height // target.patch_size, width // target.patch_size


def _layouts(victims: Tensor, own: Tensor, grid: tuple[int, int], *, known: bool) -> list[Tensor]:
    """Places: the known ones, or the best layout and its mirror image."""
    if known:
        return [torch.arange(victims.shape[1], device=victims.device)]
    ours, theirs = Layouts.of(victims), Layouts.of(own)
    places = find_places(ours, theirs, grid)
    turned = [turn.to(places.device)[places] for turn in turns(grid)]
    best = max(turned, key=lambda each: score(ours, theirs, each))
    return [best, turns(grid)[1].to(places.device)[best]]


def _rotated(
    victims: Tensor,
    own: Tensor,
    grid: tuple[int, int],
    places: Tensor,
    context: Context,
) -> Candidate:
    ours = Moments.of(victims[:, places.argsort()], grid)
    theirs = Moments.of(own, grid)
    rotation = best_rotation(ours, theirs, context.torch_stream("signs"))
    shift = brightness_shift(victims, own @ rotation.matrix.T)
    return Candidate(places, rotation, shift)


def _chosen(
    candidates: list[Candidate], victims: Tensor, own: Tensor, grid: tuple[int, int]
) -> tuple[Candidate, Sureness | None]:
    if len(candidates) == 1:
        return candidates[0], None
    first, second = candidates
    sides = [(victims[:, each.places.argsort()], each.rotation.matrix) for each in candidates]
    sure = sureness(sides[0], sides[1], own, grid)
    return (first if sure.difference >= 0 else second), sure


def _images(
    target: NeuralTarget,
    candidate: Candidate,
    victims: Tensor,
    found: Components,
    own: OwnSide,
    public: Tensor,
    grid: tuple[int, int],
    shape: ImageShape,
) -> Tensor:
    """Reconstructions ``(N, C, H, W)`` uint8, decoded by what own codes of public images show."""
    form = target.representation()
    prepared = form.prepare(public)
    total = sum(
        patches(part, target.patch_size).float().sum(dim=0) for part in prepared.split(AT_ONCE)
    )
    mean = torch.as_tensor(total) / len(prepared)
    seen = candidate.turned(own.components, own.share)
    noise = (found.variances - seen.var(dim=(0, 1))).clamp_min(0)
    least = (1 - own.share) * found.variances
    parts = (
        (seen[start : start + AT_ONCE], patches(part, target.patch_size).float())
        for start, part in zip(
            range(0, len(prepared), AT_ONCE), prepared.split(AT_ONCE), strict=True
        )
    )
    decoder = Decoder.learnt(parts, torch.maximum(noise, least), mean, grid)
    ordered = victims[:, candidate.places.argsort()]
    ordered[..., 0] -= candidate.shift
    padded = target.padded_shape(shape)
    images = [
        from_patches(decoder(part).clamp_(0, 255).round_().to(torch.uint8), padded)
        for part in ordered.split(AT_ONCE)
    ]
    return form.restore(torch.cat(images), shape).cpu()
