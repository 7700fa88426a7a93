"""PyramidNet with ShakeDrop: size, plain functions for comparison, laws of the draws, resuming."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from ppattack.attack import Context
from ppattack.errors import ConfigError
from ppattack.networks.shake_pyramid import ShakePyramidNet, shaken
from ppattack.training.fit import TrainingData, fit, seeded
from ppattack.training.recipe import Recipe

pytestmark = pytest.mark.long

CONTEXT = Context(torch.device("cpu"), seed=0)
Drawn = list[tuple[Tensor, Tensor]]


def small(last_keep: float = 0.5, name: str = "small", depth: int = 14) -> ShakePyramidNet:
    return seeded(lambda: ShakePyramidNet(3, 4, depth, 21, last_keep), CONTEXT, name)


def watched(network: ShakePyramidNet) -> Drawn:
    """What the blocks are given from now on."""
    drawn: Drawn = []
    for block in network.blocks:
        block.register_forward_pre_hook(lambda _, given: drawn.append(given[1]))
    return drawn


def _counted(channels: int, classes: int, depth: int, alpha: int) -> int:
    blocks = (depth - 2) // 2
    widths = [16 + alpha * k // blocks for k in range(blocks + 1)]
    inner = sum(2 * a + 9 * a * b + 2 * b + 9 * b * b + 2 * b for a, b in pairwise(widths))
    last = 16 + alpha
    return 9 * channels * 16 + 16 + 2 * 16 + inner + 2 * last + last * classes + classes


@pytest.mark.parametrize(
    ("channels", "classes", "known"),
    [(3, 10, 28_485_493), (3, 100, 28_485_493 + 90 * 287), (1, 10, None)],
)
def test_the_paper_size_has_the_parameters_counted_by_hand(
    channels: int, classes: int, known: int | None
) -> None:
    network = ShakePyramidNet(channels, classes)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == _counted(channels, classes, 110, 270)
    assert known is None or found == known
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert len(layers) == 110


def test_widths_grow_by_five_and_probabilities_fall_by_steps_to_a_half() -> None:
    network = ShakePyramidNet()
    widths = [part.num_features for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert sorted(set(widths)) == list(range(16, 287, 5))
    expected = 1 - 0.5 * torch.arange(1, 55, dtype=torch.float64) / 54
    torch.testing.assert_close(torch.tensor(network.keep, dtype=torch.float64), expected)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([1, 3]),
    st.integers(4, 33),
    st.integers(4, 33),
    st.booleans(),
    st.integers(1, 7),
)
def test_logits_for_any_size(
    channels: int, height: int, width: int, training: bool, alpha: int
) -> None:
    network = ShakePyramidNet(channels, 5, depth=8, alpha=alpha).train(training)
    assert network(torch.rand(2, channels, height, width)).shape == (2, 5)


def test_two_groups_halve_the_image() -> None:
    network, sizes = ShakePyramidNet(depth=14, alpha=6), []
    for block in network.blocks:
        block.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    network(torch.rand(2, 3, 32, 32))
    edges = [32, 32, 16, 16, 8, 8]
    assert sizes == [(17 + k, edge, edge) for k, edge in enumerate(edges)]


@pytest.mark.parametrize("depth", [2, 9, 109, -4])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ConfigError, match=f"depth {depth} is not valid: it must be 6 n"):
        ShakePyramidNet(depth=depth)


def _plainly(network: ShakePyramidNet, x: Tensor, drawn: Drawn | None) -> Tensor:
    """The same network as functions of its weights, in training where there are draws."""
    weights: dict[str, Tensor] = network.state_dict()

    def norm(x: Tensor, name: str) -> Tensor:
        if drawn is None:
            mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        else:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        y = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
        return y * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]

    x = norm(
        functional.conv2d(x, weights["stem.weight"], weights["stem.bias"], padding=1), "stem_norm"
    )
    count = len(network.blocks)
    for k in range(count):
        stride = 2 if k in (count // 3, 2 * count // 3) else 1
        at = f"blocks.{k}.branch"
        y = functional.conv2d(norm(x, f"{at}.0"), weights[f"{at}.1.weight"], None, stride, 1)
        y = functional.conv2d(norm(y, f"{at}.2").relu(), weights[f"{at}.4.weight"], None, 1, 1)
        y = norm(y, f"{at}.5")
        y = y * (network.keep[k] if drawn is None else drawn[k][0][:, None, None, None])
        if stride == 2:
            n, width, height, _ = x.shape
            x = x.reshape(n, width, height // 2, 2, height // 2, 2).mean(dim=(3, 5))
        y[:, : x.shape[1]] += x
        x = y
    features = norm(x, "last_norm").relu().mean(dim=(2, 3))
    return features @ weights["head.weight"].T + weights["head.bias"]


@pytest.mark.parametrize("training", [False, True])
def test_the_outputs_are_those_of_plain_functions(training: bool) -> None:
    network = small().double()
    stream = CONTEXT.torch_stream("norms")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for part in (module.running_mean, module.running_var, module.weight, module.bias):
                assert part is not None
                part.data.uniform_(0.5, 1.5, generator=stream)
    images = torch.rand(5, 3, 16, 16, generator=stream).double()
    drawn = watched(network.train(training))
    found = network(images)
    torch.testing.assert_close(found, _plainly(network, images, drawn if training else None))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=4),
    st.integers(1, 3),
)
def test_values_take_one_factor_and_gradients_the_other(
    factors: list[tuple[float, float]], edge: int
) -> None:
    forward, backward = torch.tensor(factors, dtype=torch.float64).T
    stream = torch.Generator().manual_seed(0)
    shape = (len(factors), 2, edge, edge)
    x = torch.rand(shape, generator=stream).double().requires_grad_()
    weights = torch.rand(shape, generator=stream).double()
    result = shaken(x, forward, backward)
    (result * weights).sum().backward()
    assert x.grad is not None
    for i, (front, back) in enumerate(factors):
        torch.testing.assert_close(result[i], x[i] * front)
        torch.testing.assert_close(x.grad[i], weights[i] * back)


def test_gradients_in_the_network_take_the_backward_factors() -> None:
    network = small()
    drawn = watched(network.train())
    gradients: list[Tensor] = []

    def listen(_: nn.Module, __: object, out: Tensor) -> None:
        out.register_hook(lambda gradient: gradients.insert(0, gradient))

    for block in network.blocks:
        block.register_forward_hook(listen)
    network(torch.rand(6, 3, 8, 8)).square().sum().backward()
    for k, block in enumerate(network.blocks):
        last = block.get_submodule("branch.5")
        assert isinstance(last, nn.BatchNorm2d)
        expected = (gradients[k].sum(dim=(2, 3)) * drawn[k][1][:, None]).sum(dim=0)
        torch.testing.assert_close(last.bias.grad, expected)


def test_the_draws_follow_their_laws() -> None:
    network = small(last_keep=0.25).train()
    drawn = watched(network)
    with torch.no_grad():
        for _ in range(40):
            network(torch.rand(100, 3, 4, 4))
    blocks = len(network.blocks)
    for k, keep in enumerate(network.keep):
        forward, backward = (torch.cat(each) for each in zip(*drawn[k::blocks], strict=True))
        kept = forward == 1
        assert torch.equal(kept, backward == 1)
        spread = (keep * (1 - keep) / 4000) ** 0.5
        assert abs(float(kept.float().mean()) - keep) < 5 * spread
        alpha, beta = forward[~kept], backward[~kept]
        few = len(alpha) ** -0.5
        assert -1 <= float(alpha.min()) < -0.9
        assert 0.9 < float(alpha.max()) < 1
        assert 0 <= float(beta.min()) < 0.1
        assert 0.9 < float(beta.max()) < 1
        assert abs(float(alpha.mean())) < 5 * few * 3**-0.5
        assert abs(float(beta.mean()) - 0.5) < 5 * few * 12**-0.5
        assert abs(float(torch.corrcoef(torch.stack([alpha, beta]))[0, 1])) < 5 * few
        assert abs(float(forward.mean()) - keep) < 5 * 4000**-0.5


def test_every_image_block_and_pass_has_draws_of_its_own() -> None:
    network = small(last_keep=0.0).train()
    drawn = watched(network)
    for _ in range(3):
        network(torch.rand(4, 3, 4, 4))
    values = [float(each) for forward, _ in drawn for each in forward if each != 1]
    assert len(values) > 20
    assert len(set(values)) == len(values)


def test_evaluation_draws_nothing() -> None:
    network = small().eval()
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(network(images), network(images))
    assert int(network.passes) == 0


def _forward_factors(network: ShakePyramidNet, passes: int) -> Tensor:
    drawn = watched(network.train())
    for _ in range(passes):
        network(torch.rand(3, 3, 4, 4))
    return torch.stack([forward for forward, _ in drawn])


def test_draws_depend_on_the_seed_of_the_weights_alone() -> None:
    first = _forward_factors(small(), 2)
    torch.rand(7)
    before = torch.get_rng_state()
    network = small().train()
    network(torch.zeros(3, 3, 4, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(_forward_factors(small(), 2), first)
    assert not torch.equal(_forward_factors(small(name="other"), 2), first)


def test_a_network_that_is_loaded_goes_on_with_its_draws() -> None:
    whole = _forward_factors(small(), 4)
    stopped = small()
    blocks = len(stopped.blocks)
    assert torch.equal(_forward_factors(stopped, 2), whole[: 2 * blocks])
    loaded = small(name="other")
    loaded.load_state_dict(stopped.state_dict())
    assert torch.equal(_forward_factors(loaded, 2), whole[2 * blocks :])


def test_a_training_that_is_interrupted_ends_as_one_that_is_not(tmp_path: Path) -> None:
    stream = CONTEXT.torch_stream("data")
    labels = torch.randint(4, (24,), generator=stream)
    data = TrainingData(torch.rand((24, 3, 8, 8), generator=stream), labels)
    recipe = Recipe(3, 8, "sgd", 0.01, validation_share=0.0)
    batches = 0

    def loss(network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(network(inputs), targets)

    def stop(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        nonlocal batches
        batches += 1
        if batches == 5:
            raise KeyboardInterrupt
        return inputs, targets

    whole, stopped, resumed = small(), small(), small()
    fit(whole, data, loss, recipe, CONTEXT, "shaken")
    context = Context(torch.device("cpu"), seed=0, checkpoints=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, data, loss, recipe, context, "shaken", stop)
    assert fit(resumed, data, loss, recipe, context, "shaken").resumed_after == 1
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
