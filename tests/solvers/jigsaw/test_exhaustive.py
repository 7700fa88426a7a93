"""The exhaustive search is exact, and its costs know no global state."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ppattack.attack import Context
from ppattack.block_states import Arrangement, States, states
from ppattack.blocks import COLOUR_ORDERS
from ppattack.errors import ImageError
from ppattack.metrics.states import global_states
from ppattack.seeding import numpy_stream
from ppattack.solvers.blocks import seam_likelihood, search
from ppattack.solvers.blocks.seam_likelihood import FREEDOM, SeamLikelihood
from ppattack.solvers.global_state import network
from ppattack.solvers.jigsaw.exhaustive import arrangements, best_arrangements
from ppattack.solvers.jigsaw.refinement import total
from targets.etc import EtC
from tests.conftest import smooth_images
from tests.support.natural import natural_images

pytestmark = pytest.mark.long

GREY, COLOUR = states(colours=False), states(colours=True)
CONTEXT = Context(torch.device("cpu"), seed=1)


def seen_from_the_other_side(costs: Tensor, group: States) -> Tensor:
    """The same seams named by their second block."""
    inverse = torch.from_numpy(group.inverse)
    found = torch.empty_like(costs)
    for side in range(4):
        for state in range(group.count):
            met = group.side[group.inverse[state], (side + 2) % 4]
            found[:, side, :, :, state] = costs[:, met, :, :, inverse[state]].transpose(1, 2)
    return found


def random_costs(blocks: int, seed: int, images: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    costs = torch.rand(images, 4, blocks, blocks, GREY.count, generator=generator)
    return costs + seen_from_the_other_side(costs, GREY)


def least_of_all(costs: Tensor, rows: int, columns: int, group: States) -> float:
    """Every placement with every state of every block, block 0's too."""
    table = costs.numpy()
    count = rows * columns
    tried = np.indices((group.count,) * count, np.int8).reshape(count, -1)
    best = np.inf
    for grid in itertools.permutations(range(count)):
        total = np.zeros(tried.shape[1])
        for place in range(count):
            beside = [(0, place + 1)] if place % columns < columns - 1 else []
            below = [(1, place + columns)] if place + columns < count else []
            for side, other in beside + below:
                pair = np.empty((group.count, group.count))
                for own in range(group.count):
                    undo = group.inverse[own]
                    seen = group.side[undo, side]
                    pair[own] = table[seen, grid[place], grid[other], group.compose[undo]]
                total += pair[tried[place], tried[other]]
        best = min(best, float(total.min()))
    return best


@pytest.mark.parametrize("shape", [(2, 2), (1, 3), (3, 1), (1, 2), (2, 1), (1, 4)])
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_no_arrangement_is_cheaper(shape: tuple[int, int], seed: int) -> None:
    rows, columns = shape
    costs = random_costs(rows * columns, seed)
    found = best_arrangements(costs, rows, columns, GREY)
    for image in range(len(costs)):
        least = least_of_all(costs[image], rows, columns, GREY)
        claimed = total(found[image], costs[image].numpy().swapaxes(2, 3), GREY)
        assert claimed == pytest.approx(least, rel=1e-5)
        assert float(found.cost[image]) == pytest.approx(least, rel=1e-5)
        assert sorted(found.grid[image].reshape(-1)) == list(range(rows * columns))


def test_one_block_is_in_place() -> None:
    found = best_arrangements(torch.zeros(3, 4, 1, 1, 96), 1, 1, COLOUR)
    assert (found.grid == 0).all()
    assert (found.state == 0).all()


def test_arrangements_are_counted() -> None:
    assert arrangements(4, 96) == 21_233_664
    assert arrangements(1, 96) == 1


def test_more_blocks_are_refused() -> None:
    with pytest.raises(ImageError, match="at most 4 blocks"):
        best_arrangements(torch.zeros(1, 4, 6, 6, 16), 2, 3, GREY)


@cache
def model(channels: int) -> SeamLikelihood:
    group = COLOUR if channels == 3 else GREY
    return seam_likelihood.fit(natural_images(200, 16, channels=channels), 8, group)


