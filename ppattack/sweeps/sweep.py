"""A matrix of runs that survives being stopped at any moment.

Every cell is a run in its own folder. ``bench-<id>.json`` beside them is the record: what every
cell is and what came of it, replaced whole after every cell. The id covers the requests, the
versions, the plug-ins' files and the user's image files, so a record
never mixes inputs: cells in it are not run again, failed ones included; a cell that was under way
goes on from its checkpoints.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from ppattack.config import as_dict
from ppattack.errors import (
    ConfigError,
    PluginError,
    PpattackError,
    RunFailed,
    UnknownNameError,
)
from ppattack.files import make_folder, remove_unfinished, user_path, write_text
from ppattack.plugins import registry
from ppattack.plugins.source import files_hash
from ppattack.reports.command import command
from ppattack.reports.sweep import Cell, Outcome, Sweep, read_sweep
from ppattack.request import RunRequest, check
from ppattack.runs import provenance
from ppattack.runs.inputs import check_images
from ppattack.runs.loaded import loaded_once
from ppattack.sweeps.executors import Executor


class Watcher(Protocol):
    """Watches a sweep."""

    def started(self, number: int) -> None:
        """A cell has begun."""

    def changed(self, sweep: Sweep) -> None:
        """The record has changed."""


class Plan(Protocol):
    """Says which cells are run together, and which need not be run any more."""

    def batches(self) -> Sequence[Sequence[int]]:
        """The numbers of the cells, every one once; a batch begins when the one before it ends."""

    def left_out(self, number: int, cells: Sequence[Cell]) -> str | None:
        """Why a cell is not run, given what came of others; None if it is."""


class Everything:
    """Runs every cell.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def batches(self) -> list[range]:
        """All at once."""
        return [range(self._count)]

    def left_out(self, number: int, cells: Sequence[Cell]) -> None:
        """Nothing is."""


def run_sweep(
    requests: Sequence[RunRequest],
    executor: Executor,
    watcher: Watcher,
    *,
    retry_failed: bool = False,
    plan: Plan | None = None,
) -> tuple[Sweep, Path]:
    """Run every cell that has no result yet.

    Args:
        requests: one per cell, all with the same ``out``.
        executor: where they run.
        watcher: sees what happens.
        retry_failed: whether cells that failed before are tried again.
        plan: the order of cells, and which are left out; None runs all.

    Returns:
        the record and its file.

    Raises:
        ConfigError: if there are no requests, or another process runs the same matrix.
        PpattackError: for options or images that no cell could use; nothing is written then.
        ReportError: if the record on disk is damaged.
    """
    if not requests:
        raise ConfigError("the matrix holds no cells.")
    with loaded_once():
        return _run(requests, executor, watcher, plan, retry_failed=retry_failed)


def _run(
    requests: Sequence[RunRequest],
    executor: Executor,
    watcher: Watcher,
    plan: Plan | None,
    *,
    retry_failed: bool,
) -> tuple[Sweep, Path]:
    for request in requests:
        check(request)
        _check_settings(request)
    for request in {_inputs(request): request for request in requests}.values():
        check_images(request)
    out = make_folder(requests[0].out)
    sweep = Sweep(id=_identity(requests), cells=tuple(_cell(request) for request in requests))
    place = out / f"bench-{sweep.id}.json"
    with _alone(out / f".bench-{sweep.id}.lock", place):
        remove_unfinished(place)
        if not requests[0].force:
            sweep = _resumed(sweep, place, retry_failed=retry_failed)
        write_text(place, sweep.model_dump_json(indent=2) + "\n")
        watcher.changed(sweep)
        record = _Record(sweep, place, watcher)
        plan = plan or Everything(len(requests))
        for batch in plan.batches():
            waiting = _to_run(batch, requests, plan, record)
            for number, outcome in executor.run(waiting, watcher.started):
                record.set(number, outcome)
        _clean(out, record.sweep, place)
    return record.sweep, place


class _Record:
    """The sweep as it is, on disk and before the watcher's eyes."""

    def __init__(self, sweep: Sweep, place: Path, watcher: Watcher) -> None:
        self.sweep, self._place, self._watcher = sweep, place, watcher

    def set(self, number: int, outcome: Outcome) -> None:
        """Note what came of a cell."""
        cells = list(self.sweep.cells)
        cells[number] = cells[number].model_copy(update={"outcome": outcome})
        self.sweep = self.sweep.model_copy(update={"cells": tuple(cells)})
        write_text(self._place, self.sweep.model_dump_json(indent=2) + "\n")
        self._watcher.changed(self.sweep)


