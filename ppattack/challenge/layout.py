"""The files of the challenge and of a submission to it, and the images that it names.

A challenge is a folder with ``private_encoded_dataset/*.npy``, one file per image, and two lists
of image paths in no order: whose codes these are, and whose codes the second part asks for. A
submission names a file for every path of the first list, and holds a vector for every path of
the second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from ppattack.data.image_files import check_folder, has_image_name, in_short, read_image
from ppattack.data.token_files import list_tokens
from ppattack.errors import ConfigError, DataError
from ppattack.files import walk, write_text
from ppattack.plugins import registry
from ppattack.target.neural import NeuralTarget

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED_SIZE = 256
"""Edge of the published challenge's images, pixels."""
TARGET = "neuracrypt"
"""The scheme of the challenge."""
CODES = "private_encoded_dataset"
CODES_LIST = "private_encoded_dataset_path_list.json"
TARGETS = "challenge_2_target_dataset"
TARGETS_LIST = "challenge_2_target_dataset_path_list.json"
SCHEME = "scheme.json"
"""Which scheme and settings made the codes; the published challenge says it in folder names."""
PREDICTIONS = "parallel_data_predictions.json"
TARGETS_DICT = "out_of_domain_npy_path_to_orig_path_dict.json"
GOLD = "path_dict.json"
GOLD_TARGETS = "challenge_2_path_dict.json"
"""The file of every target's code, by the target's path."""
GOLD_KEY = "key"


def scheme(name: str, settings: Mapping[str, Any]) -> NeuralTarget:
    """A scheme whose codes a challenge can hold.

    Raises:
        PpattackError: if there is none with this name and these settings.
    """
    target = registry.target(name)(**settings)
    if not isinstance(target, NeuralTarget):
        raise ConfigError(
            f"'{name}' does not encode with a network: the challenge is for schemes that do."
        )
    return target


def write_json(path: Path, value: Mapping[str, Any] | Sequence[str]) -> None:
    """Write one JSON file."""
    write_text(path, json.dumps(value, indent=1))


def read_json(path: Path) -> Any:
    """Read one JSON file.

    Raises:
        DataError: if it is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not a JSON file ({error}).") from None


def read_paths(path: Path) -> list[str]:
    """A list of different image paths.

    Raises:
        DataError: if the file holds no such list.
    """
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DataError(f"{path} is not a list of image paths.")
    if len(set(found)) != len(found):
        raise DataError(f"{path} names an image twice.")
    return found


def read_dictionary(path: Path) -> dict[str, str]:
    """A dictionary from text to text.

    Raises:
        DataError: if the file holds no such dictionary.
    """
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise DataError(f"{path} is not a dictionary of paths.")
    return found


def file_name(path: str) -> str:
    """The last part of a path: submissions name files with or without their folders."""
    return PurePosixPath(path.replace("\\", "/")).name


def code_files(folder: Path) -> list[Path]:
    """The NPY files of a folder, by number if all names are numbers, else by name.

    Raises:
        DataError: if there is no folder, no NPY file in it, or files of other names among
            numbered ones.
    """
    found = list_tokens(folder)
    if not found:
        raise DataError(f"{folder} holds no NPY files.")
    odd = sorted(file.name for file in found if not file.stem.isdecimal())
    if not odd:
        return sorted(found, key=lambda file: (int(file.stem), file.stem))
    if len(odd) < len(found):
        raise DataError(
            f"{folder} holds codes with numbers for names, and {in_short(odd)}: move away what is "
            "no code."
        )
    return found


def files_inside(paths: Mapping[str, str], folder: str) -> dict[str, str]:
    """The entries of a dictionary of files that lie in a folder of this name."""
    return {
        key: file
        for key, file in paths.items()
        if PurePosixPath(file.replace("\\", "/")).parent.name == folder
    }


def image_files(root: Path) -> list[Path]:
    """Every image file at any depth of a folder that is not hidden, sorted.

    Raises:
        DataError: if there is none, or a folder that cannot be read.
    """
    check_folder(root)
    found = sorted(
        folder / name
        for folder, names in walk(root)
        for name in names
        if has_image_name(name) and (folder / name).is_file()
    )
    if not found:
        raise DataError(f"{root} holds no image files.")
    return found


def different_files(root: Path) -> list[str]:
    """The path of every image file in a folder, inside it, one of each content.

    Raises:
        DataError: if there is none, or one that cannot be read.
    """
    seen: dict[bytes, str] = {}
    for file in image_files(root):
        try:
            with file.open("rb") as data:
                content = hashlib.file_digest(data, "sha256").digest()
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror}.") from None
        seen.setdefault(content, file.relative_to(root).as_posix())
    return list(seen.values())


def files_but(root: Path, paths: Sequence[str]) -> list[str]:
    """The image files in a folder without those that some paths name.

    Raises:
        DataError: if none is left.
    """
    named = set()
    for path in paths:
        with suppress(DataError):
            named.add(located(root, path))
    found = [path for path in different_files(root) if root / path not in named]
    if not found:
        raise DataError(
            f"{root} holds no images but those that were encoded: name others of the same kind."
        )
    return found


def read_images(
    root: Path, paths: Sequence[str], size: int, mode: Literal["RGB", "L"] = "L"
) -> Tensor:
    """Images as the challenge's authors prepare them, ``(N, 1, size, size)`` uint8; grey ones.

    Each is resized bilinearly, whatever its proportions, without smoothing.

    Args:
        root: folder of the images.
        paths: inside it; leading folders that are not there are passed over, so that lists made
            elsewhere can be used.
        size: edge in pixels.
        mode: ``RGB`` for three channels instead of one.

    Raises:
        DataError: for a path without a file.
        ImageError: for a file that cannot be read.
    """
    import torch

    channels = 3 if mode == "RGB" else 1
    images = torch.empty((len(paths), channels, size, size), dtype=torch.uint8)
    for i, path in enumerate(paths):
        images[i] = _resized(read_image(located(root, path), mode=mode), size)
    return images


def check_images(root: Path, paths: Sequence[str]) -> None:
    """Refuse a list of paths of which one has no file, or two have the same.

    Raises:
        DataError: naming them.
    """
    owner: dict[Path, str] = {}
    for path in paths:
        found = located(root, path)
        if found in owner:
            raise DataError(
                f"'{owner[found]}' and '{path}' are both found as {found}: name the folder whose "
                "subfolders tell them apart."
            )
        owner[found] = path


def located(root: Path, path: str) -> Path:
    """The file of a path in a list; leading folders that are not there are passed over.

    Raises:
        DataError: if there is none.
    """
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if ".." not in parts:
        for first in range(len(parts)):
            found = root.joinpath(*parts[first:])
            if found.is_file():
                return found
    raise DataError(f"there is no image '{path}' in {root}: name the folder of the images.")


def _resized(image: Tensor, size: int) -> Tensor:
    from torch.nn import functional

    if image.shape[1:] == (size, size):
        return image
    values = functional.interpolate(image[None].float(), (size, size), mode="bilinear")
    return values[0].round().to(image.dtype)
