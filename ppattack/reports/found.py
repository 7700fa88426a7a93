"""Finished runs, found again on disk."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from ppattack.errors import ReportError
from ppattack.files import walk
from ppattack.reports.classification import FILE as CLASSIFICATION
from ppattack.reports.classification import ClassificationReport, read_classification
from ppattack.reports.compression import FILE as COMPRESSION
from ppattack.reports.compression import CompressionReport, read_compression
from ppattack.reports.run import Report, read_report
from ppattack.reports.sweep import read_sweep
from ppattack.reports.text import cell_text

REPORT = "report.json"
FILES = (REPORT, CLASSIFICATION, COMPRESSION)


@dataclass(frozen=True)
class SavedRun:
    """A run folder.

    Args:
        folder: where it lies.
        report: its ``report.json``.
    """

    folder: Path
    report: Report


@dataclass(frozen=True)
class ImageScores:
    """The content of ``scores.csv``.

    Args:
        names: of the images, in the order of the run.
        columns: one value per image, by ``<metric>.<role>``.
    """

    names: tuple[str, ...]
    columns: Mapping[str, tuple[float, ...]]


def read_runs(places: Sequence[Path]) -> list[SavedRun]:
    """Every run at or below the places, each once, in the order of the places and of the names.

    Args:
        places: ``report.json`` files, run folders, or folders that hold some at any depth;
            hidden folders and unfinished runs are passed over.

    Raises:
        ReportError: if a place is missing or holds no run, or a report is damaged.
    """
    found: dict[Path, SavedRun] = {}
    for place in places:
        paths = list(paths_below(place, REPORT))
        if not paths:
            raise ReportError(f"{place} holds no finished run (no report.json at any depth).")
        for path in paths:
            found.setdefault(path.resolve(), SavedRun(path.parent, read_report(path)))
    return list(found.values())


@dataclass(frozen=True)
class MissingRun:
    """A cell of a matrix that has no run.

    Args:
        attack: its registered name.
        target: likewise.
        state: ``failed``, ``not applicable``, ``left out`` or ``queued``.
        reason: why, in words.
        command: the command that runs it.
    """

    attack: str
    target: str
    state: str
    reason: str
    command: str


def read_missing(places: Sequence[Path]) -> list[MissingRun]:
    """The cells without a run of every matrix whose record lies at or below the places.

    Args:
        places: as for :func:`read_runs`.

    Raises:
        ReportError: if a record is damaged.
    """
    records = {
        path.resolve(): path
        for place in places
        if place.is_dir()
        for path in paths_below(place, "bench-*.json")
    }
    found: list[MissingRun] = []
    for path in records.values():
        for cell in read_sweep(path).cells:
            state = cell.outcome.state if cell.outcome else "queued"
            if state != "done":
                reason = cell.outcome.reason if cell.outcome else "it has not been run yet."
                found.append(MissingRun(cell.attack, cell.target, state, reason, cell.command))
    return found


def paths_below(place: Path, name: str) -> Iterator[Path]:
    """The files of one name in finished folders at or below a place; a file stands for itself.

    Args:
        place: a file or a folder; links are followed, and no folder is visited twice.
        name: of the files; ``*`` stands for any letters.

    Raises:
        ReportError: if the place is missing.
        DataError: if a folder cannot be read.
    """
    if not place.exists():
        raise ReportError(f"there is no {place}: name run folders, or folders that hold them.")
    if not place.is_dir():
        yield place
        return
    for folder, files in walk(place, lambda folder: folder.name.endswith(".partial")):
        yield from (folder / file for file in files if fnmatchcase(file, name))


def read_image_scores(folder: Path) -> ImageScores | None:
    """The scores of every image of a run, or None if the run has none.

    Raises:
        ReportError: if the file is damaged.
    """
    path = folder / "scores.csv"
    if not path.exists():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            heading, *rows = list(csv.reader(file))
        names = tuple(cell_text(row[0]) for row in rows)
        values = [[float(value) for value in row[1:]] for row in rows]
        columns = {
            name: tuple(row[place] for row in values) for place, name in enumerate(heading[1:])
        }
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise ReportError(f"{path} is damaged: {error}.") from None
    return ImageScores(names, columns)


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
