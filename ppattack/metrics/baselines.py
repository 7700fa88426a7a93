"""Blind baselines: the scores of an adversary who never attacks.

A reconstruction is worth something only if it beats the best of these.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack import images as image_ops
from ppattack.errors import ImageError
from ppattack.images import ImageShape
from ppattack.metrics.pairs import chunks

MEAN_AT_ONCE = 1 << 20
"""Pixels summed at a time: 64-bit copies of larger chunks would cost memory."""


def blind_baselines(
    ciphertexts: Tensor, shape: ImageShape, public: Tensor | None, rng: np.random.Generator
) -> dict[str, Tensor]:
    """Reconstructions that anybody could submit without an attack.

    Args:
        ciphertexts: ``(N, C', H', W')`` uint8, or tokens ``(N, P, D)``.
        shape: ``(C, H, W)`` of the plain images.
        public: ``(M, C, H, W)`` uint8 images of the victims' distribution; None or M = 0 if there
            are none.
        rng: decides which public image stands for which victim.

    Returns:
        name to ``(N, C, H, W)`` uint8 on the ciphertexts' device: ``const128`` and ``black``
        always, ``ciphertext`` if ciphertexts are images, ``mean`` (of the public images) and
        ``random-public`` if there are public images. A baseline that is one image for all is
        held once (its stride over N is 0).

    Raises:
        ImageError: for public images that break the convention or have another shape.
    """
    count, device = len(ciphertexts), ciphertexts.device
    made = {
        "const128": constant(shape, count, 128, device=device),
        "black": constant(shape, count, 0, device=device),
    }
    if ciphertexts.dtype == torch.uint8 and ciphertexts.ndim == 4:
        made["ciphertext"] = fit(ciphertexts, shape)
    if public is not None and len(public):
        if tuple(image_ops.check(public, "public images").shape[1:]) != shape:
            raise ImageError(
                f"the public images have shape {tuple(public.shape[1:])}, the victims' {shape}: "
                "resize them to the victims' size."
            )
        made["mean"] = mean_image(public).to(device).expand(count, -1, -1, -1)
        chosen = torch.from_numpy(rng.integers(len(public), size=count)).to(public.device)
        made["random-public"] = public[chosen].to(device)
    return made


def class_means(public: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """The mean public image of each victim's class, ``(N, C, H, W)`` uint8.

    Anybody who knows the classes can guess this without an attack. A class without public images
    gets the mean of all.

    Args:
        public: ``(M, C, H, W)`` uint8, M > 0.
        labels: ``(M,)`` int64, their classes.
        wanted: ``(N,)`` int64, the victims'.
    """
    whole = mean_image(public)
    means = {
        int(each): mean_image(public[labels == each]) if (labels == each).any() else whole
        for each in wanted.unique()
    }
    return torch.cat([means[int(each)] for each in wanted])


def constant(
    shape: ImageShape, count: int, value: int, *, device: torch.device | str = "cpu"
) -> Tensor:
    """``(count, C, H, W)`` uint8 of a single grey level 0..255, in the memory of one image."""
    one = torch.full((1, *shape), value, dtype=torch.uint8, device=device)
    return one.expand(count, -1, -1, -1)


def mean_image(images: Tensor) -> Tensor:
    """The mean ``(1, C, H, W)`` uint8, rounded to nearest, of ``(M, C, H, W)`` images, M > 0."""
    total = torch.zeros(images.shape[1:], dtype=torch.int64, device=images.device)
    for part in chunks(len(images), MEAN_AT_ONCE // total.numel()):
        total += images[part].sum(dim=0, dtype=torch.int64)
    rounded = total.add_(len(images) // 2).div_(len(images), rounding_mode="floor")
    return rounded.to(torch.uint8)[None]


def fit(images: Tensor, shape: ImageShape) -> Tensor:
    """Images in another shape: the top-left part, tiled if too small.

    Args:
        images: ``(N, C', H', W')`` uint8.
        shape: ``(C, H, W)``; one channel is repeated to three, three are averaged to one.
    """
    channels, height, width = shape
    down, across = (
        -(-wanted // has) for wanted, has in zip(shape[1:], images.shape[2:], strict=True)
    )
    if (down, across) != (1, 1):
        images = images.repeat(1, 1, down, across)
    images = images[..., :height, :width]
    if images.shape[1] > channels:
        return images.float().mean(dim=1, keepdim=True).round_().to(torch.uint8)
    return images.expand(-1, channels, -1, -1)
