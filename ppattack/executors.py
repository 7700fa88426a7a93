"""Where cells run: in this process, or in several of this machine's.

Another place needs one method, ``run``; see :class:`Executor`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from ppattack.cell import Outcome, run_cell
from ppattack.processes import available_cpus, die_with_parent, visible_gpus
from ppattack.request import RunRequest

Started = Callable[[int], None]
Cells = Iterable[tuple[int, RunRequest]]
TRIES = 3
"""Times that a cell whose worker dies is tried: a cell that kills every worker must end too."""


class Executor(Protocol):
    """Runs cells somewhere."""

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """Run every cell and give the outcomes as they come, in any order.

        Args:
            cells: number and request of each.
            started: called with the number of a cell that has begun.
        """


class InThisProcess:
    """One cell after another, here."""

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """See :meth:`Executor.run`."""
        for number, request in cells:
            started(number)
            yield number, run_cell(request)


@dataclass(frozen=True)
class _Worker:
    slot: int
    process: SpawnProcess
    connection: Connection


class Processes:
    """Several processes of this machine; where there are GPUs each has one.

    A process that dies is replaced and its cell tried again.

    Args:
        jobs: processes at a time.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._gpus = visible_gpus()

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """See :meth:`Executor.run`."""
        queue = deque((number, request, 1) for number, request in cells)
        free: dict[int, _Worker | None] = dict.fromkeys(range(min(self.jobs, len(queue))))
        busy: dict[Connection, tuple[_Worker, tuple[int, RunRequest, int]]] = {}
        try:
            while queue or busy:
                while queue and free:
                    slot, idle = free.popitem()
                    worker, job = idle or self._started(slot), queue.popleft()
                    busy[worker.connection] = worker, job
                    started(job[0])
                    _send(worker, job[1])
                for connection in [c for c in wait(list(busy)) if isinstance(c, Connection)]:
                    worker, (number, request, tries) = busy.pop(connection)
                    outcome = _received(worker)
                    free[worker.slot] = worker if outcome is not None else None
                    if outcome is not None:
                        yield number, outcome
                    elif tries < TRIES:
                        queue.append((number, request, tries + 1))
                    else:
                        yield number, lost(worker.process.exitcode)
        finally:
            for left in [*free.values(), *(worker for worker, _ in busy.values())]:
                if left is not None:
                    left.process.kill()
                    left.process.join()

    def _started(self, slot: int) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        gpu = self._gpus[slot % len(self._gpus)] if self._gpus else None
        threads = max(1, available_cpus() // self.jobs)
        process = context.Process(target=_work, args=(theirs, gpu, threads), daemon=True)
        process.start()
        theirs.close()
        return _Worker(slot, process, ours)


def _send(worker: _Worker, request: RunRequest) -> None:
    try:
        worker.connection.send(request)
    except (BrokenPipeError, ConnectionResetError):
        return  # it is gone: receiving says so


def _received(worker: _Worker) -> Outcome | None:
    """The answer, or None where the worker died."""
    try:
        return Outcome.model_validate_json(worker.connection.recv_bytes())
    except (EOFError, ConnectionResetError):
        worker.process.join()
        return None


def lost(exit_code: int | None) -> Outcome:
    """The outcome of a cell that takes every worker with it."""
    return Outcome(
        state="failed",
        reason=f"the process that ran it died {TRIES} times (exit code {exit_code}): too little "
        "memory, or a crash in native code.",
    )


def _work(connection: Connection, gpu: str | None, threads: int) -> None:
    """Answer one request after another, in a process of one's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: the first process decides
    die_with_parent()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    import torch

    torch.set_num_threads(threads)
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        connection.send_bytes(run_cell(request).model_dump_json().encode())
