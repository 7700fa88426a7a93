"""Hand-made attackers are named, or not, as they deserve; guessing is chance."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
import torch
from torch import Tensor

from ppattack.attack import Recovery
from ppattack.data.source import ImageSets
from ppattack.evaluation.gallery import EDGE, Gallery, small
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.machine import computing_threads
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.lpips import Lpips
from ppattack.metrics.lpips_weights import find_weights
from ppattack.metrics.ssim_matrix import ssim_matrix
from ppattack.reports.scores import RecognisabilityScores, ReidentificationScores
from ppattack.scenario import Scenario, simulate
from ppattack.threat import ThreatModel
from targets.one_time_pad import OneTimePad
from targets.plain import Plain
from tests.conftest import smooth_images
from tests.support.natural import natural_images
from tests.support.probe import Probe

SCORER = ImageScorer(torch.device("cpu"), "switched off in this test")
PAD = OneTimePad()
VICTIMS, OTHERS, PUBLIC = 60, 140, 150


@pytest.fixture(autouse=True)
def _with_or_without_the_optional_package(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "ppattack.evaluation.gallery.no_identity_network"
    monkeypatch.setattr(where, lambda: "left out of this test")


def made(count: int = VICTIMS, others: int = OTHERS, public: int = PUBLIC) -> ImageSets:
    images = natural_images(count + others + public, EDGE)
    ours, theirs, known = images.split([count, others, public])
    return ImageSets("natural", ours.clone(), known.clone(), distractors=theirs.clone())


def scene(sets: ImageSets, threat: ThreatModel | None = None) -> Scenario:
    return simulate(Probe(threat or ThreatModel()), PAD, sets, "image", seed=0)


def scored(images: Tensor, scenario: Scenario, scorer: ImageScorer = SCORER) -> Evaluation:
    return evaluate(Recovery(images=images), scenario, PAD, scorer, seed=0)


def both(found: Evaluation) -> tuple[ReidentificationScores, RecognisabilityScores]:
    named, seen = found.scores.reidentification, found.scores.recognisability
    assert named is not None
    assert seen is not None
    assert named.gain is not None
    return named, seen


def test_a_perfect_attacker_names_every_image() -> None:
    scenario = scene(made())
    found = scored(scenario.truth.images, scenario)  # type: ignore[arg-type]
    named, seen = both(found)
    assert named.rank1 == named.rank10 == named.reconstruction.mean == 1.0
    assert named.candidates == VICTIMS + OTHERS
    assert named.chance == 1 / 200
    assert named.wilson95[0] > 0.9
    assert named.gain is not None
    assert named.gain.ci95[0] > 0.8
    assert all(kind.rank1 == kind.reciprocal_rank == 1.0 for kind in named.kinds.values())
    assert seen.reconstruction.mean == 0.0
    assert seen.below_first == 1.0
    assert seen.chance == 2 / 200  # the first two of 199 others stand below one per cent
    assert found.columns["reidentification.gain"].shape == (VICTIMS,)


@pytest.mark.parametrize("kind", ["constant", "mean", "noise"])
def test_a_useless_attacker_names_no_more_than_a_guess(kind: str) -> None:
    sets = made()
    scenario = scene(sets)
    mean = sets.adversary.float().mean(0).to(torch.uint8)
    images = {
        "constant": torch.full_like(sets.victims, 128),
        "mean": mean.expand_as(sets.victims).contiguous(),
        "noise": torch.randint(0, 256, sets.victims.shape, dtype=torch.uint8),
    }[kind]
    named, seen = both(scored(images, scenario))
    assert named.rank1 <= 3 / VICTIMS
    assert named.gain is not None
    assert named.gain.ci95[0] <= 0
    assert seen.reconstruction.mean == pytest.approx(0.5, abs=0.15)
    assert seen.below_first <= 4 / VICTIMS


@pytest.mark.parametrize("kind", ["noise", "public", "half", "constant"])
def test_comparisons_that_decide_nothing_change_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses are compared with all candidates only if no other victim is nearer at once."""
    sets = made(30, 50, 40)
    images = {
        "noise": torch.randint(0, 256, sets.victims.shape, dtype=torch.uint8),
        "public": sets.adversary[:30].clone(),
        "half": torch.cat([sets.victims[:15], sets.adversary[:15]]),
        "constant": torch.full_like(sets.victims, 128),
    }[kind]
    scenario = simulate(Probe(ThreatModel()), Plain(), sets, "dataset", seed=0)
    monkeypatch.setattr("ppattack.evaluation.gallery.recognised_by", lambda _: "none")
    monkeypatch.setattr("ppattack.evaluation.gallery.FEW", 8)
    few = scored(images, scenario)
    monkeypatch.setattr("ppattack.evaluation.gallery.BY_PAIRS", ())
    every = scored(images, scenario)
    assert few.scores == every.scores
    assert few.columns.keys() == every.columns.keys()
    assert all((few.columns[name] == each).all() for name, each in every.columns.items())


