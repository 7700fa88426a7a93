"""Labels on their way: to another process, into controls, into the id and report of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ppattack
from ppattack.attack import Context
from ppattack.data.source import ImageSets
from ppattack.errors import NotGranted
from ppattack.evaluation.controls import ControlBench
from ppattack.isolation import messages
from ppattack.metrics.images import ImageScorer
from ppattack.reports.run import Report, ThreatPart
from ppattack.request import RunRequest
from ppattack.runs.run import Finished
from ppattack.scenario import from_ciphertexts, simulate
from ppattack.threat import Observation, PublicImages, ThreatModel
from targets.le import LE
from tests.conftest import smooth_images
from tests.support.probe import Probe

READER = Path(__file__).parents[1] / "support" / "plugins" / "labelled.py"


def class_of(images: torch.Tensor) -> torch.Tensor:
    """A class that each image itself tells."""
    return images.flatten(1).long().sum(dim=1) % 3


def labelled(victims: int = 80, adversary: int = 10) -> ImageSets:
    """Images with the class that they tell."""
    images = smooth_images(victims + adversary)
    ours, theirs = images[:victims].clone(), images[victims:].clone()
    return ImageSets(
        "labelled",
        ours,
        theirs,
        classes=("a", "b", "c"),
        victim_labels=class_of(ours),
        adversary_labels=class_of(theirs),
    )


@pytest.mark.parametrize("public", ["none", "unpaired", "candidates"])
def test_labels_cross_to_another_process(public: PublicImages) -> None:
    attack = Probe(ThreatModel(public, labels=True))
    observation = simulate(attack, LE(), labelled(), "dataset", 0).observation
    sent = messages.unpack(messages.pack(*messages.observation_parts(observation)))
    found = messages.observation_of(*sent, observation.scheme)
    assert found.threat == observation.threat
    assert found.class_names == ("a", "b", "c")
    assert torch.equal(found.labels, observation.labels)
    if public != "none":
        assert torch.equal(found.public_labels, observation.public_labels)


def test_no_label_crosses_where_none_is_granted() -> None:
    observation = simulate(Probe(ThreatModel("unpaired")), LE(), labelled(), "dataset", 0)
    facts, tensors = messages.observation_parts(observation.observation)
    assert facts["classes"] is None
    assert set(tensors) == {"ciphertexts", "public"}


def test_files_of_ciphertexts_have_no_labels() -> None:
    attack = Probe(ThreatModel("unpaired", labels=True))
    images = labelled().victims[:3]
    with pytest.raises(NotGranted, match="class of every ciphertext, .* without --ciphertexts"):
        from_ciphertexts(
            attack,
            LE(),
            images,
            ("a.png", "b.png", "c.png"),
            truth=None,
            public=labelled(),
            scope="dataset",
        )


def test_controls_see_the_labels_of_the_images_that_they_score(tmp_path: Path) -> None:
    seen: list[Observation] = []

    attack = Probe(ThreatModel("unpaired", pairs=2, labels=True), seen.append)
    sets = labelled()
    context = Context(torch.device("cpu"), seed=1)
    scorer = ImageScorer(context.device, "left out")

    def bench(sets: ImageSets) -> ControlBench:
        return ControlBench(attack, sets, scorer, context, 0, tmp_path, "1")

    assert bench(sets).negative() is not None
    (observation,) = seen
    assert len(observation.ciphertexts) == 64
    assert torch.equal(observation.labels, class_of(sets.victims[:64]))
    bench(sets).negative()
    assert len(seen) == 1
    bench(replace(sets, classes=("x", "y", "z"))).negative()
    assert len(seen) == 2


def archive(folder: Path, classes: list[str]) -> str:
    """Images of two classes in a file."""
    images = smooth_images(60).permute(0, 2, 3, 1).numpy()
    labels = np.array(classes)[np.arange(60) % len(classes)]
    np.savez(folder / "images.npz", images=images, labels=labels)
    return f"npz:{folder / 'images.npz'}"


@pytest.mark.long
@pytest.mark.parametrize("isolate", [False, True])
def test_a_run_reports_labels_and_its_id_depends_on_them(tmp_path: Path, isolate: bool) -> None:
    def run(classes: list[str], attack: str) -> Finished[Report]:
        data = archive(tmp_path, classes)
        request = RunRequest(f"{READER}:{attack}", "pe", data=data, victims=12, adversary=12)
        return ppattack.run(replace(request, out=tmp_path / "runs", size=16, isolate=isolate))

    first, other = run(["cat", "dog"], "Labelled"), run(["cat", "cow"], "Labelled")
    assert first.report.threat.labels
    assert "class labels" in first.report.threat.words
    assert first.report.attack.notes["classes"] == ["cat", "dog"]
    assert first.report.attack.notes["labels"] == 12
    assert other.report.attack.notes["classes"] == ["cat", "cow"]
    assert run(["cat", "dog"], "Labelled").reused
    plain, same = run(["cat", "dog"], "Unlabelled"), run(["cat", "cow"], "Unlabelled")
    assert not plain.report.threat.labels
    assert not same.reused  # a classifier is asked what its images show
    assert plain.report.scores.classification is not None


def test_reports_of_before_have_no_labels() -> None:
    part = {"public": "none", "pairs": 0, "chosen": 0, "own_keys": False, "key_scope": "image"}
    assert not ThreatPart.model_validate({**part, "words": "ciphertext-only"}).labels
