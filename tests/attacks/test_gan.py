"""The GAN attacks: what they must undo, what they cannot, and what is kept of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ppattack.attack import Context, Recovery
from ppattack.data.source import ImageSets
from ppattack.errors import DataError
from ppattack.evaluation.scores import evaluate
from ppattack.metrics.images import ImageScorer
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import Target
from ppattack.threat import KeyScope, Observation
from tests.support.natural import natural_sets
from tests.support.recorder import Recorder

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=0)
SCORER = ImageScorer(torch.device("cpu"), "not needed here")


def _scene(
    name: str, target: Target, sets: ImageSets, scope: KeyScope = "dataset", **settings: Any
) -> tuple[Recovery, Scenario]:
    attack = registry.attack(name)(**settings)
    scenario = simulate(attack, target, sets, scope, seed=0)
    return attack(scenario.observation, CONTEXT), scenario


def _gain(recovery: Recovery, scenario: Scenario, target: Target) -> float:
    found = evaluate(recovery, scenario, target, SCORER, seed=0).scores.ssim
    assert found is not None
    assert found.gain is not None
    return found.gain.mean


def test_photographs_alone_suffice_to_undo_a_fixed_transformation() -> None:
    target = registry.target("keyless")()
    sets = natural_sets(64, 512, size=16)
    recovery, scenario = _scene("gan", target, sets, epochs=10, images=512)
    assert _gain(recovery, scenario, target) > 0.15
    assert recovery.notes["epochs"] == 10


def test_a_generator_of_blocks_undoes_a_scheme_of_blocks() -> None:
    """LE has the same key in every block, which is what the published generator can express."""
    target = registry.target("le")(block_size=4)
    sets = natural_sets(64, 256, size=16)
    recovery, scenario = _scene("gan", target, sets, epochs=16, images=256)
    ciphertexts = Recovery(images=scenario.observation.ciphertexts)
    assert _gain(recovery, scenario, target) > _gain(ciphertexts, scenario, target) + 0.2


@pytest.mark.parametrize(("name", "width"), [("gan", None), ("sia-gan", 0.0625)])
def test_an_interrupted_attack_goes_on_and_ends_in_the_same_images(
    tmp_path: Path, name: str, width: float | None
) -> None:
    settings: dict[str, Any] = {"epochs": 4, "images": 64}
    if width is not None:
        settings["width"] = width
    attack = registry.attack(name)(**settings)
    target = registry.target("keyless")()
    scenario = simulate(attack, target, natural_sets(16, 64, size=16), "dataset", seed=0)
    whole = attack(scenario.observation, CONTEXT)
    stopped = replace(CONTEXT, checkpoints=tmp_path, progress=Recorder(interrupt_at=2.01))
    with pytest.raises(KeyboardInterrupt):
        attack(scenario.observation, stopped)
    resumed = attack(scenario.observation, replace(CONTEXT, checkpoints=tmp_path))
    assert whole.images is not None
    assert resumed.images is not None
    assert torch.equal(whole.images, resumed.images)


@pytest.mark.parametrize("variant", ["paper", "fixed", "global"])
@pytest.mark.parametrize("target", ["pe", "le", "ele", "etc"])
@pytest.mark.parametrize("name", ["gan", "sia-gan"])
def test_every_variant_runs_on_every_scheme(name: str, variant: str, target: str) -> None:
    scheme = registry.target(target)(**({} if target == "pe" else {"block_size": 4}))
    settings: dict[str, Any] = {"variant": variant, "epochs": 1, "images": 16}
    if name == "sia-gan":
        settings |= {"width": 0.0625, "batch_size": 8}
    recovery, scenario = _scene(name, scheme, natural_sets(8, 16, size=16), **settings)
    assert recovery.images is not None
    assert recovery.images.shape == (8, 3, 16, 16)
    assert recovery.images.dtype == torch.uint8
    assert ("complemented" in recovery.notes) == (variant != "paper")
    assert scenario.observation.threat.public == "unpaired"


def test_pictures_are_drawn_on_the_way(tmp_path: Path) -> None:
    attack = registry.attack("gan")(epochs=2, images=64, batch_size=16, picture_every=3)
    target = registry.target("keyless")()
    scenario = simulate(attack, target, natural_sets(16, 64, size=16), "dataset", seed=0)
    attack(scenario.observation, replace(CONTEXT, pictures=tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["gan-fixed-000003.png", "gan-fixed-000006.png"]


def test_images_of_another_size_are_refused() -> None:
    attack = registry.attack("gan")(epochs=1)
    target = registry.target("pe")()
    seen = simulate(attack, target, natural_sets(8, 16, size=16), "dataset", seed=0).observation
    other = Observation(
        threat=seen.threat,
        scheme=seen.scheme,
        ciphertexts=seen.ciphertexts,
        image_shape=seen.image_shape,
        public_images=natural_sets(8, 16, size=20).adversary,
    )
    with pytest.raises(DataError, match="give the adversary images of the victims' size"):
        attack(other, CONTEXT)


def test_small_images_and_unknown_schemes_are_obstacles() -> None:
    gan, sia = registry.attack("gan")(), registry.attack("sia-gan")()
    scheme = registry.target("pe")().public()
    assert "16 pixels" in str(gan.obstacle(scheme, (3, 12, 32)))
    assert gan.obstacle(scheme, (3, 16, 16)) is None
    assert "8 pixels" in str(sia.obstacle(scheme, (3, 32, 6)))
    unknown = registry.target("keyless")().public()
    unknown.structure = replace(unknown.structure, kind="any")
    rearranging = registry.attack("gan")(variant="global")
    assert "where symbols can have gone" in str(rearranging.obstacle(unknown, (3, 16, 16)))
    assert gan.obstacle(unknown, (3, 16, 16)) is None


def _labelled(sets: ImageSets) -> ImageSets:
    """Classes that the brightness decides."""

    def classes(images: torch.Tensor) -> torch.Tensor:
        return (images.float().mean(dim=(1, 2, 3)) > 110).long()

    return replace(
        sets,
        classes=("dark", "bright"),
        victim_labels=classes(sets.victims),
        adversary_labels=classes(sets.adversary),
    )


@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_labels_are_asked_for_and_used(variant: str) -> None:
    target = registry.target("keyless")()
    sets = _labelled(natural_sets(16, 64, size=16))
    settings: dict[str, Any] = {
        "variant": variant,
        "epochs": 1,
        "classifier_epochs": 1,
        "images": 32,
        "width": 0.0625,
    }
    with_labels, scenario = _scene("sia-gan", target, sets, labels=True, **settings)
    without, other = _scene("sia-gan", target, sets, **settings)
    assert scenario.observation.threat.labels
    assert not other.observation.threat.labels
    assert with_labels.images is not None
    assert without.images is not None
    assert not torch.equal(with_labels.images, without.images)


def test_without_classes_an_attack_by_labels_says_what_to_do() -> None:
    attack = registry.attack("sia-gan")(labels=True)
    target = registry.target("pe")()
    with pytest.raises(DataError, match="class"):
        simulate(attack, target, natural_sets(8, 16, size=16), "dataset", seed=0)


@pytest.mark.parametrize("name", ["gan", "sia-gan"])
@pytest.mark.parametrize("variant", ["paper", "fixed"])
def test_pictures_change_nothing(tmp_path: Path, name: str, variant: str) -> None:
    """Some networks change when they are looked at: their statistics, or weights in place."""
    settings: dict[str, Any] = {"variant": variant, "epochs": 2, "images": 64, "batch_size": 16}
    if name == "sia-gan":
        settings["width"] = 0.0625
    target = registry.target("keyless")()
    scenario = simulate(
        registry.attack(name)(**settings), target, natural_sets(16, 64, size=16), "dataset", seed=0
    )
    drawing = replace(CONTEXT, pictures=tmp_path)
    without = registry.attack(name)(**settings)(scenario.observation, drawing).images
    assert list(tmp_path.iterdir()) == []
    watched = registry.attack(name)(picture_every=1, **settings)
    images = watched(scenario.observation, drawing).images
    assert len(list(tmp_path.iterdir())) == 8
    assert images is not None
    assert without is not None
    assert torch.equal(images, without)
