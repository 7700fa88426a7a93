"""The order of shuffled patches, from known pairs."""

from __future__ import annotations

import pytest
import torch

from ppattack.attack import Context
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.solvers.neuracrypt.known_places import known_places
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
from ppattack.solvers.neuracrypt.unshuffle import in_order, patch_orders
from ppattack.target.natural_noise import natural_images
from targets.neuracrypt import NeuraCrypt

SHAPE = (1, 64, 64)
CONTEXT = Context(torch.device("cpu"), seed=3)


@pytest.mark.long
@pytest.mark.parametrize(("depth", "pairs"), [(3, 10), (7, 20)])
def test_some_pairs_tell_every_place_and_one_does_not(depth: int, pairs: int) -> None:
    images = natural_images(torch_stream(1, "images"), (60, *SHAPE))
    target = NeuraCrypt(variant="small", depth=depth)
    key = target.generate_key(numpy_stream(1, "key"), SHAPE)
    shuffled = target.encrypt(images, key, generator=numpy_stream(1, "orders"))
    straight = NeuraCrypt(variant="small", depth=depth, shuffle=False).encrypt(images, key)
    codes = in_order(shuffled, patch_orders(shuffled))
    truth = torch.cdist(codes[0], straight[0]).argmin(dim=1)
    assert not torch.equal(truth, torch.arange(64))
    own = OwnEncoders(target, SHAPE, CONTEXT)
    normalised = target.normalised(images)
    found = known_places(own, pairs, normalised, codes, 4)
    assert torch.equal(found, truth)
    torch.testing.assert_close(codes[:, found.argsort()], straight)
    without = known_places(own, 1, normalised[:1], codes, 4)
    assert (without == truth).double().mean() < 0.2
