"""Saved reports of every kind: attacks, classifications and compressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ppattack.errors import ReportError
from ppattack.reports.classification import FILE as CLASSIFICATION
from ppattack.reports.classification import ClassificationReport, read_classification
from ppattack.reports.compression import FILE as COMPRESSION
from ppattack.reports.compression import CompressionReport, read_compression
from ppattack.reports.found import REPORT, SavedRun, paths_below
from ppattack.reports.run import read_report

FILES = (REPORT, CLASSIFICATION, COMPRESSION)


@dataclass(frozen=True)
class Collection:
    """Reports, each once.

    Args:
        runs: with and without an attack.
        classifications: accuracies on encrypted or plain images.
        compressions: file sizes of encrypted images.
    """

    runs: list[SavedRun] = field(default_factory=list)
    classifications: list[ClassificationReport] = field(default_factory=list)
    compressions: list[CompressionReport] = field(default_factory=list)


def read_collection(places: Sequence[Path]) -> Collection:
    """Every report at or below the places, in the order of the places and of the names.

    Args:
        places: report files, folders of them, or folders that hold some at any depth; hidden
            folders and unfinished runs are passed over.

    Raises:
        ReportError: if a place is missing or holds no report, or a report is damaged.
    """
    found = Collection()
    seen: set[Path] = set()
    for place in places:
        paths = [path for name in FILES for path in _named(place, name)]
        if not paths:
            raise ReportError(
                f"{place} holds no finished run (no {', '.join(FILES)} at any depth)."
            )
        for path in paths:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                _add(path, found)
    return found


def _named(place: Path, name: str) -> list[Path]:
    """The files of one name; a place that is a file is an attack's unless its name says more."""
    if place.is_file():
        kind = place.name if place.name in FILES else REPORT
        return [place] if kind == name else []
    return list(paths_below(place, name))


def _add(path: Path, found: Collection) -> None:
    if path.name == CLASSIFICATION:
        found.classifications.append(read_classification(path))
    elif path.name == COMPRESSION:
        found.compressions.append(read_compression(path))
    else:
        found.runs.append(SavedRun(path.parent, read_report(path)))
