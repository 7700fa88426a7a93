"""What counts as which leak: by hand-made scores, and by attackers of known worth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.leaks import BROKEN_GAIN, measured, strongest
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.evaluation.verdict import decide, passes
from ppattack.metrics.images import ImageScorer
from ppattack.reports.leaks import (
    LEAKS,
    LEVELS,
    VISIBLE,
    LeakLevel,
    LeakName,
    level_lines,
    rank,
    verdict_words,
)
from ppattack.reports.run import ControlResult, read_report
from ppattack.reports.scores import MatchingScores, Scores
from ppattack.scenario import simulate
from ppattack.threat import KeyScope, ThreatModel
from targets.etc import EtC
from tests.support.natural import natural_sets
from tests.support.probe import Probe
from tests.support.saved import metric, report, summary

SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")
SHOWN, HIDDEN = BROKEN_GAIN + 0.1, BROKEN_GAIN - 0.04


def control(*, passed: bool) -> ControlResult:
    return ControlResult(target="t", config={}, victims=24, gain=None, passed=passed, words="")


def matching(gain: float) -> MatchingScores:
    return MatchingScores(**metric(gain, gain).model_dump())


def evaluation(
    *,
    exact: bool = False,
    images: float | None = None,
    state: float | None = None,
    identity: float | None = None,
) -> Evaluation:
    """Gains by hand; their intervals are .05 wide."""
    scores = Scores(
        ssim=None if images is None else metric(images, images),
        matching=None if identity is None else matching(identity),
    )
    gain = None if state is None else summary(state)
    return Evaluation(scores, {}, exact=exact, best_state_ssim=gain, best_state_gain=gain)


@pytest.mark.parametrize(
    ("found", "leak"),
    [
        (evaluation(exact=True, images=SHOWN), "key"),
        (evaluation(images=SHOWN, state=SHOWN), "images"),
        (evaluation(images=HIDDEN, state=SHOWN), "state"),
        (evaluation(images=HIDDEN, state=HIDDEN, identity=SHOWN), "identity"),
        (evaluation(images=HIDDEN, state=HIDDEN, identity=HIDDEN), "nothing"),
    ],
)
def test_the_strongest_level_is_named(found: Evaluation, leak: LeakName) -> None:
    assert strongest(measured(found)) == leak
    judged = decide(found, control(passed=True), control(passed=True))
    assert judged.leak == leak
    assert (judged.verdict == "BROKEN") == (leak != "nothing")
    # What also gains on a one-time pad shows nothing at any level.
    suspect = decide(found, control(passed=True), control(passed=False))
    assert suspect.leak == "nothing"
    assert suspect.verdict != "BROKEN"
    if leak != "nothing":
        assert suspect.verdict == "INCONCLUSIVE"
        assert not any(level.shown for level in suspect.levels.values())


def test_what_the_data_refute_shows_nothing_but_an_exact_key() -> None:
    found = evaluation(images=SHOWN, state=SHOWN, identity=SHOWN)
    for changed in (replace(found, refuted=True, limits="wrong"), replace(found, collapse="grey")):
        assert strongest(measured(changed)) == "nothing"
        assert strongest(measured(replace(changed, exact=True))) == "key"


def test_a_failed_image_leaves_everything_open() -> None:
    found = replace(evaluation(images=SHOWN), failures={"a": "diverged"})
    judged = decide(found, None, control(passed=True))
    assert (judged.verdict, judged.leak) == ("INCONCLUSIVE", "nothing")
    assert not judged.levels["images"].shown


def test_a_control_shows_what_the_attack_is_for() -> None:
    assert passes(evaluation(images=SHOWN), must_break=True)
    assert passes(evaluation(images=HIDDEN, state=SHOWN), must_break=True)
    assert not passes(evaluation(images=HIDDEN, identity=SHOWN), must_break=True)
    collapsed = replace(evaluation(images=SHOWN), collapse="grey")
    assert not passes(collapsed, must_break=True)
    assert not passes(Evaluation(Scores(), {}), must_break=True)
    # and a negative one shows nothing, whatever the attack is for
    assert passes(evaluation(images=HIDDEN, identity=HIDDEN), must_break=False)
    for leaking in (evaluation(images=HIDDEN, identity=SHOWN), evaluation(state=SHOWN, images=0)):
        assert not passes(leaking, must_break=False)
    assert not passes(Evaluation(Scores(), {}), must_break=False)


@pytest.fixture(scope="module")
def sets() -> ImageSets:
    return natural_sets(40, 60, size=16)


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("edge", [4, 8])  # of 8, a quarter of the image, some are right by chance
def test_the_best_of_all_states_is_no_leak_by_luck(
    sets: ImageSets, scope: KeyScope, edge: int
) -> None:
    target = EtC(block_size=edge)
    scenario = simulate(Probe(ThreatModel()), target, sets, scope, seed=0)
    plain = scenario.truth.images
    assert plain is not None
    noise = torch.randint(0, 256, plain.shape, generator=torch.Generator().manual_seed(1))
    useless = {
        "noise": noise.to(torch.uint8),
        "other images": plain.roll(7, 0),
        "ciphertexts": scenario.observation.ciphertexts,
    }
    for name, images in useless.items():
        recovery = Recovery(images=images, up_to_state=True)
        found = evaluate(recovery, scenario, target, SCORER, seed=0)
        assert strongest(measured(found)) == "nothing", name
    turned = 255 - torch.rot90(plain, 1, (2, 3))
    found = evaluate(Recovery(images=turned, up_to_state=True), scenario, target, SCORER, seed=0)
    assert strongest(measured(found)) == "state"
    # An attack that does not leave the state open is not forgiven a wrong one.
    found = evaluate(Recovery(images=turned), scenario, target, SCORER, seed=0)
    assert "state" not in measured(found)


LEVELS_SHOWN = st.dictionaries(st.sampled_from(LEVELS), st.booleans())


@given(st.lists(LEVELS_SHOWN, max_size=4))
def test_levels_over_several_runs(drawn: list[dict[LeakName, bool]]) -> None:
    found = [
        (number, {name: LeakLevel(shown=shown, words=f"{number}") for name, shown in each.items()})
        for number, each in enumerate(drawn)
    ]
    lines = level_lines(found)
    assert [line.level for line in lines] == list(LEVELS)
    top = max((rank(name) for each in drawn for name, shown in each.items() if shown), default=0)
    first = next((each for each in drawn if top and each.get(LEAKS[top])), {})
    for line in lines:
        own = [each[line.level] for each in drawn if line.level in each]
        denied = line.level in VISIBLE and line.level in first and not any(own)
        assert (line.state in ("shown", "follows")) == (rank(line.level) <= top and not denied)
        assert (line.state == "shown") == any(own)
        assert (line.state == "not measured") == (not own and rank(line.level) > top)
        if line.state == "shown":
            assert line.source == next(n for n, each in enumerate(drawn) if each.get(line.level))


def test_a_key_that_gives_no_images_back_does_not_show_them() -> None:
    levels: dict[LeakName, LeakLevel] = {
        "key": LeakLevel(shown=True, words="exact"),
        "images": LeakLevel(shown=False, words="colours are lost"),
    }
    states = {line.level: line.state for line in level_lines([("run", levels)])}
    assert states == {
        "key": "shown",
        "images": "not shown",
        "state": "follows",
        "identity": "follows",
        "class": "follows",
    }


def test_verdicts_in_words() -> None:
    assert verdict_words("BROKEN", "state", "fr") == "BROKEN: images up to a global state"
    assert verdict_words("BROKEN", None) == "BROKEN"
    assert verdict_words("RESISTED", "nothing", "itn") == "nothing shown by itn"
    assert verdict_words("INCONCLUSIVE", "nothing", "itn") == "INCONCLUSIVE"
    assert sorted(LEAKS, key=rank) == list(LEAKS)


def test_reports_from_before_there_were_levels_are_read(tmp_path: Path) -> None:
    document = json.loads(report().to_json())
    for name in ("leak", "levels", "best_state_gain"):
        del document[name]
    document["schema_version"] = "1.4"
    (tmp_path / "report.json").write_text(json.dumps(document))
    old = read_report(tmp_path)
    assert (old.verdict, old.leak, old.levels) == ("BROKEN", None, {})
