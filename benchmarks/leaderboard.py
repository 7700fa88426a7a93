"""The runs of our leaderboard: every built-in scheme audited, then the fewest images searched.

    python benchmarks/leaderboard.py runs
    python benchmarks/leaderboard.py runs --schemes le pe
    ppattack leaderboard runs --json > docs/results/leaderboard.json

Every scheme is audited under one key and under a key per image, and given known pairs and chosen
plaintexts. Then each attack that showed the strongest level is given less for as long as it shows
that level: one known pair or chosen plaintext fewer where it has some, else half the ciphertexts.
An attack that took more than ``--seconds`` is not searched. Finished runs are not repeated.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppattack.errors import PpattackError, RunFailed
from ppattack.plugins import registry
from ppattack.reports.audit import AUDIT
from ppattack.reports.found import read_runs
from ppattack.reports.leaderboard import adversary_of
from ppattack.reports.leaks import rank
from ppattack.reports.run import Report
from ppattack.request import RunRequest
from ppattack.runs.run import run
from ppattack.sweeps.audit import audit

VICTIMS, ADVERSARY = 64, 500
GIVEN: dict[str, dict[str, Any]] = {
    "color-neuracrypt": {"target_settings": {"variant": "small"}},
    "neuracrypt": {"target_settings": {"variant": "small"}},
    "transform-net": {
        "data": "digits",
        "target_settings": {"variant": "small", "images": 600, "epochs": 2},
    },
}
"""What differs for schemes of which the defaults take long."""
FEW: dict[str, dict[str, Any]] = {
    "color-neuracrypt": {"victims": 32, "adversary": 100},
    "neuracrypt": {"victims": 32, "adversary": 100},
    "instahide": {"victims": 32, "adversary": 100},
    "transform-net": {"adversary": 300},
}
ANSWERS = {"known-plaintext": "pairs", "linear-regression": "pairs", "encoder-regression": "pairs",
           "chosen-plaintext": "images"}  # fmt: skip
"""The setting that says how many answers an attack gets."""


def request(scheme: str, out: Path) -> RunRequest:
    """What every run of a scheme has in common."""
    common: dict[str, Any] = {"victims": VICTIMS, "adversary": ADVERSARY, "preset": "smoke"}
    given = {**common, **GIVEN.get(scheme, {}), **FEW.get(scheme, {})}
    return RunRequest(attack="none", target=scheme, threads=1, out=out, **given)


def tried(asked: RunRequest) -> Report | None:
    """The report of a run; None if it cannot be made, with the reason printed."""
    try:
        report = run(asked).report
    except (PpattackError, RunFailed) as error:
        print(f"  {asked.attack}: {error}", flush=True)
        return None
    few = f"{asked.attack_settings or ''} n={asked.victims}"
    print(f"  {asked.attack} {asked.key_scope} {few}: {report.verdict} {report.leak}", flush=True)
    return report


def strongest(reports: list[Report]) -> Iterator[Report]:
    """The runs with the strongest level of an adversary and key scope, one for each attack."""
    cells: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for report in reports:
        if report.verdict == "BROKEN" and report.leak is not None:
            cells[adversary_of(report.threat), report.threat.key_scope].append(report)
    for found in cells.values():
        best = max(rank(report.leak or "nothing") for report in found)
        first = {r.attack.name: r for r in found if rank(r.leak or "nothing") == best}
        yield from first.values()


def search(asked: RunRequest, report: Report, seconds: float) -> None:
    """Give the attack less and less, until it shows less."""
    name, level = report.attack.name, rank(report.leak or "nothing")
    setting = ANSWERS.get(name)
    count = report.threat.pairs or report.threat.chosen if setting else asked.victims
    found: Report | None = report
    while count > 1 and found is not None and sum(found.timing.values()) <= seconds:
        count = count - 1 if setting else count // 2
        change: dict[str, Any] = (
            {"attack_settings": {setting: count}} if setting else {"victims": count}
        )
        scope = report.threat.key_scope
        found = tried(replace(asked, attack=name, key_scope=scope, **change))
        if found is None or found.verdict != "BROKEN" or rank(found.leak or "nothing") < level:
            return


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    ours = [name for name in registry.names("target")
            if not registry.is_third_party("target", name)]  # fmt: skip
    parser.add_argument("--schemes", nargs="+", default=ours, choices=ours)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    for scheme in given.schemes:
        print(scheme, flush=True)
        asked = request(scheme, given.out / scheme)
        try:
            print(f"  audit: {audit(asked).report.reason}", flush=True)
        except (PpattackError, RunFailed) as error:
            print(f"  audit: {error}", flush=True)
        for name in ("known-plaintext", "chosen-plaintext"):
            if asked.target not in ("one-time-pad", "instahide"):
                tried(replace(asked, attack=name, key_scope="dataset"))
        try:
            runs = [each.report for each in read_runs([asked.out])]
        except PpattackError:
            continue  # no attack applies to it
        for report in strongest([each for each in runs if each.attack.name != AUDIT]):
            search(asked, report, given.seconds)


if __name__ == "__main__":
    main()
