"""Matchings are scored as they deserve: shares, Wilson's interval, likeliest candidates, stages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack.attack import Context, Recovery
from ppattack.data.source import ImageSets
from ppattack.errors import PluginError
from ppattack.evaluation.scores import evaluate
from ppattack.evaluation.statistics import wilson95
from ppattack.evaluation.verdict import decide
from ppattack.metrics.images import ImageScorer
from ppattack.reports.run import ControlResult
from ppattack.reports.scores import MatchingScores, MetricScores, Scores
from ppattack.scenario import Scenario, simulate
from ppattack.threat import ThreatModel
from targets.pe import PE
from tests.support.probe import Probe

PASSED = ControlResult(target="t", config={}, victims=24, gain=None, passed=True, words="")
SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")


def _scenario(sets: ImageSets) -> Scenario:
    return simulate(Probe(ThreatModel(public="candidates")), PE(), sets, "dataset", seed=0)


def _scores(recovery: Recovery, scenario: Scenario) -> MatchingScores:
    found = evaluate(recovery, scenario, PE(), SCORER, seed=0).scores.matching
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 200, 0.0009, 0.0278),
    ],
)
def test_wilson_interval(successes: int, count: int, low: float, high: float) -> None:
    assert wilson95(successes, count) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share(case: tuple[int, int]) -> None:
    low, high = wilson95(*case)
    assert 0 <= low <= case[0] / case[1] <= high <= 1


def test_a_perfect_matching(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    found = _scores(Recovery(matching=truth, stages={"first": truth.roll(1)}), scenario)
    assert found.reconstruction.mean == 1
    assert found.wilson95 == wilson95(24, 24)
    assert found.stages == {"first": 0.0}
    assert found.top == {}
    assert found.reciprocal_rank is None
    assert found.over_chance == 24


def test_likeliest_candidates_count_by_place(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    ranking = (truth[:, None] + 1 + torch.arange(7)) % 24
    ranking[:6, 0] = truth[:6]
    ranking[6:12, 4] = truth[6:12]
    ranking[12:, 6] = truth[12:]
    found = _scores(Recovery(matching=ranking[:, 0], ranking=ranking), scenario)
    assert found.top == {"1": 0.25, "5": 0.5}
    assert found.reconstruction.mean == 0.25
    assert found.reciprocal_rank == pytest.approx(0.25 + 0.25 / 5 + 0.5 / 7)
    assert found.over_chance == pytest.approx(0.25 * 24)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stages": {"first": torch.zeros(3)}}, "stage 'first'"),
        ({"ranking": torch.zeros(3, 5)}, "ranked candidates"),
    ],
)
def test_stages_and_rankings_of_another_length_are_refused(
    sets: ImageSets, change: dict[str, object], words: str
) -> None:
    observation = _scenario(sets).observation
    good = Recovery(matching=torch.arange(24))

    class Wrong(Probe):
        def run(self, observation: object, context: object) -> Recovery:
            return replace(good, **change)  # type: ignore[arg-type]

    with pytest.raises(PluginError, match=words):
        Wrong(ThreatModel(public="candidates"))(observation, Context(torch.device("cpu"), seed=7))


def test_reports_of_before_are_still_read() -> None:
    plain = MetricScores.model_fields.keys()
    added = {name: each for name, each in MatchingScores.model_fields.items() if name not in plain}
    assert {"wilson95", "top", "stages", "recall_at_fmr"} <= set(added)
    assert not any(each.is_required() for each in added.values())
    assert all(not MatchingScores.model_fields[name].is_required() for name in ("top", "stages"))
    assert Scores().matching is None


def test_every_ciphertext_is_right_or_wrong_by_itself(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    given = truth.clone()
    given[[1, 4]] = given[[4, 1]]
    columns = evaluate(Recovery(matching=given), scenario, PE(), SCORER, seed=0).columns
    right = columns["matching.reconstruction"]
    assert set(right) == {0.0, 1.0}
    assert [k for k, each in enumerate(right) if not each] == [1, 4]
    chance = 1 / len(truth)
    assert columns["matching.baseline"] == pytest.approx([chance] * len(truth))
    assert columns["matching.gain"] == pytest.approx(right - chance)


def test_few_right_matches_among_very_many_are_no_resistance(sets: ImageSets) -> None:
    many = ImageSets("many", sets.victims.repeat(9, 1, 1, 1), sets.adversary)
    scenario = _scenario(many)
    truth = scenario.truth.matching
    assert truth is not None
    found = evaluate(Recovery(matching=truth.roll(1)), scenario, PE(), SCORER, seed=0)
    assert decide(found, PASSED, None)[0] == "RESISTED"
    assert _scores(Recovery(matching=truth.roll(1)), scenario).over_chance == 0
    matching = truth.roll(1)
    matching[:6] = truth[:6]  # 3 %, of which chance explains half a percent
    found = evaluate(Recovery(matching=matching), scenario, PE(), SCORER, seed=0)
    verdict, reason, *_ = decide(found, PASSED, None)
    assert verdict == "INCONCLUSIVE"
    assert "more than chance would name" in reason


def test_recall_counts_sure_matches_and_false_ones_only_among_the_absent(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    truth = truth.clone()
    truth[20:] = -1
    scenario = replace(scenario, truth=replace(scenario.truth, matching=truth))
    matching = truth.clamp_min(0)
    matching[0] = (truth[0] + 1) % 24
    p = torch.full((24,), 0.5)
    p[:10], p[10:15], p[20] = 0.0005, 0.005, 0.001
    found = _scores(Recovery(matching=matching, p_values=p), scenario)
    assert found.reconstruction.n == 20
    assert found.reconstruction.mean == 19 / 20
    assert found.recall_at_fmr == {"0.001": 9 / 20, "0.01": 14 / 20}
    assert found.recall95["0.001"] == wilson95(9, 20)
    assert found.absent == 4
    assert found.false_matches == {"0.001": 0.25, "0.01": 0.25}
    assert found.false95["0.01"] == wilson95(1, 4)


def test_exact_copies_count_at_every_rate_right_or_wrong(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    truth = torch.where(torch.arange(24) < 20, truth, -1)
    scenario = replace(scenario, truth=replace(scenario.truth, matching=truth))
    exact = torch.zeros(24, dtype=torch.bool)
    exact[:5] = exact[20] = True
    p = torch.full((24,), 1 / 25)
    matching = truth.clamp_min(0)
    matching[0] = (truth[0] + 1) % 24
    found = _scores(Recovery(matching=matching, p_values=p, exact=exact), scenario)
    assert found.recall_at_fmr == {"0.001": 4 / 20, "0.01": 4 / 20}
    assert found.false_matches == {"0.001": 0.25, "0.01": 0.25}


def test_a_lucky_attacker_who_is_always_sure_has_as_many_false_matches(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    truth = scenario.truth.matching
    assert truth is not None
    truth = torch.where(torch.arange(24) < 12, truth, -1)
    scenario = replace(scenario, truth=replace(scenario.truth, matching=truth))
    found = _scores(Recovery(matching=truth.clamp_min(0), p_values=torch.zeros(24)), scenario)
    assert found.recall_at_fmr["0.001"] == 1
    assert found.false_matches["0.001"] == 1


def test_nobody_there_is_nothing_to_score(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    nowhere = torch.full((24,), -1)
    scenario = replace(scenario, truth=replace(scenario.truth, matching=nowhere))
    found = evaluate(Recovery(matching=nowhere.abs()), scenario, PE(), SCORER, seed=0)
    assert found.scores.matching is None
    assert found.absent["matching"] == "no ciphertext's image is among the candidates"
