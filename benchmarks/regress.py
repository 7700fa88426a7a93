"""The ratios of ``make bench`` against those that are stored: nothing may become a fifth worse.

    python benchmarks/regress.py [NAME ...]                 # compare, exit code 1 if one is worse
    python benchmarks/regress.py --update [NAME ...]        # store the poorer of two measurements
    python benchmarks/regress.py --before TREE [NAME ...]   # store what another checkout reaches

A benchmark with a ratio that is worse runs once more, and the better ratio counts: machines are
shared. A stored ratio without a measured one (a peer is not installed) is passed over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from side_by_side import RECORD, machine

QUICK = ("encryption", "metrics", "itn_training", "startup", "busy_neighbour")
FOLDER = Path(__file__).parent
STORED = FOLDER / "ratios.json"
TOLERANCE = 0.2
Ratios = dict[str, dict[str, Any]]
"""Title to sense (``faster`` or ``slower``), ``before`` and ``ratio``; a ratio can be missing."""


def main() -> int:
    """Measure, compare or store; the exit code says whether a ratio became worse."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=QUICK, help=", ".join(QUICK))
    parser.add_argument("--update", action="store_true", help="store what is measured now")
    parser.add_argument("--before", type=Path, metavar="TREE", help="a checkout to measure instead")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in QUICK]:
        parser.error(f"there is no benchmark {', '.join(unknown)}: use {', '.join(QUICK)}")
    if asked.before is not None and not (asked.before / "ppattack").is_dir():
        parser.error(f"{asked.before} is no checkout: there is no folder ppattack in it")
    found: Ratios = {}
    for name in asked.names:
        now = measured(name, asked.before)
        if not (asked.update or asked.before) and worse(now, stored_ratios()):
            print(f"{name}: once more", flush=True)
            now = better(now, measured(name, None))
        if asked.update:
            now = poorer(now, measured(name, None))
        found |= now
    stored = stored_ratios()
    if asked.update or asked.before:
        kind = "before" if asked.before else "ratio"
        for title, each in found.items():
            stored.setdefault(title, {"sense": each["sense"]})[kind] = round(each["ratio"], 3)
        STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(found, stored))
    print(machine())
    lost = [] if asked.update or asked.before else worse(found, stored)
    print(f"worse: {'; '.join(lost)}" if lost else f"nothing is worse by {TOLERANCE:.0%}")
    return 1 if lost else 0


def stored_ratios() -> Ratios:
    """What the file holds; nothing if there is none."""
    found: Ratios = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    return found


def measured(name: str, tree: Path | None) -> Ratios:
    """The ratios of one benchmark; its bounds do not matter here."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if tree is not None:
        environment["PYTHONPATH"] = str(tree.resolve())
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "ratios"
        subprocess.run(
            [sys.executable, FOLDER / f"{name}.py"],
            env={**environment, RECORD: str(record)},
            check=False,
        )
        if not record.exists():
            raise SystemExit(f"{name} broke down: nothing is compared or stored")
        rows = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return {row["title"]: {"sense": row["sense"], "ratio": row["value"]} for row in rows}


def worse(found: Ratios, stored: Ratios) -> list[str]:
    """Titles of ratios that are worse than the stored ones by more than the tolerance."""
    return [
        title
        for title, each in found.items()
        if (before := stored.get(title, {}).get("ratio")) is not None
        and gain(each, before) < 1 - TOLERANCE
    ]


def gain(found: dict[str, Any], before: float) -> float:
    """How many times as good as before: below one if worse."""
    quotient: float = found["ratio"] / before
    return quotient if found["sense"] == "faster" else 1 / quotient


def better(first: Ratios, second: Ratios) -> Ratios:
    """Title by title the better of two measurements."""
    return {
        title: max(each, second.get(title, each), key=lambda one: gain(one, each["ratio"]))
        for title, each in first.items()
    }


def poorer(first: Ratios, second: Ratios) -> Ratios:
    """Title by title the poorer of two measurements, so that luck is not what is asked for."""
    return {
        title: min(each, second.get(title, each), key=lambda one: gain(one, each["ratio"]))
        for title, each in first.items()
    }


def table(found: Ratios, stored: Ratios) -> str:
    """One row per ratio: before, stored, now, and how many times as good as before."""
    rows: list[Sequence[str]] = [("what, to its peer", "", "before", "stored", "now", "gain")]
    for title, each in found.items():
        kept = stored.get(title, {})
        before = kept.get("before")
        known = (f"{kept[kind]:.2f}" if kind in kept else "-" for kind in ("before", "ratio"))
        times = "-" if before is None else f"{gain(each, before):.2f}"
        rows.append((title, each["sense"], *known, f"{each['ratio']:.2f}", times))
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
