"""How a copy of an image differs from the original: the alterations that a match must survive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Covered = Literal["none", "jpeg90", "jpeg50", "resized", "noise", "brighter", "shifted", "mixed"]
"""Alterations that candidate matching foresees."""
Unforeseen = Literal["contrast", "gamma", "sharpened"]
"""Alterations that it is neither fitted on nor undoes."""
Alteration = Literal[Covered, Unforeseen]
NOISE = 3.0
"""Standard deviation of the noise, grey levels."""
GAIN = 1.1
GAINS = (0.8, 1.2)
"""Range of the gain in ``mixed``."""
SLIGHT_GAINS = (0.97, 1.03)
"""Range of gains that remain when another gain was guessed and undone."""
SMALLER = 0.75
"""Edge of a resized image before it is brought back to its size."""
CONTRAST = 0.8
GAMMA = 1.2
SHARPER = 0.5
"""Share of the difference from the mean of 3 x 3 pixels that is added."""

OFF_GRID = 4
"""Pixels between the grid of JPEG's blocks, of 8 pixels, and what lies farthest from it."""
AT_ONCE = 256
"""Images shrunk at a time."""

Change: TypeAlias = "Callable[[Tensor, torch.Generator], Tensor]"


def altered(images: Tensor, how: Alteration, generator: torch.Generator) -> Tensor:
    """Copies ``(N, C, H, W)`` uint8 of images of the same kind.

    Args:
        images: the originals; they are not changed.
        how: ``none`` (exact copies), ``jpeg90`` and ``jpeg50`` (4:2:0), ``resized`` (to three
            quarters and back, bicubic), ``noise`` (Gaussian, sd 3 levels), ``brighter`` (times
            1.1), ``shifted`` (by one pixel down and right, the border repeated), ``mixed`` (for
            each image one of these, the gain from .8 to 1.2, the shift in any of 8 directions),
            ``contrast`` (distances from mid-grey times .8), ``gamma`` (values of 0..1 to the power
            of 1.2) or ``sharpened`` (half the difference from the mean of 3 x 3 pixels added).
        generator: on the CPU.
    """
    if how == "mixed":
        return _one_of_each(_MIXED, images, generator)
    return {**_CHANGES, **_UNFORESEEN}[how](images, generator)


def degraded(images: Tensor, generator: torch.Generator) -> Tensor:
    """Copies that are in place and about as bright: each altered in one of the other ways.

    A gain was undone again, which leaves what rounding and white have lost.
    """
    return _one_of_each(_DEGRADED, images, generator)


def stand_ins(images: Tensor) -> Tensor:
    """Images such as those may have been of which these are copies.

    A second compression in the place of the first changes hardly anything, and a second resizing
    little, so copies of copies do not show what copying does. What was lost stays lost, but how it
    was lost is hidden: of three images one is moved off the grid of its compression, one is shrunk,
    which makes it sharp again and hides noise, and one stays as it is, whole. What is missing at
    the border is mirrored.

    Args:
        images: ``(N, C, H, W)`` uint8; they are not changed.
    """
    out = images.clone()
    out[::3] = _off_grid(images[::3])
    for start in range(1, len(images), 3 * AT_ONCE):
        rows = slice(start, start + 3 * AT_ONCE, 3)
        out[rows] = _shrunk(images[rows])
    return out