def _to_run(
    batch: Sequence[int], requests: Sequence[RunRequest], plan: Plan, record: _Record
) -> Iterator[tuple[int, RunRequest]]:
    """The cells of a batch without an outcome; those that are left out get one here."""
    for number in batch:
        if record.sweep.cells[number].outcome is not None:
            continue
        why = plan.left_out(number, record.sweep.cells)
        if why is None:
            yield number, requests[number]
        else:
            record.set(number, Outcome(state="left out", reason=why))


def _check_settings(request: RunRequest) -> None:
    """Refuse settings that a plug-in does not have; other defects are those of their cells.

    An isolated attack is not loaded here: its process says what is wrong.

    Raises:
        ConfigError: naming the setting.
    """
    with suppress(PluginError, UnknownNameError):
        registry.target(request.target)(**request.target_settings)
    if request.isolated:
        return
    with suppress(PluginError, UnknownNameError):
        registry.attack(request.attack)(preset=request.preset, **request.attack_settings)


def _inputs(request: RunRequest) -> tuple[object, ...]:
    """What decides which files are read, and whether they can be."""
    return (
        request.data,
        request.size,
        request.victims,
        request.adversary,
        request.download,
        request.ciphertexts,
        request.truth,
        request.candidates,
    )


def _cell(request: RunRequest) -> Cell:
    return Cell(
        attack=request.attack,
        target=request.target,
        key_scope=request.key_scope,
        seed=request.seed,
        isolated=request.isolated,
        command=command(json.loads(_as_json(request))),
    )


def _resumed(sweep: Sweep, place: Path, *, retry_failed: bool) -> Sweep:
    """The sweep with the outcomes on record whose runs are still there."""
    if not place.exists():
        return sweep
    cells = []
    for cell, old in zip(sweep.cells, read_sweep(place).cells, strict=True):
        outcome = old.outcome
        if outcome is not None:
            gone = outcome.run and not (place.parent / outcome.run / "report.json").is_file()
            again = retry_failed and outcome.state == "failed"
            outcome = None if gone or again or outcome.state == "left out" else outcome
        cells.append(cell.model_copy(update={"outcome": outcome}))
    return sweep.model_copy(update={"cells": tuple(cells)})


def _as_json(request: RunRequest) -> str:
    """The request, except for its output folder and ``force``."""
    fields = as_dict(request)
    return json.dumps({k: v for k, v in fields.items() if k not in ("out", "force")}, default=str)


def _identity(requests: Sequence[RunRequest]) -> str:
    """12 hexadecimal digits of everything that decides the results."""
    facts: list[Any] = [provenance.versions(), [_as_json(request) for request in requests]]
    plugins = {registry.source_file("attack", request.attack) for request in requests}
    plugins |= {registry.source_file("target", request.target) for request in requests}
    facts += [files_hash(path) for path in sorted(filter(None, plugins))]
    first = requests[0]
    facts += [_stamp(file) for file in sorted(set(_beside(requests)))]
    _, _, argument = (first.data or "").partition(":")
    places = (
        Path(argument) if argument else None,
        first.ciphertexts,
        first.truth,
        first.candidates,
    )
    facts += [_stamp(user_path(str(place))) if place else [] for place in places]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _beside(requests: Sequence[RunRequest]) -> Iterator[Path]:
    """Files beside a target's code that decide what it does, of the targets that can be made."""
    for request in requests:
        with suppress(PpattackError, RunFailed):
            yield from registry.target(request.target)(**request.target_settings).files()


def _stamp(place: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files at a place."""
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths if p.is_file()]


@contextmanager
def _alone(lock: Path, place: Path) -> Iterator[None]:
    """Keep other processes from the same matrix; the system frees the lock when this one ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another process is running this matrix ({place}): wait for it."
            ) from None
        if not _is_at(handle, lock):
            raise ConfigError(
                f"another process has just finished this matrix ({place}): run it again."
            )
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is_at(handle: int, place: Path) -> bool:
    """Whether an open file is the one at a place: it may have been removed since it was opened."""
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except OSError:
        return False


def _clean(out: Path, sweep: Sweep, place: Path) -> None:
    """Remove what processes that were killed left half-written."""
    names = [cell.outcome.run for cell in sweep.cells if cell.outcome and cell.outcome.run]
    for name in (*names, place.name):
        for left in out.glob(f".{name}.*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
