"""Decode one image file: exactly what is stored, or a reason why not.

PNG, BMP, TIFF, WebP, JPEG and GIF, told apart by content, never by extension. Always refused are
more than ``MAX_PIXELS`` (before anything is decoded), floats, transparency, several frames or
pages, truncated and damaged files; and more than 8 bits per channel, but for PNG and TIFF of 16
bits if a window says how their levels become 8 bits.

Two sets of rules for the rest. A *ciphertext* is read as stored: CMYK is refused, an orientation
tag is not followed. A *photograph* is turned upright by its EXIF tag, and CMYK becomes RGB.
Palettes and 1-bit images become RGB and grey exactly; opaque alpha is dropped; colour profiles
are ignored.
"""

from __future__ import annotations

import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ppattack.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ppattack.data.windows import Window

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


def open_image(
    path: Path, *, photograph: bool = False, window: Window | None = None
) -> tuple[Image, str]:
    """Decode one file.

    Args:
        path: the file.
        photograph: whether the rules for photographs apply, not those for ciphertexts.
        window: which levels of 16 bits become black and white; None refuses such files.

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
        return decode(file, path, photograph=photograph, window=window)


def decode(
    file: BinaryIO, path: Path, *, photograph: bool = False, window: Window | None = None
) -> tuple[Image, str]:
    """Decode one image file that is open; see :func:`open_image`.

    Args:
        file: to read.
        path: what it is called if it is refused.
        photograph: see :func:`open_image`.
        window: likewise.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        # Pillow warns about large images and odd metadata; what matters is refused explicitly.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image, bits = _checked(file, photograph)
            if bits > 8 and window is not None:
                return _windowed(file, image, bits, window), f"{bits} bits, window {window}"
            if bits > 8:
                how = ", or say --window CENTRE,WIDTH" if photograph and bits == 16 else ""
                raise _Refused(f"has {bits} bits per channel, not 8: convert it to 8 bits{how}")
            image.load()
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


def _checked(file: BinaryIO, photograph: bool) -> tuple[Image, int]:
    """The image, not decoded yet, and its bits per channel; its header has been checked."""
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
    return image, max(bits)


def _windowed(file: BinaryIO, image: Image, bits: int, window: Window) -> Image:
    """An image of 16 bits, through a window: grey or RGB."""
    from PIL.Image import fromarray

    if bits != 16 or image.format not in ("PNG", "TIFF"):
        raise _Refused(f"has {bits} bits per channel: windows are for PNG and TIFF of 16 bits")
    if image.has_transparency_data:
        raise _Refused("has an alpha channel of 16 bits: store it without one")
    if image.getexif().get(_ORIENTATION_TAG, 1) != 1:
        raise _Refused("has 16 bits and an orientation tag: store the pixels upright")
    file.seek(0)
    values = _deep_tiff(file) if image.format == "TIFF" else _deep_png(file.read())
    if values.dtype.kind not in "iu" or not (values.ndim == 2 or values.shape[2:] == (3,)):
        raise _Refused(f"holds {values.dtype} of shape {values.shape}, not grey or RGB of 16 bits")
    range_ = np.iinfo(values.dtype)
    return fromarray(window.grey(values, float(range_.min), float(range_.max)))


def _deep_png(data: bytes) -> NDArray[np.uint16]:
    """``(H, W)`` or ``(H, W, C)``, every bit; Pillow keeps 8 bits of colours."""
    import torch
    from torchvision.io import ImageReadMode, decode_png

    content = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    found = decode_png(content, ImageReadMode.UNCHANGED).to(torch.int32).numpy()
    laid: NDArray[np.uint16] = found.transpose(1, 2, 0).astype(np.uint16)
    return laid[:, :, 0] if laid.shape[2] == 1 else laid


def _deep_tiff(file: BinaryIO) -> NDArray[np.integer[Any]]:
    import tifffile

    with tifffile.TiffFile(file) as pages:
        page = pages.pages[0]
        values: NDArray[np.integer[Any]] = page.asarray()
        inverted = getattr(page, "photometric", None) == tifffile.PHOTOMETRIC.MINISWHITE
    if values.ndim == 3 and values.shape[0] == 3 and values.shape[2] != 3:
        values = values.transpose(1, 2, 0)
    if inverted:
        values = np.iinfo(values.dtype).max - values
    return values


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
