"""``matches/``: the query, its likeliest candidates and the truth, for a few ciphertexts.

``<n>-query.png`` is the ciphertext, ``<n>-1.png`` to ``<n>-5.png`` are its candidates from the
likeliest on, ``<n>-truth.png`` is the image that was encrypted; ``matches.json`` says the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ppattack.data.image_files import thumbnail, write_picture
from ppattack.files import write_text
from ppattack.reports.matches import FILE, ShownMatch, ShownMatches

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Recovery
    from ppattack.scenario import Scenario

SHOWN = 6
"""Ciphertexts, from the surest match to the least sure, at even ranks."""
CANDIDATES = 5
EDGE = 128
"""Pixels of the longer edge of a picture at most."""


def write_matches(folder: Path, scenario: Scenario, recovery: Recovery) -> None:
    """Write pictures and names.

    Args:
        folder: where they go.
        scenario: ciphertexts, candidates and the truth.
        recovery: its ranking and p-values.
    """
    assert recovery.ranking is not None  # noqa: S101
    shown = []
    for number, index in enumerate(_chosen(len(recovery.ranking), recovery.p_values)):
        match = _match(scenario, recovery, index)
        shown.append(match)
        ranked = recovery.ranking[index, : len(match.candidates)].tolist()
        candidates = scenario.observation.public_images
        pictures = {"query": scenario.observation.ciphertexts[index]}
        pictures |= {str(place): candidates[row] for place, row in enumerate(ranked, 1)}
        if scenario.truth.images is not None:
            pictures["truth"] = scenario.truth.images[index]
        for role, image in pictures.items():
            write_picture(folder / f"{number}-{role}.png", thumbnail(image, EDGE))
    write_text(folder / FILE, ShownMatches(matches=tuple(shown)).model_dump_json(indent=2) + "\n")


def _match(scenario: Scenario, recovery: Recovery, index: int) -> ShownMatch:
    assert recovery.ranking is not None  # noqa: S101
    ranked = recovery.ranking[index, :CANDIDATES].tolist()
    truth = scenario.truth.matching
    answer = None if truth is None else int(truth[index])
    return ShownMatch(
        ciphertext=scenario.names[index],
        p_value=None if recovery.p_values is None else float(recovery.p_values[index]),
        candidates=tuple(scenario.name_of_candidate(row) for row in ranked),
        right=ranked.index(answer) if answer in ranked else None,
        known=answer is not None,
        absent=answer == -1,
        truth=scenario.truth.images is not None,
    )


def _chosen(count: int, p_values: Tensor | None) -> list[int]:
    order = np.arange(count) if p_values is None else np.argsort(p_values.numpy(), kind="stable")
    ranks = np.linspace(0, count - 1, min(SHOWN, count)).round().astype(int)
    return [int(order[rank]) for rank in ranks]
