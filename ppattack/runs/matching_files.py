"""Who is whose: the files of a run that named images.

``matching.csv`` and ``matching.json`` have a row for each ciphertext, ``membership.csv`` one for
each candidate: whether it is in the encrypted set, and as which ciphertext; equal images are one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.data.source import content_hashes
from ppattack.files import write_text
from ppattack.reports.text import csv_text

if TYPE_CHECKING:
    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario

MATCHING = "matching"
"""For each ciphertext its likeliest candidates, as CSV and JSON."""
MEMBERSHIP = "membership.csv"
"""For each candidate the ciphertext that names it; there if the attack gave p-values."""


def write_matching(folder: Path, scenario: Scenario, recovery: Recovery) -> None:
    """Write them.

    Args:
        folder: the run's, new.
        scenario: for the names.
        recovery: has a matching.
    """
    assert recovery.matching is not None  # noqa: S101
    matching = recovery.matching.tolist()
    ranking = [[place] for place in matching]
    if recovery.ranking is not None:
        ranking = recovery.ranking.tolist()
    p_values = None if recovery.p_values is None else recovery.p_values.tolist()
    exact = None if recovery.exact is None else recovery.exact.tolist()
    name = scenario.name_of_candidate
    rows: list[list[str]] = [["ciphertext", "candidate", "p_value", "exact"]]
    found = []
    for i, ciphertext in enumerate(scenario.names):
        p = None if p_values is None else p_values[i]
        same = None if exact is None else exact[i]
        rows.append([ciphertext, name(matching[i]), _p(p), _yes(same)])
        found.append(
            {
                "ciphertext": ciphertext,
                "candidates": [name(place) for place in ranking[i]],
                "p_value": None if p is None else round(p, 8),
                "exact": same,
            }
        )
    write_text(folder / f"{MATCHING}.csv", csv_text(rows))
    write_text(folder / f"{MATCHING}.json", json.dumps(found, indent=1) + "\n")
    if p_values is not None:
        contents = content_hashes(scenario.observation.public_images.cpu())
        first_of: dict[str, int] = {}
        same_as = [first_of.setdefault(content, i) for i, content in enumerate(contents)]
        members = membership([same_as[place] for place in matching], p_values, len(contents))
        rows = [["candidate", "p_value", "exact", "ciphertext"]]
        for place, (p, who) in enumerate(members[first] for first in same_as):
            same = None if exact is None else who is not None and exact[who]
            named = "" if who is None else scenario.names[who]
            rows.append([name(place), _p(p), _yes(same), named])
        write_text(folder / MEMBERSHIP, csv_text(rows))


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def membership(
    matching: list[int], p_values: list[float], candidates: int
) -> list[tuple[float, int | None]]:
    """For each candidate how likely it would be named as surely if it was not in the set, by which.

    Args:
        matching: for each of N ciphertexts its candidate.
        p_values: of these matches.
        candidates: how many there are, M.

    Returns:
        the p-value of the surest ciphertext that names it, times N / M if that is above one, for
        each ciphertext may name it by chance; 1 and None if no ciphertext names it.
    """
    best: list[tuple[float, int | None]] = [(1.0, None)] * candidates
    often = max(1.0, len(matching) / candidates)
    for i, (place, p) in enumerate(zip(matching, p_values, strict=True)):
        if 0 <= place < candidates and (best[place][1] is None or p * often < best[place][0]):
            best[place] = min(1.0, p * often), i
    return best
