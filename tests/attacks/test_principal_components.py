"""Ciphertexts alone against one secret matrix."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ppattack.attack import Context, Recovery
from ppattack.attacks.principal_components import PrincipalComponents
from ppattack.data.source import ImageSets
from ppattack.errors import NotApplicable
from ppattack.metrics.ssim import ssim
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.seeding import torch_stream
from ppattack.target import Target
from ppattack.target.natural_noise import natural_images
from ppattack.threat import KeyScope
from targets.patch_mix import PatchMix
from targets.rmt import RandomMultidimensionalTransformation
from targets.rom import RandomOrthogonalMatrix

CONTEXT = Context(torch.device("cpu"), seed=7)


def attacked(
    target: Target, victims: int, public: int, size: int = 32, scope: KeyScope = "dataset"
) -> tuple[Recovery, Tensor]:
    images = natural_images(torch_stream(1, "images"), (victims + public, 3, size, size))
    sets = ImageSets("noise", images[:victims], images[victims:])
    attack = PrincipalComponents(preset="smoke")
    scenario = simulate(attack, target, sets, scope, seed=3)
    recovery = attack(scenario.observation, CONTEXT)
    assert recovery.images is not None
    return recovery, images[:victims]


def thumbnails(images: Tensor, edge: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(images.float().mean(dim=1, keepdim=True), edge)


def test_images_come_back_from_ciphertexts_alone() -> None:
    target = RandomOrthogonalMatrix(block_size=4)
    recovery, plain = attacked(target, 40, 60)
    assert recovery.images is not None
    assert float(ssim(recovery.images, plain).mean()) > 0.75
    assert recovery.notes["components"] == 30
    alone, plain = attacked(target, 40, 0)
    assert alone.images is not None
    assert "noise" in alone.notes["public"]
    assert float(ssim(alone.images, plain).mean()) > 0.65


def test_one_ciphertext_gives_a_thumbnail() -> None:
    recovery, plain = attacked(RandomOrthogonalMatrix(), 1, 40, size=128)
    assert recovery.images is not None
    found = torch.stack([thumbnails(x, 16).flatten() for x in (recovery.images, plain)])
    assert abs(float(torch.corrcoef(found)[0, 1])) > 0.99
    assert "thumbnails" in recovery.limits


def test_keys_of_their_own_gain_nothing() -> None:
    recovery, plain = attacked(RandomOrthogonalMatrix(block_size=4), 24, 40, scope="image")
    assert recovery.images is not None
    assert float(ssim(recovery.images, plain).mean()) < 0.3


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (RandomMultidimensionalTransformation(), "share"),
        (PatchMix(quarter=2), "orthogonal"),
        (RandomOrthogonalMatrix(block_size=4, scramble=True), "neighbours"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(target: Target, words: str) -> None:
    with pytest.raises(NotApplicable, match=words):
        attacked(target, 12, 4)


@pytest.mark.parametrize("size", [8, 16])
def test_the_control_is_as_hard_as_the_case(size: int) -> None:
    attack = PrincipalComponents()
    control = attack.positive_control(registry.target("rom")(block_size=size).public())
    assert (control.target, control.settings["block_size"]) == ("rom", size)
    assert control.same_count
