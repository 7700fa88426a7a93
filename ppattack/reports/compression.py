"""The result of ``ppattack compress``: its schema, and JSON and CSV in and out.

Other tools read ``compression.json``; a change that breaks them raises ``SCHEMA_VERSION``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ppattack.reports.parts import Part, VersionedReport, read_versioned
from ppattack.reports.run import TargetPart
from ppattack.reports.scores import Summary
from ppattack.reports.text import csv_text

SCHEMA_VERSION = "1.0"
FILE = "compression.json"


class Quality(Part):
    """How close images are to the plain ones, over images.

    ``psnr`` in dB, at most 100; ``ssim`` as scikit-image's, null for images smaller than its
    window; ``exact`` is the share of images that are equal in every bit.
    """

    psnr: Summary
    ssim: Summary | None
    exact: float


class CodecRow(Part):
    """One codec. Sizes are those of whole files, headers included, in bytes.

    ``absent`` says why nothing was measured, and how to fix it; everything else is null then.
    ``ratio`` is the sum of encrypted sizes over the sum of plain ones, ``ratio_ci95`` its
    bootstrap interval over images. ``plain_quality`` is what the codec alone leaves of plain
    images, ``round_trip`` what encryption, codec and decryption leave of them; it is null if
    the scheme has no decryption (see ``round_trip_absent`` in the report).
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


class CompressionData(Part):
    """The images: ``shape`` is ``(C, H, W)``; ``hash`` covers the pixels."""

    name: str
    hash: str
    shape: tuple[int, int, int]
    images: int
    notes: list[str]


class CompressionReport(VersionedReport):
    """One target, one set of images, several codecs. See the class of each part.

    ``ciphertext_shape`` is ``(C, H, W)`` of a ciphertext, which padding or the scheme may make
    different from the images'. An uncompressed image has as many bytes as its shape has values.
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

    def row(self, codec: str) -> CodecRow | None:
        """The row of a codec, ``jpeg-85-420`` for instance, or None if it was not asked for."""
        return next((row for row in self.codecs if row.codec == codec), None)


def read_compression(path: Path) -> CompressionReport:
    """Read ``compression.json``, or the folder that holds it.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    return read_versioned(path, FILE, CompressionReport, "a ppattack compression report")


def sizes_csv(columns: Mapping[str, list[int]], count: int) -> str:
    """File sizes as CSV text: one row per image, one column per codec and side, in bytes.

    Args:
        columns: one size per image, by ``<codec>.plain`` and ``<codec>.encrypted``.
        count: the number of images.
    """
    rows = (
        [f"{number:05d}", *(sizes[number] for sizes in columns.values())] for number in range(count)
    )
    return csv_text([["image", *columns], *rows])
