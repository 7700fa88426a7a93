"""One cell of a sweep: a run whose failure is a result too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ppattack.attack import Progress
from ppattack.context import Workers
from ppattack.errors import NotApplicable, NotGranted, PpattackError, RunFailed
from ppattack.reports.run import Report, VerdictName, read_report
from ppattack.request import RunRequest
from ppattack.runs.run import Finished, run

State = Literal["done", "failed", "not applicable"]


class Outcome(BaseModel):
    """What came of a cell.

    Args:
        state: ``done``, ``failed``, or ``not applicable`` (the attack cannot be tried there).
        run: name of the run's folder, where it is done.
        verdict: of the run.
        metric: that the verdict rests on.
        score: mean of the reconstructions in that metric.
        gain: mean gain over the best blind baseline.
        reason: of the verdict; why it failed or does not apply.
        seconds: that the cell took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    state: State
    run: str | None = None
    verdict: VerdictName | None = None
    metric: str | None = None
    score: float | None = None
    gain: float | None = None
    reason: str = ""
    seconds: float = 0.0


def run_cell(
    request: RunRequest, progress: Progress | None = None, workers: Workers | None = None
) -> Outcome:
    """Run one cell; whatever goes wrong is in the outcome, but for an interruption."""
    start = time.perf_counter()
    try:
        done = run(request, progress, workers)
    except (NotApplicable, NotGranted) as error:
        return Outcome(state="not applicable", reason=str(error))
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
        metric=metric,
        score=getattr(done.report.scores, metric).reconstruction.mean if metric else None,
        gain=gain.mean if gain else None,
        reason=done.report.reason,
        seconds=seconds,
    )


def report_of(outcome: Outcome, out: Path) -> Report | None:
    """The report of a cell that is done, or None."""
    return read_report(out / outcome.run) if outcome.run else None
