"""``bench-<id>.json``: the record of a matrix of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ppattack.errors import ReportError
from ppattack.reports.leaks import LeakName
from ppattack.reports.parts import Part
from ppattack.reports.run import VerdictName

State = Literal["done", "failed", "not applicable", "left out"]
NO_RESULT: tuple[State, ...] = ("not applicable", "left out")
"""States of cells that ended without a result, as they should."""


class Outcome(Part):
    """The outcome of a cell.

    Args:
        state: ``done``, ``failed``, ``not applicable`` (the attack cannot be tried there) or
            ``left out`` (an audit has decided without it).
        run: name of the run's folder, if it is done.
        verdict: of the run.
        leak: the strongest level that the run showed.
        metric: the metric that the verdict rests on.
        score: mean of the reconstructions in that metric.
        gain: mean gain over the best blind baseline.
        reason: of the verdict; why it failed or does not apply.
        wanting: whether it does not apply only because the user did not give what it needs.
        seconds: how long the cell took.
    """

    state: State
    run: str | None = None
    verdict: VerdictName | None = None
    leak: LeakName | None = None
    metric: str | None = None
    score: float | None = None
    gain: float | None = None
    reason: str = ""
    wanting: bool = False
    seconds: float = 0.0


SCHEMA_VERSION = "1.0"


class Cell(Part):
    """A cell of the matrix; ``outcome`` is null while it is queued."""

    attack: str
    target: str
    key_scope: Literal["dataset", "image"] | None
    seed: int
    isolated: bool
    command: str
    outcome: Outcome | None = None


class Sweep(Part):
    """The record of a matrix."""

    schema_version: str = SCHEMA_VERSION
    id: str
    cells: tuple[Cell, ...]

    def counts(self) -> dict[str, int]:
        """How many cells are done, broken (of those done), failed and queued."""
        found = [cell.outcome for cell in self.cells]
        return {
            "done": sum(o is not None and o.state == "done" for o in found),
            "broken": sum(o is not None and o.verdict == "BROKEN" for o in found),
            "failed": sum(o is not None and o.state == "failed" for o in found),
            "queued": sum(o is None for o in found),
        }


def read_sweep(path: Path) -> Sweep:
    """Read a record.

    Raises:
        ReportError: if it is missing, damaged or of another version.
    """
    try:
        sweep = Sweep.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"cannot read the record {path}: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ReportError(
            f"{path} is not the record of a sweep: {where}: {first['msg']}; remove it, finished "
            "runs stay."
        ) from None
    if sweep.schema_version != SCHEMA_VERSION:
        raise ReportError(
            f"{path} has version {sweep.schema_version}; this ppattack reads {SCHEMA_VERSION}."
        )
    return sweep
