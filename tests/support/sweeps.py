"""Sweeps of a few seconds, watched, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ppattack.reports.sweep import Sweep, read_sweep
from ppattack.request import RunRequest
from ppattack.sweeps.executors import Executor, InThisProcess
from ppattack.sweeps.matrix import read_matrix, requests
from ppattack.sweeps.sweep import run_sweep

SWEEPING = Path(__file__).parent / "plugins" / "sweeping.py"
LITTLE = {"preset": "smoke", "victims": 12, "adversary": 12, "size": 16}


class Watch:
    """Keeps what it sees."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.counts: list[tuple[int, ...]] = []

    def started(self, number: int) -> None:
        """Keep it."""
        self.begun.append(number)

    def changed(self, sweep: Sweep) -> None:
        """Keep it."""
        self.counts.append(tuple(sweep.counts().values()))


def cells(out: Path, *attacks: str, **changes: Any) -> list[RunRequest]:
    """A little matrix of the test's attacks on two targets."""
    names = [f"{SWEEPING}:{name}" if name[0].isupper() else name for name in attacks]
    values = {"attacks": names, "targets": ["pe", "one-time-pad"], **LITTLE, **changes}
    base = RunRequest("", "", out=out, save_images=2)
    return list(requests(read_matrix(None, values), base))


def swept(
    wanted: list[RunRequest], executor: Executor | None = None, **options: Any
) -> tuple[Sweep, Watch]:
    """The record, and what was seen on the way."""
    watch = Watch()
    sweep, place = run_sweep(wanted, executor or InThisProcess(), watch, **options)
    assert read_sweep(place) == sweep
    return sweep, watch


def states(sweep: Sweep) -> list[str]:
    """One word a cell."""
    return [cell.outcome.state if cell.outcome else "queued" for cell in sweep.cells]


def timeless(out: Path) -> dict[str, Any]:
    """Every file of a folder of runs, less what tells the time or the way there."""
    found: dict[str, Any] = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        data: Any = path.read_bytes()
        if path.suffix == ".json":
            data = json.loads(data)
            for part in (data, data.get("attack", {})):
                for name in ("timing", "provenance", "notes"):
                    part.pop(name, None) if isinstance(part, dict) else None
            for cell in data.get("cells", ()):
                cell["outcome"].pop("seconds")
        found[str(path.relative_to(out))] = data
    return found
