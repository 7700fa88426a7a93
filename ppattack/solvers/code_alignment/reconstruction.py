"""Images from the victims' components, once a layout and a rotation are found."""

from __future__ import annotations

import torch
from torch import Tensor

from ppattack.images import ImageShape
from ppattack.solvers.code_alignment.components import Components
from ppattack.solvers.code_alignment.decoder import Decoder
from ppattack.solvers.code_alignment.own_side import AT_ONCE, OwnSide
from ppattack.solvers.code_alignment.result import Candidate
from ppattack.solvers.neuracrypt.encoder_regression import from_patches
from ppattack.solvers.neuracrypt.features import patches
from ppattack.target.neural import NeuralTarget


def reconstructions(
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
    # Two keys' components correlate by the share of their variance that keys have in common.
    noise = (1 - own.share.sqrt()) * found.variances
    parts = (
        (seen[start : start + AT_ONCE], patches(part, target.patch_size).float())
        for start, part in zip(
            range(0, len(prepared), AT_ONCE), prepared.split(AT_ONCE), strict=True
        )
    )
    decoder = Decoder.learnt(parts, noise, mean, grid)
    ordered = victims[:, candidate.places.argsort()]
    ordered[..., 0] -= candidate.brightness.shift
    padded = target.padded_shape(shape)
    images = [
        from_patches(decoder(part).clamp_(0, 255).round_().to(torch.uint8), padded)
        for part in ordered.split(AT_ONCE)
    ]
    return form.restore(torch.cat(images), shape).cpu()
