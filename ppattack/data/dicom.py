"""DICOM files in the user's own folder: ``dicom:DIR``.

Laid out, split and skipped as the files of ``folder``, but that all files of one patient are on one
side. Every frame of a file is an image. Stored values go through the modality's transformation
(rescale slope and intercept, or its table), then through the window of the request or, without one,
the first window or table of the file; a file that has none is shown from its least value to its
greatest. MONOCHROME1 is inverted, palettes and YBR become RGB.

What identifies patients stays in the files. Only pixels and what pixels are shown by are read from
them, and the patient's number to tell sides, of which nothing is kept. Names of files and folders
may be names of patients: reports call files and classes by numbers. Text that is burned into pixels
is part of the image.

Reference: DICOM PS3.3, C.7.6.3 (image pixels), C.11.1 (modality), C.11.2 (values of interest).
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from ppattack.card import Reference
from ppattack.data.decoding import MAX_PIXELS, UnreadableImage, check_file
from ppattack.data.folder import Folder, Frame
from ppattack.data.source import ImageRequest, ImageSets, SourceCard
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, MissingPackage

SUFFIXES = (".dcm", ".dicom", ".ima")
MAGIC, MAGIC_AT = b"DICM", 128
PATIENT = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")
"""Whose files belong together: by the first of these that a file has."""
COLOURS = 3


class Dicom(Folder):
    """DICOM files in a folder."""

    card = SourceCard(
        name="dicom",
        title="DICOM files: train/ and test/ folders, or one folder split by patient",
        reference=Reference(
            authors="National Electrical Manufacturers Association",
            title="Digital Imaging and Communications in Medicine (DICOM)",
            venue="NEMA PS3, ISO 12052",
            year=2024,
        ),
        argument="DIR",
    )
    tells_names = False

    @override
    def load(self, request: ImageRequest) -> ImageSets:
        """Load images; the module describes how they are shown and split.

        Raises:
            MissingPackage: without pydicom.
            DataError: as for ``folder``.
        """
        _pydicom()
        return super().load(request)

    @override
    def is_image(self, folder: Path, name: str) -> bool:
        path = folder / name
        if name.startswith("."):
            return False
        if path.suffix:
            return path.suffix.lower() in SUFFIXES
        try:
            with path.open("rb") as file:
                return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
        except OSError:
            return False

    @override
    def frames(self, path: Path, window: Window | None) -> Iterator[Frame]:
        check_file(path)
        with _quiet(path):
            content = _pydicom().dcmread(path)
            _check_size(content, path)
            values, remark = _shown(content, window, path)
        for number, pixels in enumerate(values):
            part = f" frame {number + 1}" if len(values) > 1 else ""
            yield Frame(pixels, remark if number == 0 else "", part)

    @override
    def side_of(self, path: Path, digest: bytes) -> bytes:
        try:
            with _quiet(path):
                found = _pydicom().dcmread(
                    path, specific_tags=list(PATIENT), stop_before_pixels=True
                )
                names = (str(found.get(name) or "") for name in PATIENT)
                patient = next(filter(None, names), "")
        except UnreadableImage:
            return digest
        return hashlib.sha256(patient.encode()).digest() if patient else digest


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError:
        raise MissingPackage(
            "DICOM files need pydicom, which is not installed: pip install 'ppattack[dicom]'."
        ) from None
    return pydicom


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Failures as reasons, without words of the file: those may be of a patient."""
    log = logging.getLogger("pydicom")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UnreadableImage, MissingPackage):
        raise
    except MemoryError:
        raise UnreadableImage(path, "does not fit into memory") from None
    except Exception as error:  # a damaged file makes its reader raise nearly anything
        raise UnreadableImage(path, _reason(error)) from None
    finally:
        log.setLevel(before)


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "InvalidDicomError":
        return "is not a DICOM file"
    if isinstance(error, RuntimeError | NotImplementedError):
        return (
            "is compressed in a way that pydicom cannot decode here: "
            "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
        )
    return f"is damaged, or holds no image ({kind})"


def _check_size(content: Any, path: Path) -> None:
    if "PixelData" not in content:
        raise UnreadableImage(path, "holds no image")
    pixels = int(content.Rows) * int(content.Columns) * int(content.get("NumberOfFrames") or 1)
    if pixels > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise UnreadableImage(path, f"has more than {limit} million pixels, the limit")


def _shown(content: Any, window: Window | None, path: Path) -> tuple[list[NDArray[np.uint8]], str]:
    """Every frame ``(H, W, C)``, and a remark for the report."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    values = np.asarray(pixel_array(content))
    kind = str(content.PhotometricInterpretation)
    if kind == "PALETTE COLOR":
        values = np.asarray(apply_color_lut(values, content))
    several = int(content.get("NumberOfFrames") or 1) > 1
    frames = values if several else values[None]
    if frames.ndim == 4 and frames.shape[3] == COLOURS:
        return [_colour(frame, content, kind) for frame in frames], ""
    if frames.ndim != 3:
        raise UnreadableImage(path, f"has {frames.shape[3:]} values for each pixel, not 1 or 3")
    found = np.asarray(apply_modality_lut(frames, content))
    grey, remark = _grey(found, content, window)
    if kind == "MONOCHROME1":
        grey = 255 - grey
    return [frame[:, :, None] for frame in grey], remark


def _colour(frame: NDArray[Any], content: Any, kind: str) -> NDArray[np.uint8]:
    """RGB of 8 bits; deeper ones by the whole range of their type."""
    if frame.dtype == np.uint8:
        return np.ascontiguousarray(frame)
    palette = kind == "PALETTE COLOR"
    bits = frame.dtype.itemsize * 8 if palette else int(content.BitsStored)
    return Window().grey(frame, 0.0, float(2**bits - 1))


def _grey(
    values: NDArray[Any], content: Any, window: Window | None
) -> tuple[NDArray[np.uint8], str]:
    """Grey of 8 bits, through the window asked for or the file's own."""
    low, high = _range(content)
    if window is not None:
        return window.grey(values, low, high), ""
    own = _own_window(content)
    if own is not None:
        return own.grey(values, low, high), ""
    if "VOILUTSequence" in content:
        from pydicom.pixels.processing import apply_voi

        table = content.VOILUTSequence[0]
        bits = int(table.LUTDescriptor[2])
        shown = np.asarray(apply_voi(values.astype(np.int64), content))
        return Window().grey(shown, 0.0, float(2**bits - 1)), ""
    least, most = float(values.min()), float(values.max())
    return Window().grey(values, least, most), "no window, shown from its least value to its most"


def _own_window(content: Any) -> Window | None:
    """The first window of a file."""
    centre, width = content.get("WindowCenter"), content.get("WindowWidth")
    if centre is None or width is None:
        return None
    first = [one[0] if hasattr(one, "__len__") and not isinstance(one, str) else one
             for one in (centre, width)]  # fmt: skip
    function = str(content.get("VOILUTFunction") or "LINEAR").strip()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    try:
        return Window(float(first[0]), float(first[1]), function)  # type: ignore[arg-type]
    except ConfigError:
        return None


def _range(content: Any) -> tuple[float, float]:
    """The least and the greatest value that the file's type has, rescaled."""
    bits, signed = int(content.BitsStored), bool(content.PixelRepresentation)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope = float(content.get("RescaleSlope") or 1)
    intercept = float(content.get("RescaleIntercept") or 0)
    ends = low * slope + intercept, high * slope + intercept
    return min(ends), max(ends)