@pytest.mark.parametrize(("channels", "group"), [(3, COLOUR), (1, GREY)])
def test_a_seam_costs_the_same_from_both_sides(channels: int, group: States) -> None:
    costs = model(channels).costs(smooth_images(3, 16, channels), 8, group)
    other = seen_from_the_other_side(costs, group)
    finite = torch.isfinite(costs)
    assert torch.equal(finite, torch.isfinite(other))
    assert torch.allclose(costs[finite], other[finite], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("state", [0, 7, 29, 50, 95])
def test_a_cost_is_the_likelihood_ratio_of_the_pixels_beside_a_seam(state: int) -> None:
    image = smooth_images(1, 16, seed=4)
    left, right = image[0, :, :8, :8], image[0, :, 8:, 8:]  # blocks 0 and 3
    turned = right.flip(2) if COLOUR.dihedral[state] > 3 else right
    turned = torch.rot90(turned, int(COLOUR.dihedral[state]) % 4, (1, 2))
    turned = turned[COLOUR_ORDERS[COLOUR.colour[state]].tolist()]
    turned = 255 - turned if COLOUR.negative[state] else turned
    before = left[:, :, 5:].flip(2).double().flatten() - 127.5
    after = turned[:, :, :3].double().flatten() - 127.5
    both = torch.cat([before, after])

    def surprise(vector: Tensor, form: Tensor) -> float:
        distance = float(vector @ form.double() @ vector)
        return float(np.log1p(distance / FREEDOM)) * (FREEDOM + len(vector)) / 2

    fitted = model(3)
    expected = surprise(both, fitted.joint)
    expected -= surprise(before, fitted.alone) + surprise(after, fitted.alone)
    found = float(fitted.costs(image, 8, COLOUR)[0, 0, 0, 3, state])
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-2)


def encrypted(images: Tensor, block: int) -> Tensor:
    target = EtC(block_size=block)
    channels, height, width = images.shape[1:]
    keys = target.generate_keys(
        (numpy_stream(3, "key", i) for i in range(len(images))), (channels, height, width)
    )
    return target.encrypt(images, keys)


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(16, 16, 3), (16, 16, 1), (8, 24, 3), (16, 8, 3), (8, 8, 3)]
)
def test_images_with_a_key_each_come_back(height: int, width: int, channels: int) -> None:
    images = natural_images(330, 24, channels=channels)[:, :, :height, :width].contiguous()
    plain, public = images[:30], images[30:]
    ciphertexts = encrypted(plain, 8)
    structure = EtC(block_size=8).structure()
    fitted = search.learn(ciphertexts, structure, public, CONTEXT, epochs=0)
    keys, notes = search.each_alone(ciphertexts, fitted)
    found = keys.inverse()(ciphertexts)
    right = [(state == plain).flatten(1).all(1) for state in global_states(found)]
    assert torch.stack(right).any(0).double().mean() > 0.8
    assert notes["blocks"] == height * width // 64
    assert right[0].double().mean() > 0.15  # by chance one in 96, or in 16
    assert notes["global_state_chance"] > 0.2


@pytest.mark.parametrize(("block", "columns"), [(8, 2), (9, 2), (7, 3)])
def test_ciphertexts_alone_are_enough_up_to_the_state(block: int, columns: int) -> None:
    plain = natural_images(20, 24)[:, :, : 4 // columns * block, : columns * block].contiguous()
    ciphertexts = encrypted(plain, block)
    structure = EtC(block_size=block).structure()
    fitted = search.learn(ciphertexts, structure, None, CONTEXT, epochs=0)
    keys, notes = search.each_alone(ciphertexts, fitted)
    found = keys.inverse()(ciphertexts)
    right = torch.stack([(state == plain).flatten(1).all(1) for state in global_states(found)])
    assert right.any(0).double().mean() > 0.8
    assert notes["global_state"] == "left as found"


def test_images_of_a_state_have_its_scores() -> None:
    public = natural_images(80, 16)
    prior = network.fit(public, COLOUR, 2, 2, 1, CONTEXT)
    plain = natural_images(5, 16, seed=9)
    scores = prior.scores(plain)
    for state in (1, 17, 64, 95):
        whole = Arrangement(np.arange(4).reshape(2, 2), np.zeros((2, 2), np.intp))
        key = whole.turned(state, COLOUR).key(8, 3, COLOUR)
        turned = key.inverse()(plain)  # in the state
        moved = scores[:, COLOUR.compose[np.arange(96), state]]
        # A state s of an image that is in state t is the state s after t of the image.
        assert torch.allclose(prior.scores(turned), moved, atol=1e-3)


def test_a_network_learns_more_than_the_linear_model() -> None:
    public, unseen = natural_images(200, 16), natural_images(100, 16, seed=5)
    right = {}
    for epochs in (0, 8):
        prior = network.fit(public, COLOUR, 2, 2, epochs, CONTEXT)
        right[epochs] = float((prior.scores(unseen).argmax(1) == 0).double().mean())
    assert right[0] > 0.3
    assert right[8] > right[0] - 0.05
