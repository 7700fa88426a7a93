"""The home-made ciphers load by path, keep their contract, and do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppattack.errors import ImageError
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.target import Key, Target, contract
from tests.support import home_made

EXAMPLES = Path(__file__).parents[2] / "examples" / "ciphers"
RNG = np.random.default_rng(5)


def images(count: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.integers(0, 256, (count, *shape), dtype=np.uint8))


def drawn(target: Target, *shape: int, seed: int = 1) -> Key:
    channels, height, width = shape
    return target.generate_key(numpy_stream(seed), (channels, height, width))


@pytest.mark.parametrize("name", home_made.NAMES)
@pytest.mark.parametrize("shape", [(3, 12, 20), (1, 16, 16), (3, 13, 13)])
def test_they_keep_the_contract(name: str, shape: tuple[int, int, int]) -> None:
    if name == "Arnold" and shape[1] != shape[2]:
        with pytest.raises(ImageError, match="square"):
            drawn(home_made.cipher(name), *shape)
        return
    contract.check(home_made.cipher(name), shape, "dataset")


def test_every_file_is_listed() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(home_made.FILES.values())


@pytest.mark.parametrize(
    "settings",
    [
        {"rounds": 3},
        {"add": True, "scan": "hwc"},
        {"backward": True, "scan": "cwh", "rounds": 2},
        {"add": True, "backward": True},
    ],
)
def test_diffusion_is_undone_and_reaches_all_that_follows(settings: dict[str, Any]) -> None:
    target = home_made.cipher("Diffusion", **settings)
    plain, key = images(3, 3, 12, 20), drawn(target, 3, 12, 20)
    made = target.encrypt(plain, key)
    assert target.decrypt(made, key).equal(plain)
    one = plain.clone()
    one[0, 0, 5, 5] ^= 1
    changed = (target.encrypt(one, key)[0] != made[0]).float().mean()
    assert changed > 0.001
    if settings.get("rounds", 1) > 1:
        assert changed > 0.2


def test_chains_by_hand() -> None:
    plain = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    parts: dict[str, Any] = {
        "orders": np.arange(12)[None],
        "keystreams": np.zeros((1, 12), np.uint8),
    }
    key = Key("diffusion", (3, 2, 2), parts)
    added = home_made.cipher("Diffusion", add=True).encrypt(plain, key)
    assert added.flatten().tolist() == [0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 66]
    back = home_made.cipher("Diffusion", backward=True, scan="hwc").encrypt(plain, key)
    assert back.flatten().tolist()[-1] == 11
    assert back.flatten().tolist()[7] == 11 ^ 7


def test_arnold_by_hand() -> None:
    target = home_made.cipher("Arnold")
    key = Key("arnold", (1, 4, 4), {"pqr": np.array([1, 1, 1])})
    plain = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    made = target.encrypt(plain, key)[0, 0]
    assert made[(1 + 2 * 2) % 4, 1 + 2] == plain[0, 0, 2, 1]  # (x, y) = (1, 2) -> (3, 1 + 4)


@pytest.mark.parametrize("name", ["DctSigns", "SecretMatrix"])
def test_lossy_ciphers_come_back_nearly(name: str) -> None:
    target = home_made.cipher(name)
    plain, key = images(4, 3, 16, 16) // 2 + 64, drawn(target, 3, 16, 16)
    made = target.encrypt(plain, key)
    assert (made.int() - plain.int()).abs().float().mean() > 20
    assert (target.decrypt(made, key).int() - plain.int()).abs().float().mean() < 2


def test_a_table_for_every_byte() -> None:
    one, many = (home_made.cipher("Substitution", own_tables=own) for own in (False, True))
    flat = torch.full((1, 3, 8, 8), 7, dtype=torch.uint8)
    assert len(one.encrypt(flat, drawn(one, 3, 8, 8)).unique()) == 1
    assert len(many.encrypt(flat, drawn(many, 3, 8, 8)).unique()) > 50


def test_files_load_by_path() -> None:
    path = f"{EXAMPLES / 'permute_xor.py'}:PermuteXor"
    assert registry.target(path)().card.name == "permute-xor"
