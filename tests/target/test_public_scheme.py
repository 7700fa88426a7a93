"""The adversary's own keys: one per image, whatever key scopes the scheme has."""

from __future__ import annotations

import pytest
import torch

from ppattack.seeding import numpy_stream
from ppattack.target import Target
from targets.pe import PE
from tests.conftest import smooth_images
from tests.support.plugins import ciphers


@pytest.mark.parametrize(
    "target",
    [PE(), ciphers.Masked(), ciphers.Substituted(), ciphers.Bits()],
    ids=lambda target: target.card.name,
)
def test_every_image_is_encrypted_under_a_key_of_its_own(target: Target) -> None:
    same = smooth_images(1).expand(5, -1, -1, -1)
    scheme = target.public()
    made = scheme.encrypt_with_fresh_keys(same, numpy_stream(1))
    again = scheme.encrypt_with_fresh_keys(same, numpy_stream(1))
    assert torch.equal(made, again)
    assert len({image.numpy().tobytes() for image in made}) == 5
