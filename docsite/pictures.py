"""Photographs and what a scheme makes of them: the picture of a target's page."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream

EDGE, COUNT, GAP = 96, 4, 8
"""Pixels of the photographs, how many, and the pixels between two."""
LEFT_OUT = ("neuracrypt", "transform-net")
"""Codes that are no images, and a scheme whose key takes minutes."""
SEED = 5


def of_target(name: str) -> bytes | None:
    """A PNG of photographs above their ciphertexts; None if there is none."""
    if name in LEFT_OUT:
        return None
    target = registry.target(name)()
    images = Photos("").load(ImageRequest(victims=COUNT, adversary=0, size=EDGE, seed=SEED)).victims
    shape = (3, EDGE, EDGE)
    if "dataset" in target.card.key_scopes:
        key = target.generate_key(numpy_stream(SEED), shape)
    else:
        key = target.generate_keys((numpy_stream(SEED, each) for each in range(COUNT)), shape)
    ciphertexts = target.encrypt(images, key, generator=numpy_stream(SEED, "noise")).numpy()
    if ciphertexts.ndim == 5:
        ciphertexts = ciphertexts[:, 0]
    return _png([images.numpy(), ciphertexts])


def _png(rows: list[NDArray[Any]]) -> bytes:
    from PIL import Image

    made = [[_square(image) for image in row] for row in rows]
    wide = max(image.shape[1] for row in made for image in row)
    edge = max(image.shape[0] for row in made for image in row)
    sheet = np.full((len(rows) * (edge + GAP), COUNT * (wide + GAP), 3), 255, np.uint8)
    for y, row in enumerate(made):
        for x, image in enumerate(row):
            top, left = y * (edge + GAP), x * (wide + GAP)
            sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    out = io.BytesIO()
    picture = Image.fromarray(sheet)
    picture.resize((picture.width * 3 // 2, picture.height * 3 // 2), 0).save(out, "PNG")
    return out.getvalue()


def _square(image: NDArray[Any]) -> NDArray[np.uint8]:
    """``(C, H, W)`` as ``(H, W, 3)`` uint8; floats between their own extremes."""
    pixels = np.moveaxis(image, 0, -1)
    if pixels.dtype != np.uint8:
        low, high = np.percentile(pixels, (1, 99))
        pixels = np.clip((pixels - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8)
