from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.seeding import torch_stream
from ppattack.target.private_encoder import LINEAR, PrivateEncoder, _Block

GEOMETRY = {"channels": 3, "hidden": 24, "patch": 4, "depth": 2, "patches": 4, "width": 10}


def _encoder(seed: int = 0, **changes: object) -> PrivateEncoder:
    return PrivateEncoder.generate(torch_stream(seed), **{**GEOMETRY, **changes})  # type: ignore[arg-type]


def _images(count: int = 5, seed: int = 1) -> Tensor:
    return torch.randn((count, 3, 8, 8), generator=torch_stream(seed))


def _blocks(encoder: PrivateEncoder) -> list[_Block]:
    return [block for block in encoder.blocks if isinstance(block, _Block)]


def _by_convolutions(encoder: PrivateEncoder, x: Tensor) -> Tensor:
    """The same network as the paper's code has it: convolutions, PyTorch's own normalisation."""
    weight = encoder.embed.weight
    conv = nn.functional.conv2d(x, weight.view(len(weight), 3, 4, 4), encoder.embed.bias, stride=4)
    value = conv.relu()
    for block in _blocks(encoder):
        kernel = block.layer.weight[:, :, None, None]
        value = functional.conv2d(value, kernel, block.layer.bias)
        norm = nn.BatchNorm2d(value.shape[1], track_running_stats=False).eval()
        value = norm(value).relu()
    tokens = value.flatten(2).transpose(1, 2) + encoder.position
    return functional.linear(tokens.relu(), encoder.project.weight, encoder.project.bias)


@pytest.mark.parametrize(
    ("channels", "hidden", "patches", "width", "count"),
    [
        (1, 2048, 256, 2048, 22_048_768),
        (3, 768, 196, 768, 3_700_224),
        (3, 2048, 196, 768, 20_351_744),
    ],
)
def test_the_number_of_parameters(
    channels: int, hidden: int, patches: int, width: int, count: int
) -> None:
    with torch.device("meta"):
        encoder = PrivateEncoder(channels, hidden, 16, 4, patches, width)
    assert sum(part.numel() for part in encoder.parameters()) == count


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_it_is_the_network_of_convolutions(depth: int) -> None:
    encoder, x = _encoder(depth=depth, bn="batch"), _images()
    assert encoder(x).shape == (5, 4, 10)
    torch.testing.assert_close(encoder(x), _by_convolutions(encoder, x), atol=1e-5, rtol=1e-4)


def test_the_linear_encoder_is_linear() -> None:
    encoder, x, y = _encoder(depth=LINEAR), _images(seed=1), _images(seed=2)
    zero = encoder(torch.zeros_like(x))
    assert sum(part.numel() for part in encoder.parameters()) == 48 * 10 + 10
    torch.testing.assert_close(encoder(x + y) + zero, encoder(x) + encoder(y))
    assert not torch.allclose(_encoder(depth=0)(x + y), _encoder(depth=0)(x) + _encoder(depth=0)(y))


def test_what_is_drawn_has_the_published_distribution() -> None:
    encoder = _encoder(hidden=400, patches=50)
    for layer, inputs in ((encoder.embed, 48), (encoder.project, 400)):
        weight, bound = layer.weight.detach(), inputs**-0.5
        assert float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.03)
    assert float(encoder.embed.bias.detach().abs().max()) <= 48**-0.5
    assert float(encoder.position.detach().mean()) == pytest.approx(0, abs=0.03)
    assert float(encoder.position.detach().std()) == pytest.approx(1, abs=0.03)


def test_the_generator_alone_decides() -> None:
    state, x = torch.get_rng_state(), _images()
    assert torch.equal(_encoder(0)(x), _encoder(0)(x))
    assert not torch.allclose(_encoder(0)(x), _encoder(1)(x))
    assert torch.equal(torch.get_rng_state(), state)


def test_normalised_features_have_no_mean_and_unit_variance_in_a_batch() -> None:
    encoder, seen = _encoder(bn="batch"), []
    x = functional.relu(encoder.embed(encoder._patches(_images(32))))
    for block in _blocks(encoder):
        before = block.layer(x).flatten(0, 1)
        seen.append(functional.batch_norm(before, None, None, training=True))
        x = block(x)
        torch.testing.assert_close(x.flatten(0, 1), seen[-1].relu())
    for rows in seen:
        torch.testing.assert_close(rows.mean(0), torch.zeros(24), atol=1e-5, rtol=0)
        torch.testing.assert_close(rows.var(0, correction=0), torch.ones(24), atol=5e-3, rtol=0)


def test_frozen_statistics_are_those_of_the_calibration_batch() -> None:
    frozen, batch, x = _encoder(), _encoder(bn="batch"), _images(8)
    uncalibrated = frozen(x)
    frozen.calibrate(x)
    assert not torch.allclose(frozen(x), uncalibrated)
    torch.testing.assert_close(frozen(x), batch(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(frozen(x[:1]), frozen(x)[:1], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(batch(x[:1]), batch(x)[:1], atol=1e-2)


def test_patches_do_not_mix_but_positions_count() -> None:
    encoder, x = _encoder(), _images(1)
    encoder.calibrate(_images(8))
    other = x.clone()
    other[:, :, 4:, :4] += 1  # the third patch
    changed = (encoder(other) - encoder(x)).abs().amax(-1)[0]
    assert (changed > 1e-3).tolist() == [False, False, True, False]
    same = encoder(torch.ones_like(x))[0]
    assert float((same[0] - same[1]).abs().max()) > 1e-2


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_every_parameter_learns(bn: str) -> None:
    encoder = _encoder(bn=bn)
    encoder(_images()).square().sum().backward()
    for name, part in encoder.named_parameters():
        assert part.grad is not None, name
        if not (bn == "batch" and name.endswith("layer.bias")):  # normalised away
            assert float(part.grad.abs().max()) > 0, name
