"""Decode one image file: exactly what is stored, or a reason why not.

PNG, BMP, TIFF, WebP, JPEG and GIF, told apart by content, never by extension. Always refused are
more than ``MAX_PIXELS`` (before anything is decoded), more than 8 bits per channel, floats,
transparency, several frames or pages, truncated and damaged files.

Two sets of rules for the rest. A *ciphertext* is read as stored: CMYK is refused, an orientation
tag is not followed. A *photograph* is turned upright by its EXIF tag, and CMYK becomes RGB.
Palettes and 1-bit images become RGB and grey exactly; opaque alpha is dropped; colour profiles
are ignored.
"""

from __future__ import annotations

import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
FORMATS = ("PNG", "BMP", "TIFF", "WEBP", "JPEG", "GIF")
_ORIENTATION_TAG = 274
_BITS_TAG = 258
_PNG_BIT_DEPTH_AT = 24


class UnreadableImage(ImageError):
    """A file that does not follow the image convention.

    Args:
        path: the file.
        reason: why, as a predicate: ``"is truncated"``.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}.")
        self.path = path
        self.reason = reason


def pixels_of(image: Image) -> NDArray[np.uint8]:
    """``(H, W, C)`` uint8 of an image of mode ``L`` or ``RGB``."""
    pixels: NDArray[np.uint8] = np.asarray(image, dtype=np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def check_file(path: Path) -> None:
    """Refuse what cannot be opened as a file.

    Raises:
        UnreadableImage: for a missing or empty file, a broken link, a folder or a device.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        reason = "is a broken link" if path.is_symlink() else "does not exist"
        raise UnreadableImage(path, reason) from None
    except OSError as error:
        raise UnreadableImage(path, f"cannot be opened ({error.strerror})") from None
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage(path, "is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage(path, "is not a regular file")
    if status.st_size == 0:
        raise UnreadableImage(path, "is empty (0 bytes)")


def open_image(path: Path, *, photograph: bool = False) -> tuple[Image, str]:
    """Decode one file.

    Args:
        path: the file.
        photograph: whether the rules for photographs apply, not those for ciphertexts.

    Returns:
        an image of mode ``L`` or ``RGB``, and what had to be converted, or ``""``.

    Raises:
        UnreadableImage: with the path and the reason.
    """
    check_file(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableImage(path, f"cannot be read ({error.strerror})") from None
    with file:
        return decode(file, path, photograph=photograph)


def decode(file: BinaryIO, path: Path, *, photograph: bool = False) -> tuple[Image, str]:
    """Decode one image file that is open; see :func:`open_image`.

    Args:
        file: to read.
        path: what it is called if it is refused.
        photograph: see :func:`open_image`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        # Pillow warns about large images and odd metadata; what matters is refused explicitly.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _decoded(file, photograph)
            return _eight_bit(image, photograph)
    except _Refused as refusal:
        reason = str(refusal)
    except Image.DecompressionBombError:
        reason = _TOO_LARGE
    except UnidentifiedImageError:
        reason = "is not a PNG, BMP, TIFF, WebP, JPEG or GIF image, or its first bytes are damaged"
    except MemoryError:
        reason = "does not fit into memory"
    except OSError as error:
        # The decoder reports damaged content as an OSError without a number.
        reason = f"cannot be read ({error.strerror})" if error.errno else f"is damaged ({error})"
    except Exception as error:  # decoders raise nearly anything for damaged content
        reason = f"is damaged ({type(error).__name__}: {error})"
    raise UnreadableImage(path, reason)


class _Refused(Exception):
    """The reason why an image that could be opened is refused, if it is."""


_TOO_LARGE = f"has more than {MAX_PIXELS // 1_000_000} million pixels, the limit"


def _decoded(file: BinaryIO, photograph: bool) -> Image:
    """The image, decoded only after its header has been checked."""
    from PIL import Image
    from PIL.TiffImagePlugin import TiffImageFile

    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise _Refused(_TOO_LARGE)
    # Phones write MPO: a JPEG followed by further pictures, which are ignored.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise _Refused(f"holds {frames} frames or pages, not one image")
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_BITS_TAG, (1,))
        if not photograph and image.tag_v2.get(_ORIENTATION_TAG, 1) != 1:
            raise _Refused("is a TIFF with an orientation tag: store the pixels upright")
    else:
        bits = (8,)
    if image.format == "PNG":
        file.seek(_PNG_BIT_DEPTH_AT)
        bits = tuple(file.read(1))
        # Pillow checks the checksums of the pixel data only here, so it has to start over.
        file.seek(0)
        image.verify()
        file.seek(0)
        image = Image.open(file, formats=FORMATS)
    if max(bits) > 8:
        raise _Refused(f"has {max(bits)} bits per channel, not 8: convert it to 8 bits")
    image.load()
    return image


def _eight_bit(image: Image, photograph: bool) -> tuple[Image, str]:
    """The image in mode ``L`` or ``RGB``, by the rules of the module."""
    from PIL import ImageOps

    remark = ""
    if photograph and image.getexif().get(_ORIENTATION_TAG, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La")
        image = image.convert("LA" if grey else "RGBA")
        if image.getchannel("A").getextrema()[0] != 255:
            raise _Refused("is partly transparent: store it without an alpha channel")
        image = image.convert("L" if grey else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "RGBX"):
        image = image.convert("RGB")
    elif image.mode in ("CMYK", "YCbCr") and photograph:
        remark = f"{image.mode} converted to RGB"
        image = image.convert("RGB")
    if image.mode not in ("L", "RGB"):
        raise _Refused(f"has pixels of the kind {image.mode}, not 8-bit grey or RGB: convert it")
    return image, remark
