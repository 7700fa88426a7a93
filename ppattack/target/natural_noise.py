"""Noise that looks like parts of photographs to a first layer, for use without photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def natural_images(generator: torch.Generator, shape: tuple[int, int, int, int]) -> Tensor:
    """Noise with the spectrum, brightness, contrast and colour of parts of photographs.

    Amplitudes fall as one over the frequency. Brightness has a mean of 112 and a deviation of
    45 between images, contrast is uniform up to a deviation of 80, and a channel shares most of
    both with the others: figures of 64 × 64 pixels of photographs.

    Args:
        generator: on the CPU.
        shape: ``(N, C, H, W)``.

    Returns:
        uint8 images.
    """
    import torch

    count, channels, height, width = shape
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    spectrum = 1 / (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
    spectrum[0, 0] = 0
    white = torch.randn((count, channels + 1, height, width), generator=generator)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * spectrum, s=(height, width))
    values = noise[:, :1] + 0.4 * noise[:, 1:]
    several = min(1, channels * height * width - 1)  # a single number has no deviation
    values /= values.std(dim=(1, 2, 3), correction=several, keepdim=True).clamp_min(1e-6)
    contrast = 80 * torch.rand((count, 1, 1, 1), generator=generator)
    brightness = 112 + 45 * torch.randn((count, 1, 1, 1), generator=generator)
    images: Tensor = (values * contrast + brightness).clamp(0, 255).round().to(torch.uint8)
    return images
