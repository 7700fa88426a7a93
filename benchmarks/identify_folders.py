"""Folders of ciphertexts, made in memory under fresh keys, for the calibration of ``identify``."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ppattack.plugins import registry
from ppattack.target.base import generate_scoped_key

Scope = Literal["dataset", "image"]
Images = NDArray[np.uint8]
Cipher = Callable[[Images, Scope, np.random.Generator], Images]
SUBSAMPLINGS = {"444": 0, "420": 2}
"""As Pillow numbers them."""


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
        key = generate_scoped_key(scheme, shape, scope, rng.bytes(16), "k", len(images))
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
        colour = {} if len(image) == 1 else {"subsampling": SUBSAMPLINGS[subsampling]}
        Image.fromarray(rows).save(data, format="JPEG", quality=quality, **colour)
        with Image.open(data) as opened:
            pixels = np.asarray(opened)
        made[:] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return out


def cut_off(family: Family, pixels: int) -> Family:
    """The same whose files lack so many pixels at the right, and twice as many below."""

    def make(images: Images, scope: Scope, rng: np.random.Generator) -> Images:
        return family.make(images, scope, rng)[:, :, : -2 * pixels, :-pixels]

    return replace(family, make=make) if pixels else family


def load(folder: Path | None, size: int, split: Literal["train", "test"]) -> Images:
    """Images ``(K, 3, size, size)``: of a folder and its subfolders, or crops of photographs."""
    if folder is None:
        from ppattack.data.photos import Photos
        from ppattack.data.source import ImageRequest

        request = ImageRequest(victims=400, adversary=400, size=size, seed=1, download=False)
        sets = Photos().load(request)
        return np.asarray((sets.adversary if split == "train" else sets.victims).numpy())
    if folder.suffix == ".npy":
        return np.asarray(np.load(folder))
    from PIL import Image

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg"))
    made = np.empty((len(paths), 3, size, size), np.uint8)
    for out, path in zip(made, paths, strict=True):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
            left, top = (image.width - size) // 2, (image.height - size) // 2
            out[:] = np.asarray(image.crop((left, top, left + size, top + size))).transpose(2, 0, 1)
    return made


MOVED = {"moved": "yes", "unit": "block", "shuffled-inside": "no"}
CHANGED = {**MOVED, "altered": "yes", "complements": "yes", "colours": "yes", "turned": "yes"}
KEPT = {**MOVED, "altered": "no", "complements": "no", "colours": "no", "turned": "no"}
NIBBLES = {"unit": "nibble", "complements": "yes", "shuffled-inside": "yes"}
SHUFFLED = {"unit": "byte", "shuffled-inside": "yes"}
PLACES = {"unit": "byte", "complements": "yes", "moved": "no", "shuffled-inside": "no"}


def block_defence(name: str, transformation: str, block: int = 4) -> Family:
    """``block-defence`` with one transformation."""
    return Family(
        name,
        registered("block-defence", transformation=transformation, block_size=block),
        "block-defence",
        block,
        truth={
            "moved": "no",
            "complements": "no" if transformation == "shf" else "yes",
            "shuffled-inside": "no" if transformation == "np" else "yes",
            "unit": "byte",
        },
    )


def families() -> dict[str, Family]:
    """Every family by its name."""
    made = [
        Family("plain", plain, "plain", None, ("image",), {"complements": "no", "colours": "no"}),
        Family("pe", registered("pe"), "pe", None, truth={**PLACES, "colours": "no"}),
        Family(
            "pe-colours",
            registered("pe", color_shuffle=True),
            "pe",
            None,
            truth={**PLACES, "colours": "yes"},
        ),
        *(
            Family(
                f"le-{b}", registered("le", block_size=b), "le", b, truth={**NIBBLES, "moved": "no"}
            )
            for b in (4, 8)
        ),
        *(
            Family(
                f"ele-{b}",
                registered("ele", block_size=b),
                "ele",
                b,
                truth={**NIBBLES, "moved": "yes"},
            )
            for b in (4, 8)
        ),
        *(
            Family(f"etc-{b}", registered("etc", block_size=b), "etc", b, truth=CHANGED)
            for b in (4, 8, 16)
        ),
        Family(
            "etc-gray",
            registered("etc-gray"),
            "etc-gray",
            8,
            truth={**CHANGED, "colours": "no"},
        ),
        *(
            Family(
                f"patch-shuffle-{b}",
                registered("patch-shuffle", patch_size=b),
                "patch-shuffle",
                b,
                truth=KEPT,
            )
            for b in (4, 8, 16)
        ),
        *(block_defence(f"block-defence-{kind}", kind) for kind in ("shf", "np", "shf-np")),
        *(
            Family(
                f"vit-blocks-{b}",
                registered("vit-blocks", block_size=b),
                "vit-blocks",
                b,
                truth={**SHUFFLED, "moved": "yes", "complements": "yes"},
            )
            for b in (4, 8, 16)
        ),
        Family(
            "vit-blocks-no-flips-4",
            registered("vit-blocks", block_size=4, flips=False),
            "vit-blocks",
            4,
            truth={**SHUFFLED, "moved": "yes", "complements": "no"},
        ),
        *(
            Family(
                f"whole-{unit}s",
                whole_image(unit),
                None,
                None,
                truth={"unit": unit, "complements": "no", "shuffled-inside": "yes"},
            )
            for unit in ("byte", "pixel")
        ),
        Family("mask", mask, None, None, ("dataset",)),
        Family("pad", registered("one-time-pad"), "one-time-pad", None, ("image",)),
    ]
    return {each.name: each for each in made}


FAMILIES = families()
NAMED_ONLY = {
    f"block-defence-{kind}-8": block_defence(f"block-defence-{kind}-8", kind, 8)
    for kind in ("shf", "np", "shf-np")
}
"""Families that are made if they are asked for by name."""
