"""Photographs, and what ciphers make of them, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ppattack.data.photos import Photos
from ppattack.data.source import ImageRequest
from ppattack.identify.examination import examine
from ppattack.identify.finding import Finding
from ppattack.identify.reading import Read
from ppattack.identify.sample import Sample
from ppattack.plugins import registry
from ppattack.reports.identification import Identification
from ppattack.runs.identifying import examined
from ppattack.target.base import generate_scoped_key
from tests.support import home_made

Bytes = NDArray[np.uint8]
FILES = 24


@cache
def photographs(size: int = 32) -> Bytes:
    """``(24, 3, size, size)`` crops of two photographs."""
    request = ImageRequest(victims=FILES, adversary=0, size=size, seed=5, download=False)
    return np.asarray(Photos().load(request).victims.numpy())


def encrypted(
    target: str,
    scope: Literal["dataset", "image"] = "dataset",
    *,
    images: Bytes | None = None,
    seed: int = 7,
    **settings: Any,
) -> NDArray[Any]:
    """The ciphertexts of a registered scheme, or of one of the home-made ones."""
    plain = photographs() if images is None else images
    made = home_made.cipher(target, **settings) if target in home_made.NAMES else None
    scheme = made or registry.target(target)(**settings)
    shape = (int(plain.shape[1]), int(plain.shape[2]), int(plain.shape[3]))
    key = generate_scoped_key(scheme, shape, scope, seed, "identify", len(plain))
    generator = np.random.default_rng(seed)
    return np.asarray(scheme.encrypt(torch.from_numpy(plain), key, generator=generator).numpy())


def pads(count: int = FILES, size: int = 32, seed: int = 3) -> Bytes:
    """Uniform bytes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), dtype=np.uint8)


def shuffled(unit: Literal["byte", "pixel"], seed: int = 3) -> Bytes:
    """Photographs whose bytes, or pixels, are in one order over the whole image."""
    plain, rng = photographs(), np.random.default_rng(seed)
    rows = plain.reshape(len(plain), 1 if unit == "byte" else 3, -1)
    return rows[..., rng.permutation(rows.shape[-1])].reshape(plain.shape)


@cache
def found_in(name: str) -> dict[str, Finding]:
    """The properties of one of the folders below."""
    return examine(Sample(CASES[name]()))


CASES: dict[str, Callable[[], NDArray[Any]]] = {
    "plain": photographs,
    "pad": pads,
    "mask": lambda: photographs() ^ pads(1),
    "pe": lambda: encrypted("pe"),
    "pe each": lambda: encrypted("pe", "image"),
    "pe colours": lambda: encrypted("pe", color_shuffle=True),
    "le": lambda: encrypted("le"),
    "le each": lambda: encrypted("le", "image"),
    "ele": lambda: encrypted("ele"),
    "ele each": lambda: encrypted("ele", "image"),
    "etc": lambda: encrypted("etc", block_size=4),
    "etc each": lambda: encrypted("etc", "image", block_size=4),
    "etc 8": lambda: encrypted("etc", block_size=8),
    "etc-gray": lambda: encrypted("etc-gray"),
    "patch-shuffle": lambda: encrypted("patch-shuffle", "image", patch_size=4),
    "shf": lambda: encrypted("block-defence"),
    "np": lambda: encrypted("block-defence", transformation="np"),
    "vit-blocks": lambda: encrypted("vit-blocks", block_size=4),
    "whole bytes": lambda: shuffled("byte"),
    "whole pixels": lambda: shuffled("pixel"),
}


def identified(arrays: Any) -> Identification:
    """What is said of files in memory, which are named by their numbers."""
    names = tuple(str(i) for i in range(len(arrays)))
    shape = tuple(arrays.shape[1:])
    return examined(Read(len(arrays), names, arrays, (), None, False, shape), "here")[1]


def write_folder(folder: Any, images: NDArray[Any], kind: str = "png", **options: Any) -> None:
    """One file per image: ``png``, ``jpg``, ``bmp``, ``tiff`` or ``npy``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        path = folder / f"{number:05d}.{kind}"
        if kind == "npy":
            np.save(path, image)
            continue
        rows = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(rows).save(path, **options)
