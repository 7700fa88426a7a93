"""The life of a result: found finished, or made in a partial folder and published whole.

The name of a folder ends in 12 hexadecimal digits of everything that decides the result, so the
same name is the same experiment: a finished one is reused, an interrupted one continued.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ppattack.files import write_text
from ppattack.folders import new_folder, partial_folder


class Stored(Protocol):
    """A report that can be written."""

    def to_json(self) -> str:
        """The text of its file."""
        ...


ReportT = TypeVar("ReportT", bound=Stored)
FoundT = TypeVar("FoundT", bound=Stored, covariant=True)
Fill = Callable[[Path], None]
"""Writes what lies beside the report into a new folder."""


@dataclass(frozen=True)
class Finished(Generic[FoundT]):
    """A finished result.

    Args:
        report: the result.
        folder: where it lies.
        reused: whether it was there already.
    """

    report: FoundT
    folder: Path
    reused: bool


@dataclass(frozen=True)
class Store(Generic[ReportT]):
    """Folders of results of one kind.

    Args:
        file: name of the report in each folder.
        read: reads the report of a folder.
    """

    file: str
    read: Callable[[Path], ReportT]

    def find(self, folder: Path) -> Finished[ReportT] | None:
        """The result that a folder holds, or None if it is not finished."""
        if not (folder / self.file).is_file():
            return None
        return Finished(self.read(folder), folder, reused=True)

    def make(
        self,
        folder: Path,
        work: Callable[[Path], tuple[ReportT, Fill]],
        *,
        replace: bool = True,
    ) -> Finished[ReportT]:
        """Do the work and publish what came of it, whole or not at all.

        Args:
            folder: where it goes.
            work: given a place for checkpoints, which an interruption leaves to continue from,
                returns the report and what writes the other files.
            replace: whether a folder that is there is replaced; a folder that a user names is not.

        Raises:
            DataError: if the folder cannot be written, or is there and must not be replaced.
        """
        with partial_folder(folder) as partial:
            report, fill = work(partial)
            with new_folder(folder, replace=replace) as new:
                write_text(new / self.file, report.to_json())
                fill(new)
        return Finished(report, folder, reused=False)


def identity(facts: Mapping[str, Any]) -> str:
    """12 hexadecimal digits of the facts that decide a result."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
