"""A perfect, a useless and a lucky attacker, built by hand, get the scores they deserve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.scores import Evaluation, evaluate, summarise
from ppattack.evaluation.verdict import BROKEN_GAIN, decide
from ppattack.maps import CipherMap, Shuffle
from ppattack.metrics.images import ImageScorer
from ppattack.permxor import PermXor, identity
from ppattack.reports.run import ControlResult
from ppattack.reports.scores import MetricScores, Scores, Summary
from ppattack.scenario import Scenario, simulate
from ppattack.threat import KeyScope, ThreatModel
from targets.etc import EtC
from targets.pe import PE
from tests.support.probe import Probe

SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")
TARGET = PE()


def _scenario(sets: ImageSets, needs: ThreatModel | None = None) -> Scenario:
    return simulate(Probe(needs or ThreatModel()), TARGET, sets, "dataset", seed=0)


def _evaluate(recovery: Recovery, scenario: Scenario) -> Evaluation:
    return evaluate(recovery, scenario, TARGET, SCORER, seed=0)


def _control(passed: bool) -> ControlResult:
    return ControlResult(target="t", config={}, victims=24, gain=None, passed=passed, words="")


def test_a_perfect_attacker_is_perfect_and_breaks_the_target(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    found = _evaluate(Recovery(images=scenario.truth.images), scenario)
    assert found.scores.ssim is not None
    assert found.scores.psnr is not None
    assert found.scores.ssim.reconstruction.min == 1.0
    assert found.scores.psnr.reconstruction.mean == 100.0
    assert decide(found, None, _control(True))[0] == "BROKEN"
    assert decide(found, None, _control(False))[0] == "INCONCLUSIVE"


@pytest.mark.parametrize("kind", ["ciphertext", "mean", "constant"])
def test_a_useless_attacker_gains_nothing(sets: ImageSets, kind: str) -> None:
    scenario = _scenario(sets)
    ciphertexts = scenario.observation.ciphertexts
    mean = sets.adversary.double().mean(0).round().to(torch.uint8).expand_as(ciphertexts)
    images = {
        "ciphertext": ciphertexts,
        "mean": mean.contiguous(),
        "constant": torch.full_like(ciphertexts, 128),
    }[kind]
    found = _evaluate(Recovery(images=images), scenario)
    assert found.scores.ssim is not None
    assert found.scores.ssim.gain is not None
    assert found.scores.ssim.gain.mean <= 1e-6
    assert decide(found, None, None)[0] == "INCONCLUSIVE"
    assert decide(found, _control(False), None)[0] == "INCONCLUSIVE"
    verdict, reason, *_ = decide(found, _control(True), None)
    if kind == "ciphertext":
        assert verdict == "RESISTED"
    else:
        assert verdict == "INCONCLUSIVE"
        assert "the attack collapsed" in reason


def test_gain_is_to_the_best_blind_baseline_in_either_direction(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    found = _evaluate(Recovery(images=scenario.truth.images), scenario)
    assert found.baselines.keys() >= {"mean", "random-public", "ciphertext", "const128"}
    assert found.scores.ssim is not None
    assert found.scores.ssim.baseline is not None
    assert found.scores.ssim.baseline.mean == pytest.approx(max(found.baselines.values()))
    assert found.scores.mse is not None
    assert found.scores.mse.baseline is not None
    assert found.scores.mse.gain is not None
    assert found.scores.mse.better == "lower"
    assert found.scores.mse.gain.mean == pytest.approx(found.scores.mse.baseline.mean)


def test_exact_key_recovery_is_scored_and_breaks_the_target(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    assert scenario.truth.key is not None
    true_key = TARGET.permxor(scenario.truth.key)
    blank = torch.zeros_like(scenario.observation.ciphertexts)
    found = _evaluate(Recovery(images=blank, key=true_key), scenario)
    assert found.scores.key is not None
    assert found.scores.key.reconstruction.mean == 1.0
    assert decide(found, None, None)[0] == "BROKEN"
    wrong = replace(true_key, mask=true_key.mask ^ np.uint8(255))
    found = _evaluate(Recovery(images=blank, key=wrong), scenario)
    assert found.scores.key is not None
    assert found.scores.key.reconstruction.mean == 0.5
    assert decide(found, None, None)[0] != "BROKEN"


def test_only_a_map_that_decrypts_by_itself_is_exact(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    plain = scenario.truth.images
    assert plain is not None
    assert scenario.truth.key is not None
    key = TARGET.permxor(scenario.truth.key)
    shape = scenario.observation.image_shape
    right, wrong = (
        CipherMap(shape, shape, (Shuffle(key.index, mask, key.unit),))
        for mask in (key.mask, key.mask ^ np.uint8(1))
    )
    found = _evaluate(Recovery(images=plain, map=right), scenario)
    assert found.exact
    assert decide(found, None, None)[1].startswith("the attack recovered a map")
    assert not _evaluate(Recovery(images=plain, map=wrong), scenario).exact
    assert not _evaluate(Recovery(images=plain), scenario).exact


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_keys_of_whole_blocks_are_scored_as_puzzles_too(sets: ImageSets, scope: KeyScope) -> None:
    target = EtC(block_size=4)
    scenario = simulate(Probe(ThreatModel()), target, sets, scope, seed=0)
    assert scenario.truth.key is not None
    true = target.permxor(scenario.truth.key)

    def scored(key: PermXor) -> Scores:
        return evaluate(Recovery(key=key), scenario, target, SCORER, seed=0).scores

    right = scored(true)
    assert right.key is not None
    assert right.puzzle is not None
    count = len(scenario.names) if scope == "image" else 1
    for found in (right.key, right.puzzle):
        assert found.reconstruction.mean == 1.0
        assert found.reconstruction.n == count
    assert right.puzzle.direct == right.puzzle.largest == right.puzzle.raw_direct == 1.0
    negative = scored(PermXor(true.index, true.mask ^ np.uint8(255)))
    assert negative.key is not None
    assert negative.puzzle is not None
    assert negative.key.reconstruction.mean == 0.5
    assert negative.puzzle.neighbour == negative.puzzle.direct == 1.0
    assert negative.puzzle.raw_direct == 0.0
    assert negative.puzzle.position_direct == 1.0
    still = scored(identity(true.symbols))
    if scope == "image":
        assert still.key is None
        assert still.puzzle is None
    else:
        assert still.puzzle is not None
        assert still.puzzle.neighbour < 0.5


def test_why_a_key_is_no_puzzle(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    assert scenario.truth.key is not None
    key = TARGET.permxor(scenario.truth.key)
    reasons = [_evaluate(Recovery(key=key), scenario).absent["puzzle"]]
    blank = torch.zeros_like(scenario.observation.ciphertexts)
    reasons.append(_evaluate(Recovery(images=blank), scenario).absent["puzzle"])
    assert reasons == ["the scheme does not move whole blocks", "the attack recovers no key"]


def test_a_matching_is_scored_against_chance(sets: ImageSets) -> None:
    scenario = _scenario(sets, ThreatModel(public="candidates"))
    truth = scenario.truth.matching
    assert truth is not None
    right = _evaluate(Recovery(matching=truth), scenario)
    assert right.scores.matching is not None
    assert right.scores.matching.reconstruction.mean == 1.0
    assert right.scores.ssim is None
    assert decide(right, None, None)[0] == "BROKEN"
    shifted = _evaluate(Recovery(matching=truth.roll(1)), scenario)
    assert shifted.scores.matching is not None
    assert shifted.scores.matching.reconstruction.mean == 0.0


def test_one_failed_image_makes_the_run_inconclusive(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    recovery = Recovery(images=scenario.truth.images, failures={2: "diverged"})
    found = _evaluate(recovery, scenario)
    assert found.failures == {"00002": "diverged"}
    assert decide(found, _control(True), _control(True))[0] == "INCONCLUSIVE"


def test_absent_metrics_say_why(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    found = _evaluate(Recovery(images=scenario.truth.images), scenario)
    scores = found.scores.model_dump()
    assert set(scores) == set(found.absent) | {n for n, part in scores.items() if part is not None}
    assert found.absent["lpips"] == "switched off in this test"
    no_truth = replace(scenario, truth=replace(scenario.truth, images=None, key=None))
    blind = _evaluate(Recovery(images=scenario.truth.images), no_truth)
    assert "not known" in blind.absent["ssim"]
    assert decide(blind, None, None)[0] == "INCONCLUSIVE"


def test_the_worst_sample_is_the_best_recovered_image(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    assert scenario.truth.images is not None
    images = torch.zeros_like(scenario.truth.images)
    images[5] = scenario.truth.images[5]
    worst = _evaluate(Recovery(images=images), scenario).worst
    assert worst is not None
    assert (worst.index, worst.name, worst.scores["ssim"]) == (5, "00005", 1.0)


def _evaluation(low: float, high: float, n: int = 64) -> Evaluation:
    middle = (low + high) / 2
    numbers = {"mean": middle, "median": middle, "q1": low, "q3": high, "min": low, "max": high}
    summary = Summary(n=n, ci95=(low, high), **numbers)
    scores = MetricScores(
        better="higher",
        reconstruction=summary,
        ciphertext=summary,
        baseline=summary,
        baseline_name="mean",
        gain=summary,
    )
    return Evaluation(Scores(ssim=scores), {})


def test_the_interval_decides() -> None:
    yes = _control(True)
    assert decide(_evaluation(BROKEN_GAIN + 0.01, 0.2), yes, yes)[0] == "BROKEN"
    assert decide(_evaluation(BROKEN_GAIN - 0.01, 0.2), yes, yes)[0] == "INCONCLUSIVE"
    assert decide(_evaluation(-0.1, BROKEN_GAIN - 0.01), yes, yes)[0] == "RESISTED"
    assert decide(_evaluation(0.5, 0.9, n=9), yes, yes)[0] == "INCONCLUSIVE"
    assert "9 images are too few" in decide(_evaluation(0.5, 0.9, n=9), yes, yes)[1]
    assert "1 image is too few" in decide(_evaluation(0.5, 0.9, n=1), yes, yes)[1]


def test_limits_are_no_resistance_and_what_is_refuted_breaks_nothing() -> None:
    yes = _control(True)
    lucky, weak = _evaluation(BROKEN_GAIN + 0.01, 0.2), _evaluation(-0.1, BROKEN_GAIN - 0.01)
    for each in (lucky, weak):
        refuted = replace(each, limits="the model does not fit", refuted=True)
        verdict, reason, *_ = decide(refuted, yes, yes)
        assert verdict == "INCONCLUSIVE"
        assert reason.endswith("but the model does not fit.")
    assert decide(replace(weak, limits="too few"), yes, yes)[0] == "INCONCLUSIVE"
    assert decide(replace(lucky, limits="too few"), yes, yes)[0] == "BROKEN"


def test_a_state_that_may_be_shown_is_no_resistance() -> None:
    weak, yes = _evaluation(-0.1, BROKEN_GAIN - 0.01), _control(True)
    for high, verdict in ((BROKEN_GAIN - 0.01, "RESISTED"), (BROKEN_GAIN + 0.1, "INCONCLUSIVE")):
        scores = _evaluation(-0.1, high).scores.ssim
        assert scores is not None
        assert decide(replace(weak, best_state_gain=scores.gain), yes, yes)[0] == verdict


def test_photographs_that_are_not_the_truth_are_no_resistance() -> None:
    weak = replace(_evaluation(-0.1, BROKEN_GAIN - 0.01), by_sight="2 are photographs.")
    verdict, reason, *_ = decide(weak, _control(True), _control(True))
    assert verdict == "INCONCLUSIVE"
    assert "but 2 are photographs. The images of --truth hold other values" in reason


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40))
def test_summaries_are_the_statistics_they_are_named_for(values: list[float]) -> None:
    data = np.array(values)
    summary = summarise({"x": data}, seed=1)["x"]
    assert (summary.n, summary.min, summary.max) == (len(values), data.min(), data.max())
    assert summary.median == pytest.approx(float(np.median(data)))
    assert summary.min - 1e-9 <= summary.ci95[0] <= summary.ci95[1] <= summary.max + 1e-9
    assert summarise({"x": data}, seed=1)["x"] == summary


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = summarise({"x": rng.normal(0.3, 1.0, 60)}, seed=trial)["x"].ci95
        covered += low <= 0.3 <= high
    assert 180 <= covered <= 198


def test_images_that_came_back_mirrored_are_broken_up_to_a_state(sets: ImageSets) -> None:
    scenario = _scenario(sets)
    assert scenario.truth.images is not None
    mirrored = 255 - scenario.truth.images.flip(3)
    found = _evaluate(Recovery(images=mirrored, up_to_state=True), scenario)
    assert found.best_state_ssim is not None
    assert found.best_state_ssim.min == pytest.approx(1.0)
    judged = decide(found, _control(True), _control(True))
    assert judged.verdict == "BROKEN"
    assert judged.leak == "state"
    assert "mirrored" in judged.reason
    noise = torch.randint(0, 256, mirrored.shape, dtype=torch.uint8)
    useless = _evaluate(Recovery(images=noise, up_to_state=True), scenario)
    assert decide(useless, _control(True), _control(True))[0] == "RESISTED"


def test_a_picture_shifted_in_a_circle_is_said_to_be_so(sets: ImageSets) -> None:
    target = EtC(block_size=8)
    scenario = simulate(Probe(ThreatModel()), target, sets, "image", seed=0)
    plain = scenario.truth.images
    assert plain is not None
    images = plain.clone()
    images[3] = plain[3].roll((8, 16), (1, 2)).flip(2)
    found = evaluate(Recovery(images=images), scenario, target, SCORER, seed=0)
    assert found.shifted is not None
    assert found.shifted.images == 1
    assert found.shifted.ssim.min == pytest.approx(1.0)
    apart = plain.roll((4, 4), (2, 3))  # half a block is no shift in whole blocks
    found = evaluate(Recovery(images=apart), scenario, target, SCORER, seed=0)
    assert found.shifted is not None
    assert found.shifted.images == 0
    assert _evaluate(Recovery(images=images), _scenario(sets)).shifted is None  # pixels stay
