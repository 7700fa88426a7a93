"""``encrypt`` is all that a target must have."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ppattack
from ppattack.errors import NotApplicable, NotGranted, NotInvertible, PluginError
from ppattack.plugins import registry
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target import Target, TargetCard, calls, contract
from tests.conftest import smooth_images
from tests.support.plugins import least
from tests.support.run_requests import request

FILE = Path(least.__file__)
SHAPE = (3, 16, 16)


def test_what_it_does_not_say_has_defaults() -> None:
    target = registry.target(f"{FILE}:Shifted")()
    assert target.card.name == "shifted"
    assert target.card.title == "A secret number is added to every byte."
    assert str(target.card.reference) == "not published"
    assert target.card.key_scopes == ("dataset",)
    assert target.key_space_bits(SHAPE) is None
    key = target.generate_key(numpy_stream(0), SHAPE)
    assert dict(key.parts) == {}
    with pytest.raises(NotInvertible, match="'shifted' has no decrypt"):
        target.decrypt(smooth_images(2, size=16), key)


def test_a_card_of_its_own_is_kept_and_inherited() -> None:
    class Named(least.Shifted):
        card = TargetCard("named")

    class Below(Named):
        """Has its parent's card."""

    class Other(least.Shifted):
        """Has none."""

    assert (Named.card.name, Below.card.name, Other.card.name) == ("named", "named", "other")


@pytest.mark.parametrize("scheme", [least.Shifted, least.Keyed])
def test_it_keeps_the_contract_under_every_scope(scheme: type[Target]) -> None:
    for scope in scheme.card.key_scopes:
        contract.check(scheme(), SHAPE, scope)


def test_a_key_per_image_reaches_its_image_alone() -> None:
    target: Target = least.Keyed()
    images = smooth_images(5, size=16)
    key = target.generate_keys((numpy_stream(i) for i in range(5)), SHAPE)
    made = calls.encrypt(target, images, key)
    secret = torch.from_numpy(key.parts["byte"])[:, :, None, None]
    assert torch.equal(made, images ^ secret)
    assert len(set(key.parts["byte"].ravel().tolist())) > 1


class Unscoped(least.Shifted):
    """Says nothing of scopes."""

    card = TargetCard("unscoped")


def test_no_attack_is_given_a_key_that_lies_in_the_code(tmp_path: Path) -> None:
    asked = request(tmp_path, attack="itn", target=f"{FILE}:Shifted")
    with pytest.raises(NotGranted, match="'shifted' keeps its key in its code"):
        ppattack.run(asked)
    with pytest.raises(NotApplicable, match="for a key per image add key_parts"):
        key_scope_of(Unscoped(), "image")


def test_it_can_be_run(tmp_path: Path) -> None:
    done = ppattack.run(request(tmp_path, attack="none", target=f"{FILE}:Shifted"))
    assert done.report.target.key_space_bits is None


def test_without_encrypt_it_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "mine.py"
    place.write_text("import ppattack\nclass Mine(ppattack.Target): pass\n")
    with pytest.raises(PluginError, match="does not define encrypt: add"):
        registry.target(f"{place}:Mine")
