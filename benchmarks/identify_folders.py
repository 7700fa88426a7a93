"""Folders of ciphertexts, made in memory under fresh keys, for the calibration of ``identify``."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ppattack.plugins import registry
from ppattack.target.base import generate_scoped_key

Scope = Literal["dataset", "image"]
Images = NDArray[np.uint8]
Cipher = Callable[[Images, Scope, np.random.Generator], Images]


@dataclass(frozen=True)
class Family:
    """One kind of folder, and what is right to say of it.

    Args:
        name: of the row.
        make: encrypts ``(N, C, H, W)`` uint8 under one key or a key each.
        scheme: the right answer, None for no known scheme.
        block_size: the right answer, None if the scheme has no blocks.
        scopes: the key scopes that exist.
        truth: property to right answer, those that are certain.
    """

    name: str
    make: Cipher
    scheme: str | None
    block_size: int | None
    scopes: tuple[Scope, ...] = ("dataset", "image")
    truth: Mapping[str, Any] = field(default_factory=dict)


def registered(target: str, **settings: Any) -> Cipher:
    """The cipher of an installed target."""

    def make(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
        import torch

        scheme = registry.target(target)(**settings)
        shape = images.shape[1:]
        key = generate_scoped_key(scheme, shape, scope, rng.bytes(16), "k", len(images))  # type: ignore[arg-type]
        made = scheme.encrypt(torch.from_numpy(images), key, generator=rng)
        return np.asarray(made.numpy())

    return make


def whole_image(unit: Literal["byte", "pixel"]) -> Cipher:
    """One permutation of all bytes, or of all pixels, of an image."""

    def make(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
        count, channels, height, width = images.shape
        rows = images.reshape(
            count,
            -1 if unit == "byte" else channels,
            *(() if unit == "byte" else (height * width,)),
        )
        out = np.empty_like(rows)
        order = rng.permutation(rows.shape[-1])
        for i in range(count):
            if scope == "image" and i:
                order = rng.permutation(rows.shape[-1])
            out[i] = rows[i][..., order]
        return out.reshape(images.shape)

    return make


def mask(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
    """An exclusive-or with one mask for all images, or one each."""
    shape = (1 if scope == "dataset" else len(images), *images.shape[1:])
    return images ^ rng.integers(0, 256, shape, dtype=np.uint8)


def plain(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
    """Nothing."""
    del scope, rng
    return images


def compressed(images: Images, quality: int, subsampling: Literal["444", "420"]) -> Images:
    """Images after JPEG."""
    out = np.empty_like(images)
    for made, image in zip(out, images, strict=True):
        rows = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        data = io.BytesIO()
        colour = {} if len(image) == 1 else {"subsampling": 0 if subsampling == "444" else 2}
        Image.fromarray(rows).save(data, format="JPEG", quality=quality, **colour)
        with Image.open(data) as opened:
            pixels = np.asarray(opened)
        made[:] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return out


IN_PLACE = {"moved": False}
FAMILIES: dict[str, Family] = {
    each.name: each
    for each in (
        Family("plain", plain, "plain", None, ("image",), {"encrypted": False}),
        Family("pe", registered("pe"), "pe", None, truth={"colours": False, "complements": True}),
        Family(
            "pe-colours", registered("pe", color_shuffle=True), "pe", None,
            truth={"colours": True, "complements": True},
        ),
        Family("le-4", registered("le"), "le", 4, truth={"unit": "nibble", "complements": True}),
        Family("le-8", registered("le", block_size=8), "le", 8, truth={"unit": "nibble"}),
        Family("ele-4", registered("ele"), "ele", 4, truth={"unit": "nibble"}),
        Family("ele-8", registered("ele", block_size=8), "ele", 8, truth={"unit": "nibble"}),
        *(
            Family(
                f"etc-{b}", registered("etc", block_size=b), "etc", b,
                truth={"moved": True, "complements": True, "colours": True, "turned": True},
            )
            for b in (4, 8, 16)
        ),
        Family("etc-gray", registered("etc-gray"), "etc-gray", 8, truth={"complements": True}),
        Family("patch-shuffle-4", registered("patch-shuffle", patch_size=4), "patch-shuffle", 4,
               truth={"complements": False, "colours": False, "turned": False}),
        Family("patch-shuffle-8", registered("patch-shuffle", patch_size=8), "patch-shuffle", 8,
               truth={"complements": False, "colours": False, "turned": False}),
        Family("patch-shuffle-16", registered("patch-shuffle"), "patch-shuffle", 16,
               truth={"complements": False, "colours": False, "turned": False}),
        Family("block-defence-4", registered("block-defence"), "block-defence", 4,
               truth={"complements": False, "unit": "byte"}),
        Family("block-defence-np", registered("block-defence", transformation="np"),
               "block-defence", 4, truth={"complements": True}),
        Family("block-defence-both", registered("block-defence", transformation="shf-np"),
               "block-defence", 4, truth={"complements": True, "unit": "byte"}),
        Family("vit-blocks-4", registered("vit-blocks", block_size=4), "vit-blocks", 4,
               truth={"complements": True, "unit": "byte"}),
        Family("vit-blocks-8", registered("vit-blocks", block_size=8), "vit-blocks", 8,
               truth={"complements": True, "unit": "byte"}),
        Family("vit-blocks-16", registered("vit-blocks"), "vit-blocks", 16,
               truth={"complements": True, "unit": "byte"}),
        Family("vit-blocks-noflip-4", registered("vit-blocks", block_size=4, flips=False),
               "vit-blocks", 4, truth={"complements": False, "unit": "byte"}),
        Family("whole-bytes", whole_image("byte"), None, None, truth={"unit": "byte"}),
        Family("whole-pixels", whole_image("pixel"), None, None, truth={"unit": "pixel"}),
        Family("mask", mask, None, None, ("dataset",)),
        Family("pad", registered("one-time-pad"), "one-time-pad", None, ("image",)),
    )
}  # fmt: skip
