"""The owner of a trained scheme: deterministic, cached on request, on images of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ppattack.attack import Context
from ppattack.data.digits import Digits
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.errors import ConfigError, DataError, NotApplicable
from ppattack.metrics.lpips_weights import find_weights
from ppattack.networks.resnet import cifar_resnet
from ppattack.plugins import registry
from ppattack.request import RunRequest
from ppattack.runs.inputs import build_scenario
from ppattack.scenario import Scenario, simulate
from ppattack.seeding import numpy_stream
from ppattack.target import Key
from ppattack.target.trained import OwnerImages
from ppattack.training import owner
from targets.transform_net import TransformationNetwork

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=4)
TARGET = TransformationNetwork(variant="small", images=60, epochs=1)


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PPATTACK_CACHE")


def digits(victims: int = 12, adversary: int = 20) -> ImageSets:
    wanted = ImageRequest(victims=victims, adversary=adversary + 60)
    return Digits().load(wanted).with_owner(60)


def trained(*, cached: bool, seed: int = 4) -> tuple[Key, Key]:
    sets = digits()
    assert sets.owner is not None
    assert sets.owner_labels is not None
    key = TARGET.generate_key(numpy_stream(0, "key"), (3, 32, 32))
    images = OwnerImages(sets.owner, sets.owner_labels, 10)
    made = owner.trained_key(TARGET, key, images, replace(CONTEXT, seed=seed), cached=cached)
    return key, made


def test_the_same_seed_trains_the_same_key_and_another_another(tmp_path: Path) -> None:
    key, first = trained(cached=False)
    assert first.fingerprint != key.fingerprint
    assert trained(cached=False)[1].fingerprint == first.fingerprint
    assert trained(cached=False, seed=5)[1].fingerprint != first.fingerprint
    assert not list(tmp_path.rglob("*"))


def test_a_finished_key_is_kept_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = trained(cached=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["key"]
    assert files[0].stat().st_mode & 0o077 == 0
    with monkeypatch.context() as patch:
        patch.setattr(owner, "fit", lambda *_: pytest.fail("trained again"))
        assert trained(cached=True)[1].fingerprint == first.fingerprint
    files[0].write_bytes(b"damaged")
    assert trained(cached=True)[1].fingerprint == first.fingerprint


def test_the_loss_is_that_of_the_paper() -> None:
    sets = digits()
    assert sets.owner is not None
    assert sets.owner_labels is not None
    plan = TARGET.owner_training()
    classifier = cifar_resnet(3, 10, 1, 8).eval()
    loss = owner._Loss(plan, classifier, CONTEXT.device)
    network = TARGET.network((3, 32, 32)).eval()
    images, labels = sets.owner[:8], sets.owner_labels[:8]
    plain = images.float() / 255
    hidden = owner.normalised(network(plain).sigmoid())
    apart = classifier.first_stage(hidden) - classifier.first_stage(owner.normalised(plain))
    expected = torch.nn.functional.cross_entropy(classifier(hidden), labels)
    expected = expected - plan.weight * apart.square().mean()
    torch.testing.assert_close(loss(network, images, labels), expected)
    loss(network, images, labels).backward()
    assert all(part.grad is None for part in classifier.parameters())
    assert all(part.grad is not None for part in network.parameters())


@pytest.mark.skipif(find_weights("vgg") is None, reason="no weights of VGG16 here")
def test_features_of_vgg16() -> None:
    import torchvision

    network = owner.vgg_features(CONTEXT.device)
    model = torchvision.models.vgg16(weights=None).features[:9]
    names = zip(model.state_dict(), network.state_dict(), strict=True)
    assert all(first == second for first, second in names)
    seen = network(torch.rand(1, 3, 32, 32))
    assert seen.shape == (1, 128, 16, 16)
    assert float(seen.mean()) > 0.1


def _scenario(attack: str, **settings: object) -> Scenario:
    asked = RunRequest(attack, "transform-net", "digits", victims=12, adversary=40)
    made = registry.attack(attack)(preset="smoke", **settings)
    return build_scenario(asked, made, TARGET, 0, CONTEXT)


def test_victims_adversary_and_owner_share_no_image() -> None:
    scenario = _scenario("gan")
    sets = scenario.sets
    assert sets.owner is not None
    assert (len(sets.victims), len(sets.adversary), len(sets.owner)) == (12, 40, 60)
    rows = torch.cat([sets.victims, sets.adversary, sets.owner]).flatten(1)
    assert len(rows.unique(dim=0)) == 112
    assert scenario.truth.key is not None
    untrained = TARGET.generate_key(numpy_stream(0, "key"), (3, 32, 32))
    assert scenario.truth.key.fingerprint != untrained.fingerprint
    assert torch.equal(
        TARGET.encrypt(sets.victims, scenario.truth.key), scenario.observation.ciphertexts
    )


def test_an_owner_who_holds_an_image_of_another_side_is_refused() -> None:
    sets = digits()
    attack = registry.attack("gan")(preset="smoke")
    key = TARGET.generate_key(numpy_stream(0, "key"), (3, 32, 32))
    for side in (sets.victims, sets.adversary):
        shared = replace(sets, owner=side[:3], owner_labels=None)
        with pytest.raises(DataError, match="owner's images"):
            simulate(attack, TARGET, shared, "dataset", 0, key=key)


def test_no_attack_gets_own_keys_and_no_simulation_an_untrained_network() -> None:
    with pytest.raises(NotApplicable, match="known pairs"):
        _scenario("itn")
    assert _scenario("itn", pairs=4).observation.threat.pairs == 4
    with pytest.raises(ConfigError, match="its owner trains"):
        simulate(registry.attack("gan")(), TARGET, digits(), "dataset", 0)


def test_images_without_classes_or_too_few_are_refused() -> None:
    asked = RunRequest("gan", "transform-net", "photos", victims=12, adversary=40)
    made = registry.attack("gan")(preset="smoke")
    with pytest.raises(DataError, match="no classes"):
        build_scenario(asked, made, TARGET, 0, CONTEXT)
    with pytest.raises(DataError, match="leaves 80 images for the owner"):
        Digits().load(ImageRequest(victims=12, adversary=80)).with_owner(81)
