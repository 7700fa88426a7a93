"""What a task will take and whether its settings fit its files, before it starts."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.challenge import layout
from ppattack.data.token_files import TokenFiles
from ppattack.errors import DataError, PpattackError
from ppattack.machine import physical_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attacks.neuracrypt_matching import NeuraCryptMatching
    from ppattack.solvers.neuracrypt.cost import Sizes
    from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
    from ppattack.target.neural import NeuralTarget

GIB = 1 << 30
MINUTE, HOUR = 60, 3600
STEPS = 100
"""Numbers of codes that are tried to find one that fits."""
SLOW_SECONDS = 1800
"""Beyond this the estimate comes with what to do about it."""


def code_source(folder: Path, target: NeuralTarget, size: int) -> TokenFiles:
    """The codes of a challenge, which are read when they are asked for.

    Raises:
        DataError: for files that cannot be used, or codes of another shape than the scheme's.
    """
    files = TokenFiles(layout.code_files(folder))
    shape, wanted = files.shape[1:], target.ciphertext_shape((1, size, size))
    if shape != wanted:
        raise DataError(
            f"the codes have the shape {shape}, but images of {size} pixels have codes of "
            f"{wanted}: name the size and the settings that they were made with"
            f"{_likely(shape, target.card.name)}."
        )
    return files


def described(target: NeuralTarget, size: int) -> tuple[str, ...]:
    """A warning if images have no whole number of patches."""
    edge = target.patch_size
    if size % edge == 0:
        return ()
    padded = size + -size % edge
    return (
        f"--size {size} is no multiple of the patch, {edge}: images were padded to {padded} pixels "
        f"by repeating the last row and column, which the published code does not do.",
    )


def _likely(shape: tuple[int, ...], name: str) -> str:
    """Settings that give codes of a shape, in words; empty if none come to mind."""
    edge = isqrt(shape[0])
    if len(shape) != 2 or edge**2 != shape[0]:
        return ""
    for variant in ("paper", "small"):
        try:
            target = layout.scheme(name, {"variant": variant})
        except PpattackError:
            continue
        if target.width(1) == shape[1]:
            return (
                f". {shape[0]} codes of {shape[1]} are likely {edge} x {edge} patches of "
                f"{target.patch_size} pixels: --size {edge * target.patch_size} "
                f"--set target.variant={variant}"
            )
    return (
        f". {shape[0]} codes of {shape[1]} are likely {edge} x {edge} patches: --set "
        f"target.hidden={shape[1]}, with --set target.patch_size=EDGE and --size {edge} x EDGE"
    )


def check_memory(
    files: TokenFiles, candidates: int, own: OwnEncoders, attack: NeuraCryptMatching
) -> Sizes:
    """Refuse what this machine's memory does not hold.

    Raises:
        DataError: saying how many codes it holds.
    """
    from ppattack.solvers.neuracrypt.cost import Sizes, memory_bytes

    count, positions, width = files.shape
    pixels = own.image_shape[1] * own.image_shape[2]
    sizes = Sizes(count, candidates, positions, width, pixels, own.at_once)
    whole = attack.config.variant == "paper"
    there = physical_bytes()
    if own.context.device.type != "cpu" or there is None:
        return sizes

    def needed(codes: int) -> int:
        return memory_bytes(replace(sizes, codes=codes), whole=whole)

    if needed(count) > there:
        steps = range(1, count, max(1, count // STEPS))
        fitting = max((codes for codes in steps if needed(codes) <= there), default=0)
        cure = (
            f"move codes away until some {fitting} are left, the list may name more images"
            if fitting
            else "use a machine with more memory, or a list of fewer images"
        )
        raise DataError(
            f"{count} codes and {candidates} images take about {needed(count) / GIB:.1f} GiB, and "
            f"this machine has {there / GIB:.1f}: {cure}."
        )
    own.context.progress.log(f"about {needed(count) / GIB:.1f} GiB of memory at most")
    return sizes


def estimate(own: OwnEncoders, sizes: Sizes, images: Tensor, attack: NeuraCryptMatching) -> None:
    """Log roughly how long it will take, and what makes it shorter if that is long."""
    from ppattack.solvers.neuracrypt.cost import seconds

    if attack.config.variant != "geometry":
        return
    keys = attack.config.own_encoders
    expected = seconds(own, sizes, images, keys)
    words = f"about {_duration(expected)} on this machine"
    if expected > SLOW_SECONDS and keys > 2:
        words += f", most of it own keys: --set attack.own_encoders=2 takes {2 / keys:.0%} of it"
    own.context.progress.log(words)


def _duration(seconds: float) -> str:
    if seconds < 2 * MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds / HOUR:.0f} hours"
