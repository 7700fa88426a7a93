from __future__ import annotations

import torch

from ppattack.seeding import torch_stream
from ppattack.target.natural_noise import natural_images


def test_figures_of_photographs() -> None:
    images = natural_images(torch_stream(0), (300, 3, 32, 32)).float()
    assert torch.equal(images, images.round())
    brightness, contrast = images.mean((1, 2, 3)), images.std((1, 2, 3))
    assert abs(float(brightness.mean()) - 112) < 8
    assert 30 < float(brightness.std()) < 50
    assert 30 < float(contrast.mean()) < 45
    channels = images.permute(1, 0, 2, 3).flatten(1)
    assert float(torch.corrcoef(channels).min()) > 0.8


def test_amplitudes_fall_with_one_over_the_frequency() -> None:
    images = natural_images(torch_stream(0), (500, 1, 64, 64)).double()
    power = torch.fft.rfft2(images - images.mean((2, 3), keepdim=True)).abs().square().mean((0, 1))
    slope = torch.log2(power[0, 16] / power[0, 4]) / 2
    assert -2.4 < float(slope) < -1.6


def test_neighbours_correlate_and_the_generator_alone_decides() -> None:
    images = natural_images(torch_stream(0), (50, 1, 32, 32))
    pairs = torch.stack([images[..., 1:].flatten(), images[..., :-1].flatten()]).float()
    assert float(torch.corrcoef(pairs)[0, 1]) > 0.7
    assert torch.equal(images, natural_images(torch_stream(0), (50, 1, 32, 32)))
    assert not torch.equal(images, natural_images(torch_stream(1), (50, 1, 32, 32)))
