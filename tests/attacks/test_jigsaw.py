"""The jigsaw attack: what ciphertexts alone give away, and where it must fail or refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.attacks.jigsaw import Jigsaw
from ppattack.data.image_files import read_folder
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, ImageError
from ppattack.evaluation.scores import Evaluation, evaluate
from ppattack.jpeg import Jpeg
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.states import best_state_ssim
from ppattack.plugins import registry
from ppattack.reports.scores import PuzzleScores
from ppattack.scenario import Scenario, simulate
from ppattack.target import Draw, ImageShape, Parts, PermXorTarget
from ppattack.target.structure import Structure
from ppattack.threat import KeyScope, Observation, ThreatModel
from targets.etc import EtC
from tests.support.natural import natural_images, natural_sets
from tests.support.program import in_process
from tests.support.puzzles import landscape, noisy
from tests.support.schemes import noise

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
SCORER = ImageScorer(CONTEXT.device, "not needed here")


class OnlyMoved(EtC):
    """Blocks change places and nothing else."""

    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        parts = dict(super().key_parts(draw, image_shape))
        kept = parts.pop("permutation")
        return {"permutation": kept, **{name: 0 * part for name, part in parts.items()}}

    def structure(self) -> Structure:
        return replace(
            super().structure(), turns=False, flips=False, negatives=False, colours=False
        )


def make(name: str, **settings: Any) -> PermXorTarget:
    target = registry.target(name)(**settings)
    assert isinstance(target, PermXorTarget)
    return target


@dataclass(frozen=True)
class Outcome:
    recovery: Recovery
    scenario: Scenario
    found: Evaluation

    @property
    def puzzle(self) -> PuzzleScores:
        assert self.found.scores.puzzle is not None
        return self.found.scores.puzzle

    @property
    def gain(self) -> float:
        values = self.found.scores.main_gain()
        assert values is not None
        return float(values[1].mean)


def attacked(
    target: PermXorTarget,
    sets: ImageSets,
    scope: KeyScope = "dataset",
    *,
    jpeg: Jpeg | None = None,
    seed: int = 5,
    **settings: Any,
) -> Outcome:
    attack = Jigsaw(**settings)
    scenario = simulate(attack, target, sets, scope, seed, jpeg=jpeg)
    recovery = attack(scenario.observation, CONTEXT)
    return Outcome(recovery, scenario, evaluate(recovery, scenario, target, SCORER, seed=0))


def alone(images: torch.Tensor) -> ImageSets:
    """Victims, and an adversary without any image."""
    return ImageSets("alone", images, images[:0])


@pytest.mark.parametrize("channels", [3, 1])
def test_under_one_key_the_key_is_exact(channels: int) -> None:
    target = make("etc", block_size=4)
    outcome = attacked(target, natural_sets(24, 240, 16, channels))
    truth = outcome.scenario.truth
    assert truth.key is not None
    assert truth.images is not None
    assert outcome.recovery.key is not None
    assert outcome.recovery.images is not None
    key = target.permxor(truth.key)
    assert np.array_equal(outcome.recovery.key.index, key.index)
    assert np.array_equal(outcome.recovery.key.mask, key.mask)
    assert torch.equal(outcome.recovery.images, truth.images)


def test_padded_images_come_back_in_their_own_size() -> None:
    outcome = attacked(make("etc", block_size=4), natural_sets(24, 240, 14))
    assert outcome.recovery.images is not None
    assert outcome.scenario.truth.images is not None
    assert torch.equal(outcome.recovery.images, outcome.scenario.truth.images)


@pytest.mark.parametrize("prior", ["public", "none"])
def test_without_public_images_the_state_is_left_as_found(prior: str) -> None:
    sets = alone(natural_images(10, 32))
    outcome = attacked(make("etc", block_size=8), sets, prior=prior)
    assert outcome.scenario.observation.threat.public == "none"
    assert outcome.recovery.up_to_state
    assert outcome.puzzle.direct == outcome.puzzle.neighbour == 1.0
    assert outcome.found.best_state_ssim is not None
    assert outcome.found.best_state_ssim.mean == 1.0


def test_public_images_are_only_read_where_they_are_used() -> None:
    sets = natural_sets(10, 40, 16)
    for prior, public in (("public", "unpaired"), ("none", "none")):
        scenario = simulate(Jigsaw(prior=prior), EtC(block_size=4), sets, "dataset", 0)
        assert scenario.observation.threat == ThreatModel(public=public)  # type: ignore[arg-type]
        assert Jigsaw(prior=prior).requires() == ThreatModel()


def test_a_fresh_key_an_image_leaves_every_image_a_puzzle() -> None:
    images = torch.cat([landscape(48, 64, seed) for seed in range(4)])
    outcome = attacked(make("etc", block_size=8), alone(images), "image")
    assert outcome.recovery.key is not None
    assert outcome.recovery.key.count == 4
    assert outcome.puzzle.neighbour > 0.95
    assert outcome.puzzle.raw_direct < 0.9


def test_public_images_choose_the_state_of_each_image() -> None:
    sets = natural_sets(12, 100, 16)
    outcome = attacked(make("etc", block_size=8), sets, "image")
    blind = attacked(make("etc", block_size=8), sets, "image", prior="none")
    assert outcome.gain > blind.gain + 0.2
    assert outcome.puzzle.neighbour == blind.puzzle.neighbour


@pytest.mark.parametrize("scope", ["image", "dataset"])
@pytest.mark.parametrize("assembly", ["rebuilding", "gallagher"])
def test_blocks_that_are_only_moved_have_one_state(scope: KeyScope, assembly: str) -> None:
    images = torch.cat([landscape(64, 48, seed) for seed in range(2)])
    target = OnlyMoved(block_size=8)
    outcome = attacked(target, alone(images), scope, assembly=assembly)
    assert outcome.recovery.notes["states"] == 1
    assert outcome.puzzle.raw_direct > 0.95
    assert not outcome.recovery.up_to_state


def test_more_ciphertexts_settle_what_one_cannot() -> None:
    rough = noisy(natural_images(12, 24), 4)
    by_count = [
        attacked(make("etc", block_size=4), alone(rough), ciphertexts=count).puzzle.neighbour
        for count in (1, 0)
    ]
    assert by_count[0] < 0.6
    assert by_count[1] > 0.9


def test_the_same_image_under_two_keys_scores_the_same() -> None:
    hard = noisy(landscape(48, 48, 3), 10)
    both = [attacked(EtC(block_size=8), alone(hard), "image", seed=seed) for seed in (1, 2)]
    keys = [outcome.scenario.truth.key for outcome in both]
    assert keys[0] is not None
    assert keys[1] is not None
    assert keys[0].fingerprint != keys[1].fingerprint
    assert both[0].puzzle.neighbour == both[1].puzzle.neighbour
    assert 0.1 < both[0].puzzle.neighbour < 0.95


@pytest.mark.parametrize("jpeg", [Jpeg(95, "444"), Jpeg(75, "420")], ids=str)
def test_ciphertexts_that_went_through_jpeg(jpeg: Jpeg) -> None:
    sets = alone(registry.dataset("photos").load(ImageRequest(6, 1, 96)).victims)
    outcome = attacked(make("etc", block_size=16), sets, jpeg=jpeg)
    assert outcome.puzzle.neighbour > 0.9
    assert outcome.found.best_state_ssim is not None
    assert outcome.found.best_state_ssim.mean < 1.0


@pytest.mark.parametrize("scope", ["image", "dataset"])
def test_noise_gives_nothing_away(scope: KeyScope) -> None:
    target = make("etc", block_size=8)
    outcome = attacked(target, natural_sets(6, 60, 32), scope)
    seen = outcome.scenario.observation
    pad = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=noise(6, (3, 32, 32)),
        image_shape=(3, 32, 32),
        public_images=seen.public_images,
    )
    recovery = Jigsaw()(pad, CONTEXT)
    nothing = evaluate(recovery, outcome.scenario, target, SCORER, seed=0)
    assert nothing.scores.puzzle is not None
    assert nothing.scores.puzzle.neighbour < 0.1
    values = nothing.scores.main_gain()
    assert values is not None
    assert values[1].mean < 0.01
    assert outcome.gain > values[1].mean + 0.1
    assert recovery.notes["confidence"] < 0.5 * outcome.recovery.notes["confidence"]


@pytest.mark.parametrize("subsampling", ["444", "420"])
def test_components_of_a_grey_image_are_told_apart(subsampling: str) -> None:
    target = make("etc-gray", block_size=8, subsampling=subsampling)
    outcome = attacked(target, natural_sets(12, 100, 32))
    assert len(outcome.recovery.notes["puzzles"]) == 2
    assert outcome.puzzle.neighbour > 0.8
    assert outcome.found.best_state_ssim is not None
    assert outcome.found.best_state_ssim.mean > 0.8


@pytest.mark.parametrize(("components", "color_space"), [("together", "ycbcr"), ("apart", "rgb")])
def test_components_that_are_alike_are_one_puzzle(components: str, color_space: str) -> None:
    target = make("etc-gray", block_size=16, color_space=color_space)
    outcome = attacked(target, alone(natural_images(4, 32)), components=components)
    (puzzle,) = outcome.recovery.notes["puzzles"]
    assert puzzle["pieces"] == 12


@pytest.mark.parametrize("name", ["pe", "le", "ele", "one-time-pad", "plain"])
def test_schemes_that_do_not_keep_blocks_whole_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="does not keep them whole") as caught:
        simulate(Jigsaw(), make(name), natural_sets(4, 4, 32), "dataset", 0)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_compared_is_refused() -> None:
    assert "one pixel" in str(Jigsaw().obstacle(make("etc", block_size=1).public(), (3, 8, 8)))
    scheme = make("etc", block_size=4).public()
    assert "at most 4096" in str(Jigsaw().obstacle(scheme, (3, 260, 260)))
    assert Jigsaw().obstacle(scheme, (3, 256, 256)) is None
    published = Jigsaw(assembly="gallagher")
    assert "at most 2364" in str(published.obstacle(scheme, (3, 256, 256)))


def test_public_images_of_another_size_are_refused() -> None:
    sets = ImageSets("mixed", natural_images(8, 16), natural_images(30, 32))
    with pytest.raises(ImageError, match="use images of the victims' size"):
        attacked(make("etc", block_size=8), sets)


def test_the_control_has_the_schemes_blocks() -> None:
    control = Jigsaw().positive_control(make("etc", block_size=4).public())
    assert (control.target, control.settings) == ("etc", {"block_size": 4})
    assert Jigsaw().positive_control(make("pe").public()).settings == {"block_size": 8}


def test_a_folder_of_ciphertexts_without_a_key(tmp_path: Path) -> None:
    scheme = "--target etc --set target.block_size=16"
    made = f"encrypt {scheme} -n 6 --size 64 --out c --plain-out p --key-file key.json"
    assert in_process(made, tmp_path)[0] == 0
    (tmp_path / "key.json").unlink()
    run = f"run --attack jigsaw --ciphertexts c {scheme} --json -q"
    code, out, errors = in_process(run, tmp_path)
    assert code == 0, errors
    report = json.loads(out)
    assert report["threat"]["words"] == "ciphertext-only; one key for all images"
    assert report["scores"]["ssim"] is None
    (folder,) = tmp_path.glob("runs/jigsaw-etc-*/reconstructions")
    back, plain = read_folder(folder), read_folder(tmp_path / "p")
    assert back.names == plain.names
    best = best_state_ssim(torch.as_tensor(back.images), torch.as_tensor(plain.images), shared=True)
    assert best.min() > 0.9999
