"""The published protocol in which the adversary holds the victims' images: named, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ppattack.data.source import ImageSets, content_hashes
from ppattack.errors import ConfigError
from ppattack.jpeg import Jpeg
from ppattack.reports.command import command
from ppattack.request import RunRequest, check
from ppattack.runs.run import run
from ppattack.scenario import simulate
from ppattack.threat import ThreatModel
from targets.pe import PE
from tests.support.probe import Probe


def test_the_adversary_holds_the_same_images_in_another_order(sets: ImageSets) -> None:
    overlapping = sets.overlapping(seed=0)
    assert not torch.equal(overlapping.adversary, sets.victims)
    assert sorted(content_hashes(overlapping.adversary)) == sorted(content_hashes(sets.victims))
    assert torch.equal(overlapping.adversary, sets.overlapping(seed=0).adversary)
    assert not torch.equal(overlapping.adversary, sets.overlapping(seed=1).adversary)
    assert "the adversary holds the victims' images" in overlapping.notes[-1]


def test_labels_go_with_their_images(sets: ImageSets) -> None:
    labels = torch.arange(len(sets.victims)) % 3
    labelled = ImageSets(
        "s", sets.victims, sets.adversary, (), ("a", "b", "c"), labels, None
    ).overlapping(seed=0)
    by_content = dict(zip(content_hashes(sets.victims), labels.tolist(), strict=True))
    assert labelled.adversary_labels is not None
    assert labelled.adversary_labels.tolist() == [
        by_content[content] for content in content_hashes(labelled.adversary)
    ]


def test_a_scenario_keeps_them_only_where_that_is_named(sets: ImageSets) -> None:
    attack = Probe(ThreatModel(public="unpaired"))
    named = simulate(attack, PE(), sets.overlapping(seed=0), "dataset", seed=0)
    shared = set(content_hashes(named.observation.public_images))
    assert shared == set(content_hashes(sets.victims))
    unnamed = ImageSets("s", sets.victims, torch.cat([sets.adversary, sets.victims]))
    kept = simulate(attack, PE(), unnamed, "dataset", seed=0).observation.public_images
    assert not set(content_hashes(kept)) & set(content_hashes(sets.victims))


def test_the_report_and_its_command_say_so(tmp_path: Path) -> None:
    request = RunRequest(
        attack="fr",
        target="pe",
        size=16,
        victims=12,
        adversary=12,
        overlap=True,
        out=tmp_path,
        preset="smoke",
    )
    report = run(request).report
    assert "holding the victims' images" in report.data.name
    assert report.data.adversary == report.data.victims == 12
    assert "--published-overlap" in command(report.provenance["request"])


@pytest.mark.parametrize("jpeg", [None, Jpeg(80)])
def test_the_threat_model_in_words_says_whose_images_they_are(
    sets: ImageSets, jpeg: Jpeg | None
) -> None:
    def words(needs: ThreatModel, images: ImageSets) -> str:
        return simulate(Probe(needs), PE(), images, "dataset", seed=0, jpeg=jpeg).in_words()

    overlapping, unpaired = sets.overlapping(seed=0), ThreatModel(public="unpaired")
    said = "; the public images are the victims' own"
    end = "" if jpeg is None else "; ciphertexts through JPEG 80:444"
    assert words(unpaired, overlapping) == unpaired.in_words() + said + end
    assert words(unpaired, sets) == unpaired.in_words() + end
    assert said not in words(ThreatModel(), overlapping)


def test_it_does_not_go_with_ciphertext_files(tmp_path: Path) -> None:
    request = RunRequest(attack="fr", target="pe", overlap=True, ciphertexts=tmp_path, out=tmp_path)
    with pytest.raises(ConfigError, match="--published-overlap"):
        check(request)
