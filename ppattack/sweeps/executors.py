"""Where cells run and an attack's sums are computed: this process, or several of this machine.

Any other place needs what :class:`Executor` asks for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from ppattack.context import Alone, Part, Progress, Result, Workers
from ppattack.errors import NotApplicable, NotGiven, NotGranted, PpattackError, RunFailed
from ppattack.machine import (
    available_cpus,
    die_with_parent,
    keep_freed_memory,
    load_torch,
    visible_gpus,
)
from ppattack.reports.run import Report, read_report
from ppattack.reports.sweep import Outcome
from ppattack.request import RunRequest
from ppattack.runs.run import run
from ppattack.runs.store import Finished

Started = Callable[[int], None]
Cells = Iterable[tuple[int, RunRequest]]
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
TRIES = 3
"""How often a cell is tried if its worker dies: a cell that kills every worker must end too."""


class Executor(Workers, Protocol):
    """Runs cells somewhere; its workers can also compute sums for an attack that runs here."""

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """Run every cell and give the outcomes as they come, in any order.

        Args:
            cells: number and request of each.
            started: called with the number of a cell that has begun.
        """


class InThisProcess(Alone):
    """One cell after another, here."""

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """Run one cell after another, in their order."""
        for number, request in cells:
            started(number)
            yield number, run_cell(request)


@dataclass(frozen=True)
class _Worker:
    slot: int
    process: SpawnProcess
    connection: Connection


@dataclass(frozen=True)
class _Dead:
    """The answer of a worker that died."""

    exit_code: int | None


@dataclass(frozen=True)
class _Failed:
    """The answer of a function that failed."""

    reason: str


class LocalProcesses:
    """Several processes of this machine; if there are GPUs, each process gets one.

    A process that dies is replaced, and its task is tried again. Processes stay and wait for more
    work until ``close`` or the end of this process.

    Args:
        jobs: processes at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.count = jobs
        self._gpus = visible_gpus()
        self._free: dict[int, _Worker | None] = dict.fromkeys(range(jobs))

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """Run cells on all processes, as many at a time as there are."""
        try:
            for number, answer in self._answers(run_cell, list(cells), started):
                yield (
                    number,
                    lost_outcome(answer.exit_code) if isinstance(answer, _Dead) else answer,
                )
        finally:
            self.close()

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Compute the parts on all processes; results come in the order of the parts.

        A result that is early is kept until those before it have been taken.
        """
        early: dict[int, Any] = {}
        following = 0
        for number, answer in self._answers(function, list(enumerate(parts)), lambda _: None):
            if isinstance(answer, _Dead):
                answer = _Failed(lost_outcome(answer.exit_code).reason)
            if isinstance(answer, _Failed):
                raise RunFailed(f"a part of a sum could not be computed: {answer.reason}")
            early[number] = answer
            while following in early:
                yield early.pop(following)
                following += 1

    def close(self) -> None:
        """End the processes."""
        for slot, worker in self._free.items():
            if worker is not None:
                _end(worker)
            self._free[slot] = None

    def _answers(
        self, function: Callable[[Any], Any], jobs: Sequence[tuple[int, Any]], started: Started
    ) -> Iterator[tuple[int, Any]]:
        """What a function answers to each numbered argument, as the answers come."""
        queue = deque((number, argument, 1) for number, argument in jobs)
        busy: dict[Connection, tuple[_Worker, tuple[int, Any, int]]] = {}
        try:
            while queue or busy:
                while queue and self._free:
                    slot, idle = self._free.popitem()
                    worker, job = idle or self._started(slot), queue.popleft()
                    busy[worker.connection] = worker, job
                    started(job[0])
                    _send(worker, function, job[1])
                for connection in [c for c in wait(list(busy)) if isinstance(c, Connection)]:
                    worker, (number, argument, tries) = busy.pop(connection)
                    answer = _received(worker)
                    died = isinstance(answer, _Dead)
                    self._free[worker.slot] = None if died else worker
                    if died and tries < TRIES:
                        queue.append((number, argument, tries + 1))
                    else:
                        yield number, answer
        finally:
            for worker, _ in busy.values():
                _end(worker)
                self._free[worker.slot] = None

    def _started(self, slot: int) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        gpu = self._gpus[slot % len(self._gpus)] if self._gpus else None
        threads = max(1, available_cpus() // self.count)
        process = context.Process(target=_work, args=(theirs, gpu, threads), daemon=True)
        with _blas_threads(threads):
            process.start()
        theirs.close()
        return _Worker(slot, process, ours)


@contextmanager
def _blas_threads(count: int) -> Iterator[None]:
    """Have processes that start inside the block compute with so many threads outside torch too."""
    before = os.environ.get(BLAS_THREADS)
    os.environ.setdefault(BLAS_THREADS, str(count))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(BLAS_THREADS, None)


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.connection.close()


def _send(worker: _Worker, function: Callable[[Any], Any], argument: Any) -> None:
    try:
        worker.connection.send((function, argument))
    except (BrokenPipeError, ConnectionResetError):
        return  # it is gone: receiving will show that


def _received(worker: _Worker) -> Any:
    """The answer, which may be that the worker died."""
    try:
        return worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        return _Dead(worker.process.exitcode)


def lost_outcome(exit_code: int | None) -> Outcome:
    """The outcome of a cell that takes every worker with it."""
    return Outcome(
        state="failed",
        reason=f"the process that ran it died {TRIES} times (exit code {exit_code}): too little "
        "memory, or a crash in native code.",
    )


def _work(connection: Connection, gpu: str | None, threads: int) -> None:
    """Answer one question after another, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the first one decides
    die_with_parent()
    keep_freed_memory()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    load_torch()
    import torch

    torch.set_num_threads(threads)
    while True:
        try:
            function, argument = connection.recv()
            answer = function(argument)
        except EOFError:
            return
        except Exception as error:
            answer = _Failed(f"{type(error).__name__}: {error}")
        connection.send(answer)


def run_cell(
    request: RunRequest, progress: Progress | None = None, workers: Workers | None = None
) -> Outcome:
    """Run one cell; whatever goes wrong, except an interruption, is in the outcome."""
    start = time.perf_counter()
    try:
        done = run(request, progress, workers)
    except (NotApplicable, NotGranted) as error:
        wanting = isinstance(error, NotGiven)
        return Outcome(state="not applicable", reason=str(error), wanting=wanting)
    except (PpattackError, RunFailed) as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        return outcome_of(done, round(time.perf_counter() - start, 3))
    return Outcome(state="failed", reason=reason, seconds=round(time.perf_counter() - start, 3))


def outcome_of(done: Finished[Report], seconds: float) -> Outcome:
    """The outcome of a finished run."""
    found = done.report.scores.main_gain()
    metric, gain = found if found else (None, None)
    return Outcome(
        state="done",
        run=done.folder.name,
        verdict=done.report.verdict,
        leak=done.report.leak,
        metric=metric,
        score=getattr(done.report.scores, metric).reconstruction.mean if metric else None,
        gain=gain.mean if gain else None,
        reason=done.report.reason,
        seconds=seconds,
    )


def report_of(outcome: Outcome, out: Path) -> Report | None:
    """The report of a cell that is done, or None."""
    return read_report(out / outcome.run) if outcome.run else None
