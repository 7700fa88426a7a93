"""What all reports on disk have in common: their base, and how one is read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ppattack.errors import ReportError

R = TypeVar("R", bound="VersionedReport")


class Part(BaseModel):
    """Part of a report: frozen, without unknown fields or numbers that JSON does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class VersionedReport(Part):
    """A whole report; the first part of its version is raised if readers would break."""

    schema_version: str

    def to_json(self) -> str:
        """The report as indented JSON text."""
        return self.model_dump_json(indent=2) + "\n"


def read_versioned(path: Path, file: str, kind: type[R], words: str) -> R:
    """Read a report, or the folder that holds it.

    Args:
        path: the file, or its folder.
        file: its name in a folder.
        kind: of the report; its default version is the one that is read.
        words: what it should be, for the message.

    Raises:
        ReportError: if it is missing, damaged or of another schema version.
    """
    if path.is_dir():
        path = path / file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the report {path}: {error}.") from None
    try:
        report = kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ReportError(f"{path} is not {words}: {place}: {first['msg']}.") from None
    version = str(kind.model_fields["schema_version"].default)
    if report.schema_version.split(".")[0] != version.split(".")[0]:
        raise ReportError(
            f"{path} has schema version {report.schema_version}; this ppattack reads {version}."
        )
    return report
