"""What callers give: images as they have them, ciphers as they have them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppattack.data.array_files import image_shape
from ppattack.data.arrays import Given, Side
from ppattack.errors import ConfigError, DataError, ImageError
from ppattack.seeding import numpy_stream
from ppattack.target.function import Cipher, Layout

Bytes = NDArray[np.uint8]
DIFFER = "differ in size: bring them to one, or give a folder of files."


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images that were given, and their layout.

    Args:
        images: ``(N, H, W, C)`` uint8, C of 1 or 3.
        layout: as they were given.
    """

    images: Bytes
    layout: Layout


def read_images(given: Any, what: str = "images") -> Pictures:
    """Images of a caller.

    Args:
        given: an array, a tensor or a list of arrays: ``(N, H, W, C)``, ``(N, C, H, W)`` or, grey,
            ``(N, H, W)``, uint8.
        what: their name in errors.

    Raises:
        ImageError: for another shape or type, with the fix.
    """
    tensors = hasattr(given, "detach")
    try:
        array = given.detach().cpu().numpy() if tensors else np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        if len({np.shape(each) for each in given if hasattr(each, "shape")}) > 1:
            raise ImageError(f"{what} {DIFFER}") from None
        raise ImageError(f"{what} are no array ({error}): give (N, H, W, C) uint8.") from None
    if array.dtype == object:
        raise ImageError(f"{what} {DIFFER}")
    try:
        shape, last = image_shape(array.shape, array.dtype, what)
    except DataError as error:
        raise ImageError(_plural(str(error), what)) from None
    flat = array.ndim == 3
    laid = array.reshape(shape)
    if not last:
        laid = laid.transpose(0, 2, 3, 1)
    return Pictures(np.ascontiguousarray(laid), Layout(tensors, last, flat))


def _plural(message: str, what: str) -> str:
    return message.replace(f"{what} has ", f"{what} have ", 1)


@dataclass(frozen=True, eq=False)
class Split:
    """Images of both sides.

    Args:
        given: the images.
        rows: for each of the victims' images its place among those that were given.
        layout: of the images.
    """

    given: Given
    rows: NDArray[np.int64]
    layout: Layout


def split(
    images: Any, labels: Any, public: Any, public_labels: Any, seed: int, *, keep_all: bool = False
) -> Split:
    """The images of both sides, each content once.

    Args:
        images: the victims'; without ``public`` half of them, drawn by the seed, are the
            adversary's.
        labels: one class for each, or None.
        public: the adversary's, or None.
        public_labels: one class for each, or None.
        seed: of the run.
        keep_all: without ``public``, whether the victims have all and the adversary none.

    Raises:
        PpattackError: for images or labels that cannot be used.
    """
    found = read_images(images)
    classes = _classes(labels, len(found.images), "labels")
    distinct = _distinct(found.images)
    if public is not None:
        others = read_images(public, "public")
        theirs = Side(others.images, _classes(public_labels, len(others.images), "public_labels"))
        ours = distinct
    else:
        if public_labels is not None:
            raise ConfigError("public_labels belong to public: give the public images too.")
        drawn = numpy_stream(seed, "notebook", "sides").permutation(len(distinct))
        half = len(distinct) if keep_all else (len(distinct) + 1) // 2
        ours, rest = distinct[np.sort(drawn[:half])], distinct[np.sort(drawn[half:])]
        theirs = _side(found.images, classes, rest)
    return Split(Given(_side(found.images, classes, ours), theirs), ours, found.layout)


def _side(images: Bytes, classes: tuple[str, ...] | None, rows: NDArray[np.int64]) -> Side:
    return Side(images[rows], None if classes is None else tuple(classes[row] for row in rows))


def _distinct(images: Bytes) -> NDArray[np.int64]:
    """The rows of images that no earlier one equals."""
    seen: dict[bytes, int] = {}
    for row, image in enumerate(images):
        seen.setdefault(hashlib.sha256(image.tobytes()).digest(), row)
    return np.array(list(seen.values()), np.int64)


def _classes(labels: Any, number: int, what: str) -> tuple[str, ...] | None:
    if labels is None:
        return None
    found = labels.detach().cpu().numpy() if hasattr(labels, "detach") else np.asarray(labels)
    if found.shape != (number,) or found.dtype.kind not in "iubU":
        raise ConfigError(
            f"{what} have shape {found.shape} and type {found.dtype}: give one number or name of a "
            f"class for each of the {number} images."
        )
    return tuple(str(each) for each in found.tolist())


def cipher_of(encrypt: Any, layout: Layout, *, batch: bool) -> Cipher | str:
    """A cipher of a caller: a function to hold, or the name of a registered target.

    Args:
        encrypt: a function, an object with a method ``encrypt``, the name of a target,
            ``path/to/file.py:Class``, or such a class.
        layout: of the images that it takes.
        batch: whether it takes a batch.

    Raises:
        ConfigError: if it is none of these.
    """
    from ppattack.target.base import Target

    if isinstance(encrypt, str):
        return encrypt
    if isinstance(encrypt, type) and issubclass(encrypt, Target):
        return _spec(encrypt)
    if isinstance(encrypt, Target):
        raise ConfigError(
            f"encrypt is a target, {encrypt!r}: give its name or class, and its settings as "
            "target_settings={...}."
        )
    function: Callable[[Any], Any] | None = getattr(encrypt, "encrypt", None)
    if function is None or isinstance(encrypt, type):
        function = encrypt
    if not callable(function) or isinstance(function, type):
        raise ConfigError(
            f"encrypt is {encrypt!r}: give a function of a batch of images, an object with a "
            "method encrypt, or the name of a target, such as 'ele'."
        )
    return Cipher(function, _name(encrypt, function), layout, batch)


def _name(encrypt: Any, function: Any) -> str:
    """What to call a cipher."""
    name = getattr(encrypt, "__name__", None)
    if name is None and function is not encrypt:
        return type(encrypt).__name__
    inner = getattr(function, "func", None)  # functools.partial
    name = name or getattr(inner, "__name__", None) or type(encrypt).__name__
    return "lambda" if name == "<lambda>" else str(name)


def _spec(cls: type[Any]) -> str:
    """The name by which a class in a file is found."""
    import inspect

    try:
        return f"{inspect.getfile(cls)}:{cls.__qualname__}"
    except (OSError, TypeError):
        raise ConfigError(
            f"encrypt is the class {cls.__qualname__}, which is in no file: write it to one and "
            "give 'path/to/file.py:Class', or give a function."
        ) from None


def folder_of(images: Any) -> str | None:
    """The image source of a text, a path or a data set of torchvision; None for arrays.

    Of a data set (``ImageFolder``) the files are read, without its transforms.
    """
    if isinstance(images, Path) or (isinstance(images, str) and Path(images).is_dir()):
        return f"folder:{images}"
    if isinstance(images, str):
        return images
    if isinstance(getattr(images, "root", None), str | Path) and hasattr(images, "samples"):
        return f"folder:{images.root}"
    return None
