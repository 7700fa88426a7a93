"""Orders of the symbols of many blocks at once, from second moments within them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ppattack.plugins import registry
from ppattack.solvers.block_keys import alignment, recover
from ppattack.solvers.block_keys.alignment import Model, improved, placed
from ppattack.solvers.block_keys.limits import obstacle
from ppattack.solvers.block_keys.samples import gathered, public_covariance
from ppattack.solvers.covariance import block_symbols
from ppattack.target import PermXorTarget
from tests.support.natural import natural_images

EDGE, SIZE = 4, 48
TURNS = [torch.from_numpy(turn) for turn in block_symbols.turns(EDGE, 3)]


def plain_covariance() -> Tensor:
    """That of a block with smooth brightness and smoother differences of colours."""
    y, x, colour = np.unravel_index(np.arange(SIZE), (EDGE, EDGE, 3))
    apart = np.hypot(np.subtract.outer(x, x), np.subtract.outer(y, y))
    tint = np.array([[1.0, 0.85, 0.6], [0.85, 1.0, 0.8], [0.6, 0.8, 1.0]])
    values = np.exp(-apart / 4) * tint[colour[:, None], colour]
    centre = np.eye(SIZE) - 1 / SIZE
    return torch.from_numpy(centre @ values @ centre).float()


def shuffled(samples: int, blocks: int) -> tuple[Tensor, Tensor]:
    """Covariances of samples of permuted blocks, and the symbol at each place."""
    generator = torch.Generator().manual_seed(1)
    root = torch.linalg.cholesky(plain_covariance().double() + 1e-6 * torch.eye(SIZE)).float()
    values = torch.randn(blocks, samples, SIZE, generator=generator) @ root.T
    order = torch.stack([torch.randperm(SIZE, generator=generator) for _ in range(blocks)])
    seen = values.gather(2, order[:, None].expand_as(values))
    return seen.transpose(1, 2) @ seen / samples, order.argsort(1)


def right(at: Tensor, true: Tensor) -> int:
    """Blocks that are in order up to a turn, a mirror or an order of colours."""
    same = [(at == true[:, turn]).all(1) for turn in TURNS]
    return int(torch.stack(same).any(0).sum())


def test_blocks_are_put_in_order_up_to_their_state() -> None:
    seen, true = shuffled(400, 20)
    orders = recover.inside(seen, Model(plain_covariance()), EDGE, 3, seed=2**127 + 1)
    assert right(orders.at, true) == 20
    assert orders.agreed.double().mean() > 0.9
    assert torch.equal(orders.at.sort(1).values, torch.arange(SIZE).expand(20, -1))


def test_noise_is_hardly_put_in_an_order_twice() -> None:
    noise = torch.randn(24, 400, SIZE, generator=torch.Generator().manual_seed(0))
    seen = noise.transpose(1, 2) @ noise / 400
    orders = alignment.align(seen, Model(plain_covariance()), torch.Generator().manual_seed(0))
    assert orders.agreed.sum() <= 4  # by chance 1 in 30 is, whichever the processor rounds to


def test_exchanges_lower_the_misfit_by_what_they_claim() -> None:
    seen, true = shuffled(400, 6)
    model = Model(plain_covariance())
    disturbed = true.clone()
    disturbed[:, [3, 17]], disturbed[:, [20, 31]] = true[:, [17, 3]], true[:, [31, 20]]
    before = placed(seen, disturbed)
    gain, first, second = alignment._best_exchange(before, model.weights)
    exchanged = disturbed.clone()
    rows = torch.arange(6)
    exchanged[rows, first], exchanged[rows, second] = (
        disturbed[rows, second],
        disturbed[rows, first],
    )
    change = model.misfit(placed(seen, exchanged)) - model.misfit(before)
    assert torch.allclose(change, gain, rtol=1e-3, atol=1e-3)
    assert right(improved(seen, disturbed, model), true) == 6


def test_high_nibbles_and_complements_are_told_from_the_rest() -> None:
    images, shape = natural_images(60, 32), (3, 32, 32)
    scheme = registry.target("ele")()
    assert isinstance(scheme, PermXorTarget)
    key = scheme.generate_key(np.random.default_rng(0), shape)
    table, ciphertexts = scheme.permxor(key), scheme.encrypt(images, key)
    found = gathered(ciphertexts, block_symbols.numbers(shape, EDGE, "nibble"), "nibble")
    assert (table.index[found.cells] >= ciphertexts[0].numel()).mean() > 0.99
    sign = np.where(table.mask[found.cells] > 0, -1, 1) * found.signs.numpy()
    assert np.abs(sign.mean(1)).mean() > 0.97
    assert found.covariance.shape == (64, SIZE, SIZE)


def test_all_bytes_are_seen() -> None:
    numbers = block_symbols.numbers((3, 32, 32), EDGE, "byte")
    found = gathered(natural_images(60, 32), numbers, "byte")
    assert np.array_equal(found.cells, numbers)
    assert (found.signs.mean(1).abs() == 1).double().mean() > 0.97


def test_public_blocks_are_the_same_however_they_are_turned() -> None:
    numbers = block_symbols.numbers((3, 32, 32), EDGE, "byte")
    found = public_covariance(natural_images(40, 32), numbers, "byte", EDGE)
    for turn in TURNS[::6]:
        assert torch.allclose(found[turn][:, turn], found, atol=1e-5)
    assert found.sum(1).abs().max() < 1e-3  # blocks have lost their means


def test_what_is_too_large_is_said_in_one_sentence() -> None:
    assert obstacle((3, 256, 256), 4, "nibble") is None
    assert obstacle((3, 224, 224), 16, "byte") is None
    assert "at most 4096" in str(obstacle((3, 512, 512), 4, "nibble"))
    reason = str(obstacle((3, 256, 256), 32, "nibble"))
    assert "6144 nibbles" in reason
    assert "\n" not in reason