def test_a_lucky_attacker_has_what_it_named() -> None:
    sets = made()
    scenario = scene(sets)
    images = torch.full_like(sets.victims, 128)
    images[:6] = sets.victims[:6]
    named, seen = both(scored(images, scenario))
    assert 0.1 <= named.rank1 <= 0.1 + 2 / VICTIMS
    assert seen.below_first >= 0.1
    assert named.wilson95[0] < 0.1 < named.wilson95[1]


def test_images_that_are_others_name_others() -> None:
    sets = made()
    named, seen = both(scored(sets.victims.roll(1, 0), scene(sets)))
    assert named.rank1 == 0.0
    assert named.gain is not None
    assert named.gain.mean <= 0.0
    assert seen.reconstruction.mean > 0.2


def test_the_nearest_public_image_is_chance() -> None:
    """The most plausible image that an attacker could make up says nothing about which it is.

    For each of many victims it hands in a public image that looks most like another picture of the
    same kind: as good a picture as any, drawn without the victim.
    """
    count, others = 160, 40
    sets = made(count, others, 200)
    muse = natural_images(count, EDGE, seed=9)
    grey = [each.float().mean(1, keepdim=True).to(torch.uint8) for each in (muse, sets.adversary)]
    nearest = ssim_matrix(grey[0], grey[1]).argmax(dim=1)
    named, seen = both(scored(sets.adversary[nearest], scene(sets)))
    expected = 1 / (count + others)
    for each in named.kinds.values():
        apart = abs(each.rank1 - expected)
        assert apart < 4 * sqrt(expected / count)
        assert abs(each.rank10 - 10 * expected) < 4 * sqrt(10 * expected / count)
    assert named.gain is not None
    assert named.gain.ci95[0] <= 0
    assert abs(seen.reconstruction.mean - 0.5) < 4 * sqrt(1 / 12 / count) + 0.02


def shuffled_blocks(images: Tensor, edge: int) -> Tensor:
    count, channels, height, width = images.shape
    rows, columns = height // edge, width // edge
    grid = images.reshape(count, channels, rows, edge, columns, edge).permute(0, 2, 4, 1, 3, 5)
    grid = grid.reshape(count, rows * columns, channels, edge, edge)
    moved = torch.stack([each[torch.randperm(rows * columns)] for each in grid])
    moved = moved.reshape(count, rows, columns, channels, edge, edge).permute(0, 3, 1, 4, 2, 5)
    return moved.reshape(images.shape).contiguous()


def test_blocks_out_of_place_are_found_block_by_block_only() -> None:
    images = smooth_images(VICTIMS + OTHERS + 20, EDGE, seed=4)
    ours, theirs, public = images.split([VICTIMS, OTHERS, 20])
    sets = ImageSets("smooth", ours.clone(), public.clone(), distractors=theirs.clone())
    named, _ = both(scored(shuffled_blocks(ours, 8), scene(sets)))
    assert named.by == "blocks"
    assert named.kinds["blocks"].rank1 == 1.0
    assert named.kinds["ssim"].rank1 < 0.3


def test_a_visible_ciphertext_is_what_an_attack_must_beat() -> None:
    sets = made()
    scenario = simulate(Probe(ThreatModel()), Plain(), sets, "dataset", seed=0)
    found = evaluate(Recovery(images=sets.victims), scenario, Plain(), SCORER, seed=0)
    named, seen = both(found)
    assert named.baseline_name == seen.baseline_name == "ciphertext"
    assert named.ciphertext is not None
    assert named.ciphertext.mean == named.kinds["ssim"].ciphertext == 1.0
    assert named.gain is not None
    assert named.gain.mean == 0.0


