"""The files of the InstaHide challenge, of its answers and of a submission to it.

``encryption.npy`` and ``label.npy`` are the published ones, as is ``decryption.npy`` of a
submission; ``scheme.json`` says how encodings were made, and the answers are not published.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppattack.challenge import layout
from ppattack.data.token_files import read_array
from ppattack.errors import ConfigError, DataError
from ppattack.files import write_bytes
from ppattack.plugins import registry

if TYPE_CHECKING:
    from torch import Tensor

TARGET = "instahide"
ENCRYPTION = "encryption.npy"
LABEL = "label.npy"
SCHEME = "scheme.json"
DECRYPTION = "decryption.npy"
PRIVATE = "private.npy"
MEMBERS = "members.npy"
WEIGHTS = "weights.npy"
NAMES = "names.json"
KEY = "key"
PUBLISHED_ROUNDS = 50
MOST_PUBLIC = 10_000
"""Public images read, at most; chosen at random."""


def scheme(settings: Mapping[str, Any]) -> Any:
    """The scheme with some settings; public images come from a folder of their own.

    Raises:
        ConfigError: for an unknown setting or a value out of range.
    """
    if settings.get("public") is not None:
        raise ConfigError("target.instahide.public is not valid here: name the folder as --public.")
    return registry.target(TARGET)(**settings)


def list_images(root: Path) -> list[str]:
    """The image files at any depth of a folder, inside it, by name.

    Raises:
        DataError: if there is none, or a folder that cannot be read.
    """
    return sorted(file.relative_to(root).as_posix() for file in layout.image_files(root))


def public_images(
    root: Path, size: int, rng: np.random.Generator, but: Tensor | None = None
) -> tuple[Tensor, list[str]]:
    """Public images ``(P, 3, size, size)`` and their paths, a random few if there are many.

    Args:
        root: their folder.
        size: edge, pixels; others are resized.
        rng: chooses.
        but: images that are left out.
    """
    from ppattack.data.source import content_hashes

    paths = list_images(root)
    if len(paths) > MOST_PUBLIC:
        paths = [paths[i] for i in np.sort(rng.choice(len(paths), MOST_PUBLIC, replace=False))]
    images = layout.read_images(root, paths, size, "RGB")
    if but is None:
        return images, paths
    private = set(content_hashes(but))
    kept = [i for i, each in enumerate(content_hashes(images)) if each not in private]
    if not kept:
        raise DataError(f"all images in {root} are private ones: name another folder.")
    return images[kept], [paths[i] for i in kept]


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one NPY file, whole or not at all."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    write_bytes(path, data.getvalue())


def read_numbers(path: Path, dimensions: int) -> NDArray[np.float32]:
    """One NPY file of numbers with so many dimensions.

    Raises:
        DataError: if it is missing or something else.
    """
    if not path.is_file():
        raise DataError(f"there is no {path.name} in {path.parent}.")
    array = read_array(path)
    if array.ndim != dimensions or not len(array):
        raise DataError(f"{path} has the shape {array.shape}, not one of {dimensions} axes.")
    return array


def read_encodings(path: Path) -> Tensor:
    """Images of numbers ``(E, C, H, W)`` float32 from a file with channels last.

    Raises:
        DataError: if it holds none.
    """
    import torch

    array = read_numbers(path, 4)
    if array.shape[3] not in (1, 3):
        raise DataError(
            f"{path} has the shape {array.shape}, not encodings x rows x columns x channels."
        )
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def channels_last(images: Tensor) -> NDArray[Any]:
    """``(N, C, H, W)`` to an array ``(N, H, W, C)``."""
    return np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