def _off_grid(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    step = min(OFF_GRID, height - 1, width - 1)
    return _mirrored(images, step, step)[:, :, :height, :width]


def _shrunk(images: Tensor) -> Tensor:
    import torch

    height, width = images.shape[2:]
    # A mirror shows less than what is before it, so that at least half has to be left.
    small = tuple(max(edge // 2 + 1, int(edge * SMALLER)) for edge in (height, width))
    less = torch.nn.functional.interpolate(images.float(), small, mode="bicubic", antialias=True)
    return _mirrored(less.round().clamp(0, 255).byte(), height - small[0], width - small[1])


def _mirrored(images: Tensor, rows: int, columns: int) -> Tensor:
    """Images continued up and to the left as in a mirror."""
    import torch

    down, right = (
        torch.arange(-more, edge, device=images.device).abs()
        for more, edge in zip((rows, columns), images.shape[2:], strict=True)
    )
    return images[:, :, down][:, :, :, right]


def _one_of_each(
    changes: Mapping[str, Change], images: Tensor, generator: torch.Generator
) -> Tensor:
    """Each image changed in one way, drawn by chance."""
    import torch

    out = images.clone()
    kind = torch.randint(len(changes), (len(images),), generator=generator)
    for i, change in enumerate(changes.values()):
        rows = (kind == i).nonzero()[:, 0]
        if len(rows):
            out[rows] = change(images[rows], generator)
    return out


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Images moved by whole pixels; what leaves is lost, and the border is repeated."""
    import torch

    height, width = images.shape[2:]
    rows = (torch.arange(height, device=images.device) + down).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) + right).clamp(0, width - 1)
    return images[:, :, rows][:, :, :, columns]


def brighter(images: Tensor, gain: float | Tensor) -> Tensor:
    """Images times a gain, rounded and cut to 0..255."""
    return (images.float() * gain).round().clamp(0, 255).byte()


def _copied(images: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return images.clone()


def _compressed(quality: int) -> Change:
    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        from ppattack.jpeg import Jpeg

        del generator
        return Jpeg(quality, "420").transport(images)

    return change


def _resized(images: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    del generator
    height, width = images.shape[2:]
    small = (max(1, int(height * SMALLER)), max(1, int(width * SMALLER)))
    resize = torch.nn.functional.interpolate
    less = resize(images.float(), small, mode="bicubic", antialias=True).round().clamp(0, 255)
    return resize(less, (height, width), mode="bicubic").round().clamp(0, 255).byte()


def noisy(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images with Gaussian noise of three grey levels."""
    import torch

    noise = torch.randn(images.shape, generator=generator).to(images.device) * NOISE
    return (images.float() + noise).round().clamp(0, 255).byte()


def _brighter(images: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return brighter(images, GAIN)


def _some_gain(low: float, high: float) -> Change:
    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        import torch

        gain = torch.rand(len(images), 1, 1, 1, generator=generator) * (high - low) + low
        return brighter(images, gain.to(images.device))

    return change


def _gain_undone(images: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    low, high = (torch.rand(len(images), 1, 1, 1, generator=generator) for _ in range(2))
    gain = GAINS[0] + (GAINS[1] - GAINS[0]) * low
    left = SLIGHT_GAINS[0] + (SLIGHT_GAINS[1] - SLIGHT_GAINS[0]) * high
    made = brighter(images, gain.to(images.device))
    return brighter(made, (left / gain).to(images.device))


def _contrast(images: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return ((images.float() - 127.5) * CONTRAST + 127.5).round().byte()


def _gamma(images: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return ((images.float() / 255) ** GAMMA * 255).round().byte()


def _sharpened(images: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    del generator
    values = images.float()
    around = torch.nn.functional.pad(values, (1, 1, 1, 1), mode="replicate")
    mean = torch.nn.functional.avg_pool2d(around, 3, stride=1)
    return (values + SHARPER * (values - mean)).round().clamp(0, 255).byte()


def _shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    del generator
    return shifted(images, -1, -1)


def _some_shift(images: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    out = images.clone()
    step = torch.randint(8, (len(images),), generator=generator)
    for i, (down, right) in enumerate(DIRECTIONS):
        rows = step == i
        out[rows] = shifted(images[rows], down, right)
    return out


DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""One pixel up or down, and left or right."""
_CHANGES: Mapping[str, Change] = {
    "none": _copied,
    "jpeg90": _compressed(90),
    "jpeg50": _compressed(50),
    "resized": _resized,
    "noise": noisy,
    "brighter": _brighter,
    "shifted": _shifted,
}
_UNFORESEEN: Mapping[str, Change] = {
    "contrast": _contrast,
    "gamma": _gamma,
    "sharpened": _sharpened,
}
_MIXED: Mapping[str, Change] = {
    **_CHANGES,
    "brighter": _some_gain(*GAINS),
    "shifted": _some_shift,
}
_DEGRADED: Mapping[str, Change] = {
    **{name: change for name, change in _CHANGES.items() if name not in ("brighter", "shifted")},
    "gain undone": _gain_undone,
}
