"""The losses of the GAN attacks against their formulas, and how their data are laid out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.networks.discriminators import PatchDiscriminator
from ppattack.networks.sia import SiaGenerator
from ppattack.solvers.trained import sia
from ppattack.solvers.trained.adversarial import VARIANTS, game, published_weights, unpaired
from ppattack.solvers.trained.image_moments import moments_of_many
from tests.conftest import smooth_images

IMAGES, OTHERS = smooth_images(6, 16, seed=1), smooth_images(6, 16, seed=2)
MOMENTS = moments_of_many(OTHERS)


class Judge(nn.Module):
    """The mean of the squares of an image, weighted: its gradient is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x.square().mean(dim=(1, 2, 3))


class Paint(nn.Module):
    """Images times one learnt number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def test_the_published_losses_are_cross_entropies() -> None:
    generator, judge = Paint(), Judge()
    turns = game(generator, judge, VARIANTS["paper"], MOMENTS)(IMAGES, OTHERS)
    name, loss = next(turns)
    real, fake = judge(_scaled(OTHERS)).sigmoid(), judge(generator(_scaled(IMAGES))).sigmoid()
    ones, zeros = torch.ones(6), torch.zeros(6)
    expected = functional.binary_cross_entropy(real, ones)
    expected = expected + functional.binary_cross_entropy(fake, zeros)
    assert name == "discriminator"
    assert torch.allclose(loss, expected, atol=1e-6)
    loss.backward()
    assert generator.weight.grad is None
    judge.weight.grad = None
    name, loss = next(turns)
    assert name == "generator"
    assert torch.allclose(loss, functional.binary_cross_entropy(fake, ones), atol=1e-6)
    loss.backward()
    assert generator.weight.grad is not None
    assert judge.weight.grad is None
    assert next(turns, None) is None
    assert judge.weight.requires_grad


def test_the_hinge_has_a_penalty_on_the_slope_at_real_images() -> None:
    generator, judge, variant = Paint(), Judge(), VARIANTS["fixed"]
    turns = game(generator, judge, variant, MOMENTS)(IMAGES, OTHERS)
    _, loss = next(turns)
    real, fake = _scaled(OTHERS), generator(_scaled(IMAGES))
    size = real[0].numel()
    slope = 3.0 * 2 * real / size
    expected = functional.relu(1 - judge(real)).mean() + functional.relu(1 + judge(fake)).mean()
    penalty = slope.square().sum(dim=(1, 2, 3)).mean()
    assert variant.gradient_penalty > 0
    assert torch.allclose(loss, expected + variant.gradient_penalty * penalty, atol=1e-6)
    loss.backward()
    assert judge.weight.grad is not None
    _, loss = next(turns)
    assert loss.item() > -judge(fake).mean().item()  # the moments count beside the judge


def test_a_faithful_generator_pays_less_for_its_moments() -> None:
    def generator_loss(images: Tensor) -> float:
        judge = Judge()
        with torch.no_grad():
            judge.weight.zero_()
        turns = game(nn.Identity(), judge, VARIANTS["fixed"], MOMENTS)(images, OTHERS)
        next(turns)
        return float(next(turns)[1])

    assert generator_loss(OTHERS) < 1e-6 < generator_loss(IMAGES) < generator_loss(255 - OTHERS)


def test_published_weights_are_narrow_and_normalised_layers_count_too() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        network = published_weights(
            nn.Sequential(nn.Conv2d(3, 64, 4), nn.BatchNorm2d(64), *PatchDiscriminator().layers)
        )
    assert isinstance(network[0], nn.Conv2d)
    assert abs(float(network[0].weight.std()) - 0.02) < 0.002
    assert isinstance(network[1], nn.BatchNorm2d)
    assert 0.01 < float(network[1].weight.std()) < 0.03
    assert abs(float(network[1].weight.mean()) - 1) < 0.02
    inner = network[4].get_parameter("parametrizations.weight.original")
    assert abs(float(inner.std()) - 0.02) < 0.002


@pytest.mark.parametrize(("few", "many"), [(6, 6), (4, 10), (10, 4), (1, 7)])
def test_the_fewer_of_both_sides_are_repeated_evenly(few: int, many: int) -> None:
    first = torch.arange(few).view(-1, 1, 1, 1).to(torch.uint8)
    second = torch.arange(many).view(-1, 1, 1, 1).to(torch.uint8)
    stream = torch.Generator().manual_seed(0)
    data = unpaired(first, second, stream, labels=torch.arange(few))
    longest = max(few, many)
    assert len(data.inputs) == len(data.targets) == longest
    assert data.labels is not None
    assert torch.equal(data.labels, data.inputs.flatten().long())
    for values, count in ((data.inputs, few), (data.targets, many)):
        times = torch.bincount(values.flatten().long(), minlength=count)
        assert int(times.max()) - int(times.min()) <= 1
        assert int(times.sum()) == longest


def test_sia_adds_variation_and_labels_to_the_hinge() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        generator = SiaGenerator((3, 16, 16), width=0.0625).eval()
    judge, labels = Judge(), torch.tensor([0, 1, 0, 1, 0, 1])
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    turns = sia.game(generator, judge, classifier, sia.Variant(moments=0.0), MOMENTS)(
        IMAGES, OTHERS, labels
    )
    name, loss = next(turns)
    feature = generator.feature(_scaled(IMAGES))
    fake = generator.image(feature)
    real = judge(_scaled(OTHERS))
    hinge = functional.relu(1 - real).mean() + functional.relu(1 + judge(fake)).mean()
    assert name == "discriminator"
    assert torch.allclose(loss, hinge, atol=1e-6)
    name, loss = next(turns)
    expected = -judge(fake).mean() + 1e-3 * sia.variation(feature)
    expected = expected + functional.cross_entropy(classifier(fake), labels)
    assert name == "generator"
    assert torch.allclose(loss, expected, atol=1e-5)


def test_variation_counts_three_channels_and_divides_by_all() -> None:
    feature = torch.zeros(2, 16, 32, 32)
    feature[0, 0, 5, 5] = 1.0  # four neighbours
    feature[1, 7] = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    assert sia.variation(feature).item() == pytest.approx(4 / (16 * 32 * 32))
