"""The result of ``ppattack compress``: its schema, and JSON and CSV in and out.

Other tools read ``compression.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ppattack.errors import ReportError
from ppattack.report import Summary, TargetPart

SCHEMA_VERSION = "1.0"
FILE = "compression.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quality(_Part):
    """How near images are to the plain ones, over images.

    ``psnr`` in dB, at most 100; ``ssim`` as scikit-image's, null for images smaller than its
    window; ``exact`` is the share of images that are equal in every bit.
    """

    psnr: Summary
    ssim: Summary | None
    exact: float


class CodecRow(_Part):
    """One codec. Sizes are those of whole files, headers included, in bytes.

    ``absent`` says why nothing was measured, and how to mend it; everything else is null then.
    ``ratio`` is the sum of encrypted sizes over the sum of plain ones, ``ratio_ci95`` its
    bootstrap interval over images. ``plain_quality`` is what the codec alone leaves of plain
    images, ``round_trip`` what encryption, codec and decryption leave of them; it is null where
    the scheme has no decryption, for which see the report's ``round_trip_absent``.
    """

    codec: str
    lossless: bool
    absent: str | None = None
    plain_bytes: Summary | None = None
    encrypted_bytes: Summary | None = None
    ratio: float | None = None
    ratio_ci95: tuple[float, float] | None = None
    plain_quality: Quality | None = None
    round_trip: Quality | None = None


class CompressionData(_Part):
    """The images: ``shape`` is ``(C, H, W)``; ``hash`` covers the pixels."""

    name: str
    hash: str
    shape: tuple[int, int, int]
    images: int
    notes: list[str]


class CompressionReport(_Part):
    """One target, one set of images, several codecs. See the class of each part.

    ``ciphertext_shape`` is ``(C, H, W)`` of a ciphertext, which padding or the scheme may make
    another than the images'. An uncompressed image has as many bytes as its shape has values.
    """

    schema_version: str = SCHEMA_VERSION
    id: str
    target: TargetPart
    data: CompressionData
    key_scope: Literal["dataset", "image"]
    ciphertext_shape: tuple[int, int, int]
    codecs: list[CodecRow]
    round_trip_absent: str | None = None
    provenance: dict[str, Any]

    def to_json(self) -> str:
        """The report as indented JSON text."""
        return self.model_dump_json(indent=2) + "\n"

    def row(self, codec: str) -> CodecRow | None:
        """The row of a codec, ``jpeg-85-420`` for instance, or None where it was not asked for."""
        return next((row for row in self.codecs if row.codec == codec), None)


def read_compression(path: Path) -> CompressionReport:
    """Read ``compression.json``, or the folder that holds it.

    Raises:
        ReportError: where it is missing, damaged or of another schema version.
    """
    if path.is_dir():
        path = path / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the report {path}: {error}.") from None
    try:
        report = CompressionReport.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ReportError(
            f"{path} is not a ppattack compression report: {place}: {first['msg']}."
        ) from None
    if report.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ReportError(
            f"{path} has schema version {report.schema_version}; this ppattack reads "
            f"{SCHEMA_VERSION}."
        )
    return report


def sizes_csv(columns: Mapping[str, list[int]], count: int) -> str:
    """File sizes as CSV text: one row an image, one column a codec and side, bytes.

    Args:
        columns: ``<codec>.plain`` and ``<codec>.encrypted`` to one size an image.
        count: the number of images.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *columns])
    for number in range(count):
        writer.writerow([f"{number:05d}", *(sizes[number] for sizes in columns.values())])
    return text.getvalue()