def test_who_holds_the_victims_images_is_compared_among_these() -> None:
    sets = made()
    given = scene(sets, ThreatModel(public="candidates"))
    assert len(Gallery.of(given)) == VICTIMS
    lent = scene(sets.overlapping(1), ThreatModel(public="unpaired"))
    assert len(Gallery.of(lent)) == VICTIMS
    assert both(scored(sets.victims, lent))[0].chance == 1 / VICTIMS
    assert len(Gallery.of(scene(sets))) == VICTIMS + OTHERS


def test_no_distractor_is_an_image_of_either_side() -> None:
    sets = made()
    assert sets.distractors is not None
    twins = torch.cat([sets.victims[:5], sets.adversary[:7], sets.distractors[:30]])
    gallery = Gallery.of(scene(replace(sets, distractors=twins)))
    assert len(gallery) == VICTIMS + 30
    assert torch.equal(gallery.images[VICTIMS:], sets.distractors[:30])


def test_one_image_alone_cannot_be_told_from_others() -> None:
    sets = replace(made(), distractors=None).first_victims(1)
    found = scored(sets.victims, scene(sets))
    assert found.scores.reidentification is None
    assert "no other image" in found.absent["reidentification"]
    assert found.absent.keys() >= {"recognisability"}


def test_of_very_many_the_first_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppattack.evaluation.gallery.MOST_VICTIMS", 25)
    sets = made()
    images = torch.full_like(sets.victims, 128)
    images[:25] = sets.victims[:25]
    found = scored(images, scene(sets))
    named, _ = both(found)
    assert named.rank1 == 1.0
    assert named.reconstruction.n == 25
    assert named.candidates == 25 + OTHERS
    assert not any(name.startswith("reidentification") for name in found.columns)


def test_what_no_verdict_rests_on_may_be_left_out() -> None:
    scenario = scene(made())
    recovery = Recovery(images=scenario.truth.images)
    found = evaluate(recovery, scenario, PAD, SCORER, seed=0, only_gain=True)
    assert found.scores.ssim is not None
    assert found.scores.reidentification is None


def test_without_features_the_report_says_why() -> None:
    scenario = scene(made())
    named, seen = both(scored(scenario.truth.images, scenario))  # type: ignore[arg-type]
    assert named.absent["features"] == "switched off in this test"
    assert named.absent["efficientnet"] == "left out of this test"
    assert seen.by == "ssim"


def test_kinds_compared_side_by_side_give_the_same() -> None:
    scenario = scene(made())
    assert scenario.truth.images is not None
    queries = {"reconstruction": scenario.truth.images.flip(-1), "black": scenario.truth.images * 0}
    gallery = Gallery.of(scenario)
    with computing_threads(1):
        alone = gallery.compared(queries, "reconstruction", SCORER)
    with computing_threads(2), computing_threads(1):
        beside = gallery.compared(queries, "reconstruction", SCORER)
    assert list(alone) == list(beside)
    for kind, each in alone.items():
        assert each.first.keys() == beside[kind].first.keys()
        assert all(torch.equal(each.first[label], beside[kind].first[label]) for label in queries)


@pytest.mark.skipif(find_weights("alex") is None, reason="no weights of AlexNet")
def test_features_are_compared_if_there_are_any() -> None:
    scenario = scene(made(12, 20, 12))
    assert scenario.truth.images is not None
    scorer = ImageScorer("cpu", Lpips())
    lpips = scorer.lpips
    assert isinstance(lpips, Lpips)
    noisy = (scenario.truth.images.float() + 8 * torch.randn(12, 3, EDGE, EDGE)).clamp(0, 255)
    named, seen = both(scored(noisy.to(torch.uint8), scenario, scorer))
    assert "features" not in named.absent
    assert seen.by == "features"
    found = Gallery.of(scenario)
    queries = {"reconstruction": noisy.to(torch.uint8)}
    ranked = found.compared(queries, "reconstruction", scorer)["features"].ranks
    for i, above in enumerate(ranked("reconstruction").above.tolist()):
        query = noisy[i : i + 1].to(torch.uint8).expand(len(found), -1, -1, -1).contiguous()
        distance = lpips(query, found.images)
        assert above == int((distance < distance[i]).sum())


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 1, 64, 48), (3, 3, 16, 16)])
def test_images_are_made_small(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    found = small(images)
    assert found.shape == (*shape[:2], EDGE, EDGE)
    assert abs(float(found.float().mean() - images.float().mean())) < 4
    if shape[2:] == (EDGE, EDGE):
        assert torch.equal(found, images)
    assert small(images[:0]).shape == (0, shape[1], EDGE, EDGE)
