"""DICOM files made by hand, with a patient in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

PATIENT = {
    "PatientName": "Quarrelsome^Quintus", "PatientID": "QID-778899", "PatientBirthDate": "19330704",
    "InstitutionName": "Saint Elsewhere", "ReferringPhysicianName": "Zuckerkandl^Emil",
}  # fmt: skip
"""Tags whose values must stay in the files."""


def write(path: Path, values: NDArray[Any], **tags: Any) -> Path:
    """A file of grey values ``(H, W)`` or frames ``(N, H, W)``, unsigned 16 bits or signed."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID = SecondaryCaptureImageStorage
    content.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    content.Rows, content.Columns = values.shape[-2:]
    if values.ndim == 3:
        content.NumberOfFrames = len(values)
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    content.BitsAllocated = content.BitsStored = 16
    content.HighBit, content.PixelRepresentation = 15, int(values.dtype.kind == "i")
    for name, value in {**PATIENT, **tags}.items():
        setattr(content, name, value)
    content.PixelData = values.astype(values.dtype.newbyteorder("<")).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    content.save_as(path, enforce_file_format=True)
    return path
