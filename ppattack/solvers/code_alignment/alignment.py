"""Lay the victims' cloud of codes over that of own encoders, and read images through it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ppattack.context import Context
from ppattack.errors import DataError
from ppattack.images import ImageShape
from ppattack.solvers.code_alignment.candidates import rotated_layouts
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.own_side import OwnSide, multiplies_bfloat16
from ppattack.solvers.code_alignment.places import (
    Layouts,
    best_layout,
    turns,
    weights_between,
)
from ppattack.solvers.code_alignment.reconstruction import reconstructions
from ppattack.solvers.code_alignment.result import Alignment, Candidate
from ppattack.solvers.code_alignment.upright import is_upright
from ppattack.solvers.code_alignment.victims import VictimCodes
from ppattack.solvers.kept import Kept, Tensors
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
from ppattack.target.neural import NeuralTarget

SMALLEST = 1e-12
PROBABILITY = "probability of this layout, not its mirror image"
UPRIGHT = 200
"""Public images that are encoded upside down at a time, until it is clear which way is up."""
FEWEST = 8
"""Images of either side below which moments mean nothing."""


@dataclass(frozen=True)
class Settings:
    """How much is spent.

    Args:
        own_encoders: own keys, at least 2: the first also shows what differs between keys.
        mirrored: whether public images count a second time as their mirror images.
        shifts: how often public images count again, moved by parts of a patch.
        components: directions that are aligned, at most: fewer if keys have fewer in common.
    """

    own_encoders: int = 2
    mirrored: bool = True
    shifts: int = 0
    components: int = 96


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
        context: device, seed and progress; stages are kept in its folder of checkpoints.
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
    clock, kept = _Clock(context), _kept(target, ciphertexts, public, context, settings)
    shape: ImageShape = (int(public.shape[1]), int(public.shape[2]), int(public.shape[3]))
    grid = _grid(target, shape)
    with clock.stage("unshuffle"):
        victims = VictimCodes.of(target, ciphertexts, context.device, kept)
    with clock.stage("components"):
        found, components = _components(victims, settings.components, kept)
    with clock.stage("own codes"):
        plain = more_images(public, settings, target.patch_size).to(context.device)
        encoders = OwnEncoders(target, shape, context)
        limit = components.shape[2]
        seen = target.normalised(plain)
        own = OwnSide.of(encoders, seen, settings.own_encoders, limit, kept)
        count = len(own.share)
        found, components = found.first(count), components[..., :count].contiguous()
    with clock.stage("places"):
        normalised = target.normalised(public.to(context.device))
        layouts = _layouts(components, own, normalised, grid, context, kept)
    with clock.stage("rotations"):
        candidates, probability = rotated_layouts(
            components, own, layouts, grid, settings.mirrored, context, kept
        )
    with clock.stage("decoding"):
        images = [
            reconstructions(target, each, components, found, own, plain, grid, shape)
            for each in candidates
        ]
    chosen, other = candidates[0], candidates[1] if len(candidates) > 1 else None
    notes = {
        **_notes(chosen, own, found),
        **({PROBABILITY: round(probability, 3)} if other else {}),
        "seconds": clock.seconds,
    }
    mirrored = images[1] if other else None
    return Alignment(own, found, chosen, other, probability, images[0], mirrored, notes)


def _notes(chosen: Candidate, own: OwnSide, found: Components) -> dict[str, Any]:
    deviation = max(float(found.variances[0]), SMALLEST) ** 0.5
    shift = abs(chosen.brightness.shift)
    return {
        "agreement of second moments": round(chosen.rotation.second, 4),
        "agreement of third moments": round(chosen.rotation.third, 4),
        "share of a code that other keys predict": round(float(own.share.mean()), 4),
        "components": len(own.share),
        "difference in mean brightness, deviations": round(shift / deviation, 3),
        "places": chosen.places.tolist(),
    }


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


def more_images(public: Tensor, settings: Settings, edge: int) -> Tensor:
    """Public images, moved, and at last the mirror images of all of these.

    Every move is by another part of a patch, down and to the right; the border is repeated.
    """
    height, width = public.shape[2:]
    moved = [public]
    for number in range(1, settings.shifts + 1):
        step = max(1, edge * number // (settings.shifts + 1))
        down, right = ((torch.arange(size) - step).clamp_min(0) for size in (height, width))
        moved.append(public[:, :, down][..., right])
    plain = torch.cat(moved)
    return torch.cat([plain, plain.flip(3)]) if settings.mirrored else plain


def _grid(target: NeuralTarget, shape: ImageShape) -> tuple[int, int]:
    _, height, width = target.padded_shape(shape)
    return height // target.patch_size, width // target.patch_size


def _kept(
    target: NeuralTarget, ciphertexts: Tensor, public: Tensor, context: Context, settings: Settings
) -> Kept:
    """What is kept of the stages, if the run keeps anything."""
    facts = {
        "scheme": repr(target),
        "seed": context.seed,
        "settings": asdict(settings),
        "bfloat16": multiplies_bfloat16(),
        "device": context.device.type,
    }
    tensors = {"ciphertexts": ciphertexts, "public": public}
    room = Path(__file__).parent
    return Kept.of(context.checkpoints, context.progress, tensors, facts, room)


def _components(victims: VictimCodes, count: int, kept: Kept) -> tuple[Components, Tensor]:
    """The components of the victims' codes, and all codes in them."""

    def made() -> Tensors:
        found = Components.of(victims.parts, count)
        return {**vars(found), "laid": found.of_parts(victims.parts)}

    parts = kept.stage("components", made, victims.device)
    laid = parts.pop("laid")
    return Components(**parts), laid


def _layouts(
    victims: Tensor,
    own: OwnSide,
    public: Tensor,
    grid: tuple[int, int],
    context: Context,
    kept: Kept,
) -> list[Tensor]:
    """Places: the known ones, or the best layout and its mirror image.

    Args:
        victims: components ``(N, P, K)``; places are clusters.
        own: own codes of public images.
        public: the public images ``(M, C, H, W)``, normalised.
        grid: rows and columns of places.
        context: draws starts of rotations.
        kept: results of stages.
    """
    if not own.own.target.shuffles:
        return [torch.arange(victims.shape[1], device=victims.device)]
    made = lambda: {"place": _best_layout(victims, own, public, grid, context)}  # noqa: E731
    best = kept.stage("places", made, victims.device)["place"]
    return [best, turns(grid)[1].to(best.device)[best]]


def _best_layout(
    victims: Tensor, own: OwnSide, public: Tensor, grid: tuple[int, int], context: Context
) -> Tensor:
    best = best_layout(
        Layouts.of(victims),
        Layouts.of(own.components),
        weights_between(*(Layouts.of(key[half::2]) for half, key in enumerate(own.two))),
        grid,
    )
    over = turns(grid)[2].to(best.device)
    upright = is_upright(
        victims[:, best.argsort()],
        own.upside_down(public, UPRIGHT),
        over,
        grid,
        lambda: context.torch_stream("upright"),
    )
    return best if upright else over[best]
