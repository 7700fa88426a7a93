"""The two networks that the matching attack trains: patch embedding and surrogate encoder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ppattack.attack import Context
from ppattack.seeding import torch_stream
from ppattack.solvers.neuracrypt import embedding, surrogate
from ppattack.solvers.neuracrypt.case import Stages, ranked
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, encoded, expected, training_features
from ppattack.target.natural_noise import natural_images
from ppattack.target.private_encoder import PrivateEncoder
from targets.neuracrypt import NeuraCrypt

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=3)
SHAPE = (1, 16, 16)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_stream(seed, "test"))


def _learnt(relation: Callable[[Tensor], Tensor]) -> embedding.Learnt:
    plain = _normal(3000, 15)
    return embedding.learn(plain, relation(plain), 300, 128, 1e-2, CONTEXT)


def test_the_embedding_learns_what_patches_and_codes_have_in_common() -> None:
    state = torch.get_rng_state()
    learnt = _learnt(lambda plain: 1 - 2 * plain.flip(1))
    assert learnt.right > 0.9
    assert learnt.margin > 0.1
    assert torch.equal(torch.get_rng_state(), state)
    vectors = learnt.network.plain(_normal(4, 2, 15))
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(4, 2))


def test_the_embedding_learns_nothing_where_there_is_nothing() -> None:
    learnt = _learnt(lambda plain: _normal(*plain.shape, seed=2))
    assert learnt.right < 0.65
    assert abs(learnt.margin) < 0.05


def test_the_loss_is_the_contrastive_one() -> None:
    network = embedding.PatchEmbedding()
    plain, codes = _normal(5, 15), _normal(5, 15, seed=1)
    logits = network.plain(plain) @ network.code(codes).T
    expected_loss = -torch.log_softmax(logits, dim=1).diagonal().mean()
    torch.testing.assert_close(network.loss(plain, codes), expected_loss)


def _encoder(seed: int) -> PrivateEncoder:
    return PrivateEncoder.generate(torch_stream(seed, "encoder"), 1, 24, 8, 0, 4, 24)


def test_a_surrogate_matches_images_that_it_was_not_trained_on() -> None:
    images = natural_images(torch_stream(0, "images"), (300, *SHAPE)) / 60.0 - 2
    codes, own = encoded(_encoder(1), images, 32), _encoder(2)
    known, new = slice(0, 240), slice(240, 300)
    order = torch.randperm(60, generator=torch_stream(0, "order"))
    before = surrogate.scores(own, images[new], codes[new][order], 7)
    first = surrogate.train(own, images[known], codes[known], 10, CONTEXT, "a", rate=1e-3)
    last = surrogate.train(own, images[known], codes[known], 400, CONTEXT, "b", rate=1e-3)
    assert last < first / 2
    scores = surrogate.scores(own, images[new], codes[new][order], 7)
    assert (before.argmax(dim=1) == order).double().mean() < 0.2
    assert (scores.argmax(dim=1) == order).double().mean() > 0.8
    predicted = encoded(own, images[new], 60)
    direct = -(codes[new][order][:, None] - predicted[None]).square().mean(dim=(2, 3))
    torch.testing.assert_close(scores, direct, rtol=1e-3, atol=1e-4)
    nearest = surrogate.nearest(own, images[new], codes[new][order], 7)
    shuffled = codes[new][order][:, torch.randperm(codes.shape[1])]
    assert torch.equal(nearest, surrogate.nearest(own, images[new], shuffled, 60))
    means = codes[new][order].mean(dim=1), predicted.mean(dim=1)
    distances = (means[0][:, None] - means[1][None]).square().sum(dim=2)
    assert torch.equal(nearest, distances.argmin(dim=1))
    assert (nearest == order).double().mean() > 0.5


def _own(**settings: object) -> OwnEncoders:
    target = NeuraCrypt(variant="small", hidden=32, **settings)
    return OwnEncoders(target, SHAPE, CONTEXT)


def test_own_encoders_are_drawn_anew_each_and_the_same_again() -> None:
    own, images = _own(), _normal(6, *SHAPE)
    first, second = own.codes(2, lambda _: images)
    again = next(iter(own.codes(1, lambda _: images)))
    assert not torch.allclose(first, second)
    assert torch.equal(first, again)
    assert _own(batch_norm="batch", batch_size=5).at_once == 5


def test_expectations_are_means_over_own_keys() -> None:
    own, images = _own(), _normal(12, *SHAPE)
    chosen = torch.tensor([0, 5])
    both = expected(own, images, 2, chosen)
    one = expected(own, images, 1, chosen)
    assert both.energies.shape == (12, 4)
    assert both.similarities.shape == (12, 4, 2)
    assert not torch.allclose(both.energies, one.energies)
    with pytest.raises(ValueError, match="at least one"):
        expected(own, images, 0, chosen)


def test_training_features_are_aligned() -> None:
    """Energy of a patch and of its code go together; of another patch's code they do not."""
    own, images = _own(depth=3), _normal(30, *SHAPE)
    images *= torch.rand((30, 1, 1, 1), generator=torch_stream(0, "contrast")).mul(3).add(0.2)
    plain, codes = training_features(own, images, 2, 20)
    assert plain.shape == codes.shape == (2 * 20 * 4, 15)
    together = torch.stack([plain[:, 2], codes[:, 2]])
    assert torch.corrcoef(together)[0, 1] > 0.8
    together[1] = together[1].roll(4)
    assert abs(torch.corrcoef(together)[0, 1]) < 0.5


def test_stages_add_up_and_say_what_changed() -> None:
    stages = Stages(CONTEXT)
    for matching in ([0, 1, 2, 3], [0, 1, 3, 2], [0, 1, 3, 2]):
        with stages.timed("same"):
            stages.reached(str(len(stages.matchings)), torch.tensor(matching))
    assert stages.changed() == {"1": 0.5, "2": 0.0}
    assert list(stages.seconds) == ["same"]


def test_the_match_is_ranked_first() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])
    assert ranked(scores, torch.tensor([0, 1, 2])).tolist() == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
