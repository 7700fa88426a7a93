"""The files that CONTRIBUTING.md points at load by path, and do what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ppattack import scenario
from ppattack.attack import Context
from ppattack.data.source import ImageSets
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target import PermXorTarget, Target
from ppattack.threat import Observation

EXAMPLES = Path(__file__).parents[2] / "examples"
TARGET = f"{EXAMPLES / 'my_target.py'}:TileShuffle"
ATTACK = f"{EXAMPLES / 'my_attack.py'}:PixelOrder"


def images(count: int, height: int = 12, width: int = 20) -> torch.Tensor:
    rng = np.random.default_rng(5)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8))


def tile_shuffle(tile: int) -> PermXorTarget:
    made: Target = registry.target(TARGET)(tile=tile)
    assert isinstance(made, PermXorTarget)
    return made


@pytest.mark.parametrize("tile", [1, 4, 8])
def test_the_target_moves_whole_tiles_and_decrypts(tile: int) -> None:
    target = tile_shuffle(tile)
    plain = images(5)
    key = target.generate_key(numpy_stream(1), (3, 12, 20))
    ciphertexts = target.encrypt(plain, key)
    assert torch.equal(target.decrypt(ciphertexts, key), plain)
    assert not torch.equal(ciphertexts[..., :12, :20], plain)
    first = ciphertexts[0, :, :tile, :tile]
    padded = torch.nn.functional.pad(plain[:1].float(), (0, -20 % tile, 0, -12 % tile), "replicate")
    tiles = padded[0].unfold(1, tile, tile).unfold(2, tile, tile).permute(1, 2, 0, 3, 4)
    assert any(torch.equal(one, first.float()) for one in tiles.flatten(0, 1))


def test_the_target_draws_one_key_an_image() -> None:
    target = tile_shuffle(4)
    plain = images(3)
    keys = target.generate_keys((numpy_stream(1, i) for i in range(3)), (3, 12, 20))
    ciphertexts = target.encrypt(plain, keys)
    assert torch.equal(target.decrypt(ciphertexts, keys), plain)
    one = target.encrypt(plain[:1].repeat(3, 1, 1, 1), keys)
    assert not torch.equal(one[0], one[1])


def test_the_key_space_of_six_tiles() -> None:
    assert tile_shuffle(8).key_space_bits((3, 12, 20)) == pytest.approx(np.log2(720))


@pytest.mark.parametrize("tile", [1, 8])
def test_the_attack_recovers_the_target_s_key(tile: int) -> None:
    target = tile_shuffle(tile)
    attack = registry.attack(ATTACK)(preset="standard")
    sets = ImageSets("random", images(10), images(0))
    made = scenario.simulate(attack, target, sets, "dataset", seed=3)
    recovery = attack(made.observation, Context(torch.device("cpu"), seed=4))
    assert made.truth.images is not None
    assert made.truth.key is not None
    assert recovery.images is not None
    assert torch.equal(recovery.images, made.truth.images)
    truth = target.permxor(made.truth.key)
    assert isinstance(recovery.key, PermXor)
    if tile == 1:  # with padding, pixels that repeat the edge have twins
        assert np.array_equal(recovery.key.index, truth.index)


def test_the_attack_s_positive_control_is_the_example_target() -> None:
    control = registry.attack(ATTACK)().positive_control(tile_shuffle(1).public())
    assert control is not None
    assert registry.target(control.target)(**control.settings).card.name == "tile-shuffle"


def test_the_attack_gains_nothing_on_fresh_keys_for_known_pairs() -> None:
    target = tile_shuffle(1)
    attack = registry.attack(ATTACK)()
    plain = images(6)
    keys = target.generate_keys((numpy_stream(1, i) for i in range(6)), (3, 12, 20))
    ciphertexts = target.encrypt(plain, keys)
    observation = Observation(
        threat=attack.requires(),
        scheme=target.public(),
        ciphertexts=ciphertexts[:2],
        image_shape=(3, 12, 20),
        known_pairs=(plain[2:], ciphertexts[2:]),
    )
    recovery = attack(observation, Context(torch.device("cpu"), seed=4))
    assert recovery.images is not None
    right = (recovery.images == plain[:2]).double().mean()
    assert right < 0.02
