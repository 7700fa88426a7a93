"""A rotation for each layout of places, and which of two layouts is the likelier one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from ppattack.context import Context
from ppattack.solvers.code_alignment.brightness import Brightness
from ppattack.solvers.code_alignment.mirror import asymmetry
from ppattack.solvers.code_alignment.moments import Moments
from ppattack.solvers.code_alignment.own_side import OwnSide
from ppattack.solvers.code_alignment.places import turns
from ppattack.solvers.code_alignment.result import Candidate
from ppattack.solvers.code_alignment.rotations import Rotation, best_rotation
from ppattack.solvers.kept import Kept, Tensors


def rotated_layouts(
    victims: Tensor,
    own: OwnSide,
    layouts: list[Tensor],
    grid: tuple[int, int],
    mirrored: bool,
    context: Context,
    kept: Kept,
) -> tuple[list[Candidate], float]:
    """A rotation for each layout, the likelier layout first, and its probability.

    Args:
        victims: components ``(N, P, K)``; places are clusters.
        own: own codes of public images.
        layouts: the places that clusters show, ``(P,)`` each.
        grid: rows and columns of places.
        mirrored: whether the last half of the public images are mirror images of the first.
        context: draws starts of rotations.
        kept: results of stages.
    """
    theirs = cache(lambda: Moments.of(own.components, grid))
    found = [
        _rotated(victims, own, theirs, grid, each, context, kept, number)
        for number, each in enumerate(layouts)
    ]
    if len(found) == 1:
        return found, 1.0
    laid = victims[:, layouts[0].argsort()]
    probability = _probability(laid, own.components, grid, mirrored)
    return (found, probability) if probability >= 0.5 else (found[::-1], 1 - probability)


def _rotated(
    victims: Tensor,
    own: OwnSide,
    theirs: Callable[[], Moments],
    grid: tuple[int, int],
    places: Tensor,
    context: Context,
    kept: Kept,
    number: int,
) -> Candidate:
    """The best rotation, signs included, for a layout; ``theirs`` are moments of own components."""

    def made() -> Tensors:
        ours = Moments.of(victims[:, places.argsort()], grid)
        found = best_rotation(ours, theirs(), context.torch_stream("signs"))
        seen = Brightness.between(victims, own.components @ found.matrix.T * own.share.sqrt())
        numbers = [found.second, found.third, seen.shift, seen.doubt]
        return {
            "matrix": found.matrix,
            "numbers": torch.tensor(numbers, dtype=torch.float64),
            "leak": seen.leak,
            "slope": seen.slope,
        }

    parts = kept.stage(f"rotation-{number}", made, victims.device)
    second, third, shift, doubt = parts["numbers"].tolist()
    seen = Brightness(shift, doubt, parts["leak"], parts["slope"])
    return Candidate(places, Rotation(parts["matrix"], second, third), seen)


def _probability(victims: Tensor, own: Tensor, grid: tuple[int, int], mirrored: bool) -> float:
    """That a layout is right, not its mirror image; nothing tells without mirrored images."""
    if not mirrored:
        return 0.5
    straight, flipped = own.chunk(2)
    return asymmetry(victims, straight, flipped, turns(grid)[1]).probability
