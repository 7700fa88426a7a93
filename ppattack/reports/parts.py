"""What every report is made of, and how a saved one is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ppattack.errors import ReportError, printable

R = TypeVar("R", bound="VersionedReport")


class Part(BaseModel):
    """Part of a report: frozen, without unknown fields or numbers that JSON does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, given: Any) -> Any:
        """Names of files may hold bytes that are not UTF-8."""
        return _all_printable(given)


def _all_printable(given: Any) -> Any:
    if isinstance(given, str):
        return printable(given)
    if isinstance(given, dict):
        return {_all_printable(key): _all_printable(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(map(_all_printable, given))
    return given


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
    version = str(kind.model_fields["schema_version"].default)
    try:
        report = kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        newer = _newer_version(text, version)
        if newer is not None:
            raise ReportError(
                f"{path} has schema version {newer}, which is newer than {version}, and holds what "
                f"this ppattack cannot read ({place}): use the newer ppattack that wrote it."
            ) from None
        raise ReportError(f"{path} is not {words}: {place}: {first['msg']}.") from None
    if report.schema_version.split(".")[0] != version.split(".")[0]:
        raise ReportError(
            f"{path} has schema version {report.schema_version}; this ppattack reads {version}."
        )
    return report


def _newer_version(text: str, version: str) -> str | None:
    """The schema version of a report, if it is a later one than ours."""
    try:
        said = str(json.loads(text)["schema_version"])
        return said if _numbers(said) > _numbers(version) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
