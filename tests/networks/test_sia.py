"""The networks of SIA-GAN against their published parts, written out one by one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.networks.discriminators import PatchDiscriminator
from ppattack.networks.sia import (
    BlockBranches,
    SelfAttention,
    SiaDiscriminator,
    SiaGenerator,
    published_spectral_norm,
)

SHAPE = (3, 32, 32)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_generator_has_the_published_sizes() -> None:
    branches = 64 * 256 * 48 + 2 * 64 * 256
    trunk = 64 * 9 * 16 + 3 * 2 * 64 * 9 * 64 + 64 * 9 * 64 + 3 * 9 * 64
    scales = 2 * 64 * (1 + 3 * 2 + 1)
    assert _count(SiaGenerator(SHAPE)) == branches + trunk + scales


def test_the_discriminator_has_the_published_sizes() -> None:
    sizes = [3, 128, 256, 512]
    stages = sum(9 * a * b + 16 * b * b for a, b in itertools.pairwise(sizes))
    attentions = sum(2 * (c * (c // 8) + c // 8) + c * c + c + 1 for c in (512, 1024))
    last = 9 * 512 * 1024 + 1024 * 16 + 1
    assert _count(SiaDiscriminator(SHAPE)) == stages + attentions + last


def test_features_are_those_of_one_convolution_for_each_block() -> None:
    generator = SiaGenerator(SHAPE, width=0.125).eval()
    x = _random(2, *SHAPE)
    feature = generator.feature(x)
    assert tuple(feature.shape) == (2, 2, 32, 32)
    row, column = 3, 5
    place = row * 8 + column
    kernel = generator.branches.get_parameter("weight")[place].view(32, 3, 4, 4)
    crop = x[:, :, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
    made = functional.conv2d(crop, kernel, stride=4)[..., 0, 0]
    made = functional.leaky_relu(made / (1 + 1e-5) ** 0.5, 0.1)  # untrained statistics
    expected = functional.pixel_shuffle(made[..., None, None], 4)
    found = feature[:, :, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_block_sees_nothing_of_the_others_before_the_trunk() -> None:
    generator = SiaGenerator(SHAPE, width=0.125).eval()
    x = _random(1, *SHAPE)
    other = x.clone()
    other[..., :4, :4] = 0
    difference = (generator.feature(x) - generator.feature(other)).abs().sum(dim=(0, 1))
    assert difference[:4, :4].sum() > 0
    difference[:4, :4] = 0
    assert difference.sum() == 0


def test_an_assignment_moves_features_between_blocks() -> None:
    generator = SiaGenerator(SHAPE, width=0.125, assigns=True).eval()
    assert generator.assignment is not None
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    plain = SiaGenerator(SHAPE, width=0.125).eval()
    weights = generator.state_dict()
    plain.load_state_dict({k: v for k, v in weights.items() if k != "assignment"})
    with torch.no_grad():
        generator.assignment.fill_(-2.0)
        generator.assignment[torch.arange(64), order] = 2.0
        x = _random(1, *SHAPE)
        moved, still = (_blocks(each.feature(x)) for each in (generator, plain))
    assert torch.allclose(moved, still[order], atol=1e-4)


def _blocks(feature: Tensor) -> Tensor:
    channels = feature.shape[1]
    grid = feature[0].view(channels, 8, 4, 8, 4).permute(1, 3, 0, 2, 4)
    return grid.reshape(64, -1)


@pytest.mark.parametrize("published", [True, False])
def test_shapes_and_ranges(published: bool) -> None:
    shape = (1, 24, 40)
    generator = SiaGenerator(shape, width=0.0625, published_norm=published)
    discriminator = SiaDiscriminator(shape, width=0.0625, published_norm=published)
    images = generator(_random(3, *shape))
    assert tuple(images.shape) == (3, *shape)
    assert images.abs().max() <= 1
    assert tuple(discriminator(images).shape) == (3,)


def test_attention_begins_as_the_identity_and_then_mixes_places() -> None:
    attention = SelfAttention(16, lambda module: module)
    x = _random(2, 16, 4, 4)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.weight.fill_(1.0)
        query, key, value = (
            each(x)[1].flatten(1) for each in (attention.query, attention.key, attention.value)
        )
        scores = torch.tensor(
            [[float(query[:, i] @ key[:, j]) for j in range(16)] for i in range(16)]
        )
        expected = value @ scores.softmax(dim=1).T
        assert torch.allclose((attention(x) - x)[1].flatten(1), expected, atol=1e-4)


def test_the_published_normalisation_divides_weights_in_place_by_a_lower_bound() -> None:
    layer = nn.Conv2d(4, 8, 3, bias=False)
    before = layer.weight.detach().flatten(1).clone()
    published_spectral_norm(layer)
    layer(_random(1, 4, 5, 5))
    after = layer.weight.detach().flatten(1)
    ratio = before / after
    assert torch.allclose(ratio, ratio[0, 0].expand_as(ratio), rtol=1e-4)
    largest = float(torch.linalg.svdvals(before)[0])
    assert 0.2 * largest < float(ratio[0, 0]) <= largest * (1 + 1e-5)


def test_branches_are_normalised_one_by_one() -> None:
    branches = BlockBranches(3, 12, 5)
    before = branches.weight.detach().clone()
    published_spectral_norm(branches)
    branches(_random(2, 3, 12))
    ratio = before / branches.weight.detach()
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio), rtol=1e-4)
    assert len(set(ratio[:, 0, 0].tolist())) == 3


def test_the_published_patches_leave_out_the_lower_right() -> None:
    """27 of 32 rows and columns are judged: the rest may be anything."""
    judge = PatchDiscriminator(3, "corner").eval()
    x = _random(2, *SHAPE)
    other = x.clone()
    other[..., 27:] = 9.0
    other[..., 27:, :] = -9.0
    assert torch.equal(judge(x), judge(other))
    whole = PatchDiscriminator(3, "mean").eval()
    assert not torch.equal(whole(x), whole(other))
    logits = judge.layers(x)
    assert tuple(logits.shape) == (2, 1, 5, 5)
    pooled = functional.max_pool2d(logits, 3).flatten()
    torch.testing.assert_close(judge(x), pooled, rtol=1e-5, atol=1e-6)
    weights = 16 * (3 * 64 + 64 * 128 + 128)
    assert sum(each.numel() for each in PatchDiscriminator(3, "corner").parameters()) == weights


@pytest.mark.parametrize("size", [28, 32, 48])
def test_what_is_not_judged_is_not_computed_either(size: int) -> None:
    """Logits and gradients are those of the whole image, and the last row that counts does."""
    judge = PatchDiscriminator(3, "corner").eval()
    x = _random(4, 3, size, size).requires_grad_()
    logits = judge.layers(x)[..., :3, :3].amax(dim=(1, 2, 3))
    whole = torch.autograd.grad(logits.sum(), [x, *judge.parameters()])
    ours = torch.autograd.grad(judge(x).sum(), [x, *judge.parameters()])
    for first, second in zip(ours, whole, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)
    (moved,) = torch.autograd.grad(judge.layers(x)[..., :3, :3].sum(), x)
    assert bool((moved[..., 26, :27] != 0).all())
    assert not moved[..., 27:, :].any()
