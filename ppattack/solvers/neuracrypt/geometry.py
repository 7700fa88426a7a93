"""Codes matched with candidates by what own keys say about both: no network is trained.

A wide random network keeps how far a code is from the mean code of its place, and inner products
of codes of one place. Both are computed under own keys and compared.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ppattack.solvers.matching.assignment import greatest_score
from ppattack.solvers.neuracrypt.alternation import (
    Alternation,
    Views,
    alternate,
    scores_of_contents,
)
from ppattack.solvers.neuracrypt.annealing import annealed_matching
from ppattack.solvers.neuracrypt.case import Case, Stages
from ppattack.solvers.neuracrypt.confidence import (
    Rehearsal,
    height,
    in_common,
    mutual,
    null_height,
)
from ppattack.solvers.neuracrypt.features import energies
from ppattack.solvers.neuracrypt.landmarks import refine
from ppattack.solvers.neuracrypt.own_keys import Expected

ROUNDS = 20
"""Rounds of an alternation that ends by itself, at most."""
COMPARED = 64
"""Images whose codes show whether they have a key in common."""
FIRST_MOST = 2000
"""Codes beyond which the first matching is left out where it only shows what annealing gains."""

Match = Callable[[Case, Expected, Stages], tuple[Alternation, Views]]


def matched_by_contents(case: Case, known: Expected, stages: Stages) -> tuple[Alternation, Views]:
    """Match regardless of order: the linear encoder adds no positions to undo a shuffle by.

    Args:
        case: codes and candidates.
        known: energies about the mean of all codes.
        stages: notes time and matchings.
    """
    with stages.timed("first matching"):
        power = energies(case.codes, by_position=False)
        scores = scores_of_contents(known.energies, power)
        matching = greatest_score(scores)
    stages.reached("first matching", matching)
    unknown = torch.arange(power.shape[1], device=matching.device)
    views = Views(known.energies[..., None], power[..., None])
    return Alternation(matching, unknown, scores, 1), views


def matched_by_places(case: Case, known: Expected, stages: Stages) -> tuple[Alternation, Views]:
    """Match codes in one order: first regardless of it, then with the order, then by landmarks.

    Args:
        case: codes in one order, and candidates.
        known: energies and similarities of the candidates.
        stages: notes time and matchings.
    """
    progress = stages.context.progress
    power = energies(case.codes)
    if case.places is not None or len(power) <= FIRST_MOST:
        with stages.timed("first matching"):
            first = greatest_score(scores_of_contents(known.energies, power))
        stages.reached("first matching", first)
    with stages.timed("alternation"):
        if case.places is None:
            first = annealed_matching(known.energies, power, progress)
        views = Views(known.energies[..., None], power[..., None])
        found = alternate(views, first, case.places, ROUNDS)
    stages.reached("alternation", found.matching)
    with stages.timed("inner products"):
        found = refine(
            views,
            known.similarities,
            case.codes,
            known.landmarks,
            found,
            case.places,
            ROUNDS,
            progress,
        )
    stages.reached("inner products", found.matching)
    return found, views


def rehearsed(case: Case, match: Match, known: Expected) -> Rehearsal:
    """The same attack under one more own key, on codes of candidates.

    Args:
        case: candidates, and how many codes there are.
        match: the attack.
        known: what own keys say about the candidates.
    """
    again, owners, candidates = case.rehearsal(known.landmarks)
    known = known.of(candidates)
    found, _ = match(again, known, Stages.silent(case.own.context))
    right = (found.matching.cpu() == owners).double().mean().item()
    stream = case.own.context.torch_stream("rehearsal", "noise")
    null = 0.0 if case.is_judged_by_choice else null_height(found.scores, stream)
    strangers = again.strangers(owners)
    if strangers is not None:
        # Heights grow with the number of candidates, of which strangers leave half: what they
        # have beyond mixed scores of their number is added to mixed scores of the whole.
        alone, others = strangers
        vain, _ = match(alone, known.of(others), Stages.silent(case.own.context))
        level = 0.0 if case.is_judged_by_choice else null_height(vain.scores, stream)
        null += max(clearness(case, vain) - level, 0.0)
    common = 1.0 if case.is_linear else in_common(case.codes[:COMPARED])
    return Rehearsal(right, clearness(case, found), null, common)


def clearness(case: Case, found: Alternation) -> float:
    """How far a matching stands out: by its height, or by mutual choice.

    Mutual choice decides where heights say little: if contents are matched, or if the task is
    larger than its rehearsal, as heights grow with the number of candidates.
    """
    measure = mutual if case.is_judged_by_choice else height
    return measure(found.scores, found.matching)
