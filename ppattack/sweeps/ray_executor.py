"""Cells on a Ray cluster, which needs ``pip install ppattack[ray]``.

Every machine needs ppattack, the user's plug-ins and the user's image files under the same paths;
they need not share a folder: a run is made on its machine and sent back whole.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.context import Part, Result
from ppattack.errors import ConfigError, DataError, RunFailed
from ppattack.folders import new_folder
from ppattack.reports.sweep import Outcome
from ppattack.request import RunRequest
from ppattack.sweeps.executors import TRIES, Cells, Started, lost_outcome, run_cell


class Ray:
    """A cluster; a cell takes one CPU, and one GPU if the cluster has any.

    A cell whose worker or machine is lost is tried again on another. Sums of a
    cell's attack are computed on the whole cluster, by tasks of one CPU each.

    Args:
        address: of the cluster; None starts one on this machine.

    Raises:
        ConfigError: if Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise ConfigError("--executor ray needs Ray: pip install 'ppattack[ray]'.") from None
        self._ray: Any = ray
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ConfigError(
                    f"--executor ray: no cluster answers at {address or 'this machine'}: {error}"
                ) from None

    @property
    def count(self) -> int:
        """CPUs of the cluster."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Compute the parts as tasks of the cluster; results come in the order of the parts."""
        task = self._ray.remote(num_cpus=1, max_retries=TRIES - 1)(_remote_part)
        shared = self._ray.put(function)  # sent to each machine once
        asked = deque(task.remote(shared, part) for part in parts)
        try:
            while asked:
                found: Result = self._ray.get(asked.popleft())
                yield found
        except self._ray.exceptions.RayError as error:
            reason = getattr(error, "cause", error)
            raise RunFailed(
                f"a part of a sum could not be computed: {type(reason).__name__}: {reason}"
            ) from None
        finally:
            for left in asked:
                self._ray.cancel(left, force=True)

    def run(self, cells: Cells, started: Started) -> Iterator[tuple[int, Outcome]]:
        """Run cells as tasks of the cluster."""
        ray = self._ray
        has = ray.cluster_resources()
        gpus = 1 if has.get("GPU", 0) >= 1 else 0
        at_once = max(1, int(has["GPU"] if gpus else has.get("CPU", 1)))
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=TRIES - 1)(_remote_cell)
        queue = deque(cells)
        under_way: dict[Any, tuple[int, RunRequest]] = {}
        try:
            while queue or under_way:
                while queue and len(under_way) < at_once:
                    number, request = queue.popleft()
                    under_way[task.remote(request)] = number, request
                    started(number)
                (ready, *_), _ = ray.wait(list(under_way), num_returns=1)
                number, request = under_way.pop(ready)
                yield number, self._outcome(ready, request)
        finally:
            for left in under_way:
                ray.cancel(left, force=True)

    def _outcome(self, ready: Any, request: RunRequest) -> Outcome:
        """The outcome of a cell; its run is in the request's folder from here on."""
        try:
            text, run = self._ray.get(ready)
        except self._ray.exceptions.WorkerCrashedError:
            return lost_outcome(None)
        except self._ray.exceptions.RayError as error:
            return Outcome(state="failed", reason=f"Ray: {type(error).__name__}: {error}")
        outcome = Outcome.model_validate_json(text)
        if outcome.run is not None:
            _unpack(run, request.out / outcome.run)
        return outcome


def _remote_cell(request: RunRequest) -> tuple[str, bytes]:
    """Run a cell there: the outcome as JSON, and the run's folder as a ZIP archive."""
    out = Path(tempfile.gettempdir()) / f"ppattack-{os.getuid()}"
    outcome = run_cell(replace(request, out=out), workers=Ray())
    if outcome.run is None:
        return outcome.model_dump_json(), b""
    folder, packed = out / outcome.run, io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return outcome.model_dump_json(), packed.getvalue()


def _remote_part(function: Callable[[Part], Result], part: Part) -> Result:
    return function(part)


def _unpack(run: bytes, folder: Path) -> None:
    """Unpack a run that was sent into its place, all or nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with new_folder(folder) as temporary, zipfile.ZipFile(io.BytesIO(run)) as archive:
            archive.extractall(temporary)
    except zipfile.BadZipFile as error:
        raise DataError(f"the run {folder.name} came back damaged: {error}.") from None
