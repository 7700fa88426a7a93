"""Probes tell every cipher here for what it is, whatever its key is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ppattack.plugins import registry
from ppattack.probes.examination import Examination, examine
from ppattack.probes.finding import Finding
from ppattack.probes.kinds import KINDS, STRUCTURED, weakness_of
from ppattack.probes.noise import BAR, energy
from ppattack.target import Key, Target
from targets.etc import EtC
from targets.etc_gray import EtcGray
from targets.pe import PE
from tests.support import home_made
from tests.support.plugins import ciphers, faulty_ciphers, keyed_by_contents, least
from tests.support.plugins.strong_ciphers import (
    FreshNonce,
    PadOnce,
    PlaintextKeystream,
    ShortNonce,
)

KEYS, MANY_KEYS = range(2), range(2, 22)
SHAPE = (3, 32, 32)
KEYED = "keyed-by-contents"


class Sums(ciphers.Masked):
    """Bytes change places, and a mask is added."""

    card = replace(ciphers.Masked.card, name="sums", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Move, add."""
        return np.roll(plain, 17, axis=1) + key.parts["mask"].reshape(-1)


class Runs(ciphers.Masked):
    """Every 16 bytes in a row go through a random function of 16 bytes, as in AES-ECB."""

    card = replace(ciphers.Masked.card, name="runs", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Look every run up."""
        secret = key.parts["mask"].tobytes()[:16]
        digests = [
            hashlib.shake_128(secret + run.tobytes()).digest(16) for run in plain.reshape(-1, 16)
        ]
        return np.frombuffer(b"".join(digests), np.uint8).reshape(plain.shape).copy()


class CipherChain(ciphers.Masked):
    """``c[i] = T[p[i] ^ c[i-1]]``: chained through one secret table."""

    card = replace(ciphers.Masked.card, name="cipher-chain", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Look up, byte by byte."""
        table = np.random.default_rng(key.parts["mask"].ravel()[:8]).permutation(256)
        made = np.empty_like(plain)
        last = np.zeros(len(plain), np.uint8)
        for i in range(plain.shape[1]):
            last = made[:, i] = table[plain[:, i] ^ last].astype(np.uint8)
        return made


class BlockChain(Runs):
    """Every run is combined with the ciphertext of the run before it, as in AES-CBC."""

    card = replace(ciphers.Masked.card, name="block-chain", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Run by run."""
        made, last = np.empty_like(plain), np.zeros((len(plain), 16), np.uint8)
        for start in range(0, plain.shape[1], 16):
            part = slice(start, start + 16)
            last = made[:, part] = super().forth(plain[:, part] ^ last, key)
        return made


class Multiplied(ciphers.Masked):
    """Every byte is multiplied by an odd number of its own, and another one is added."""

    card = replace(ciphers.Masked.card, name="multiplied", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Multiply, add."""
        mask = key.parts["mask"].reshape(-1)
        return plain * (mask | 1) + mask[::-1]


class PlainChain(ciphers.Masked):
    """Bytes change places, then every one is added to the one before it."""

    card = replace(ciphers.Masked.card, name="plain-chain", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Move, add, mask."""
        order = np.random.default_rng(key.parts["mask"].ravel()[:8]).permutation(plain.shape[1])
        made = plain[:, order]
        made[:, 1:] += plain[:, order[:-1]]
        return made + key.parts["mask"].reshape(-1)


class RowChain(ciphers.Masked):
    """Every row is chained by itself, through one secret table."""

    card = replace(ciphers.Masked.card, name="row-chain", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Look up, column by column."""
        table = np.random.default_rng(key.parts["mask"].ravel()[:8]).permutation(256)
        rows = plain.reshape(-1, key.image_shape[2]).copy()
        for at in range(1, rows.shape[1]):
            rows[:, at] = table[rows[:, at] ^ rows[:, at - 1]]
        return rows.reshape(plain.shape)


class NibbleTables(ciphers.Masked):
    """Every nibble goes through one table of 16, then nibbles change places."""

    card = replace(ciphers.Masked.card, name="nibble-tables", invertible=False)

    def forth(self, plain: ciphers.Bytes, key: Key) -> ciphers.Bytes:
        """Look up, move."""
        rng = np.random.default_rng(key.parts["mask"].ravel()[:8])
        table = rng.permutation(16).astype(np.uint8)
        while table[0] ^ table[1] ^ table[2] == table[3]:  # not by chance an affine one
            table = rng.permutation(16).astype(np.uint8)
        nibbles = table[np.concatenate([plain & 15, plain >> 4], axis=1)]
        moved = nibbles[:, rng.permutation(nibbles.shape[1])]
        low, high = np.split(moved, 2, axis=1)
        made: ciphers.Bytes = low | high << 4
        return made


class ShuffledAnew(FreshNonce):
    """The pixels of every image change places, by a nonce of its own."""

    card = replace(FreshNonce.card, name="shuffled-anew")

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Shuffle every image in its own way."""
        rng = np.random.default_rng() if generator is None else generator
        rows = images.numpy().reshape(len(images), -1)
        made = np.stack([row[rng.permutation(len(row))] for row in rows])
        return torch.from_numpy(made.reshape(images.shape)) ^ int(key.parts["key"][0])


class Tiled(FreshNonce):
    """The keystream of every image repeats itself after 64 bytes."""

    card = replace(FreshNonce.card, name="tiled")

    def _pad(self, key: Key, image: Any, rng: np.random.Generator) -> Any:
        return np.resize(rng.integers(0, 256, 64, dtype=np.uint8), image.shape)


def facts(found: Examination, name: str) -> Any:
    return of(found, name).facts


def of(found: Examination, name: str) -> Finding:
    return next(each for each in found.findings if each.name == name)


def diffusion(**settings: Any) -> Callable[[], Target]:
    return lambda: home_made.cipher("Diffusion", **settings)


CASES: dict[str, tuple[Callable[[], Target], str, str]] = {
    "permute-xor": (
        lambda: home_made.cipher("PermuteXor"),
        "permutation",
        "a permutation of bytes and an exclusive-or mask",
    ),
    "bit-shuffle": (
        lambda: home_made.cipher("BitShuffle"),
        "permutation",
        "a permutation of bits",
    ),
    "arnold": (lambda: home_made.cipher("Arnold"), "permutation", "a permutation of bytes"),
    "substitution": (lambda: home_made.cipher("Substitution"), "substitution", "one table"),
    "own-tables": (
        lambda: home_made.cipher("Substitution", own_tables=True),
        "substitution",
        "tables of bytes",
    ),
    "dct-signs": (lambda: home_made.cipher("DctSigns"), "real-linear", "in 8x8 blocks"),
    "secret-matrix": (lambda: home_made.cipher("SecretMatrix"), "real-linear", "in 4x4 blocks"),
    "diffusion": (diffusion(), "chained", "forth in the order chw, by exclusive-or"),
    "diffusion-back": (
        diffusion(backward=True, scan="hwc"),
        "chained",
        "back in the order hwc, by exclusive-or",
    ),
    "diffusion-sums": (
        diffusion(add=True, scan="cwh"),
        "chained",
        "forth in the order cwh, by addition modulo 256",
    ),
    "two-rounds": (diffusion(rounds=2), "gf2-linear", "affine over GF(2)"),
    "three-rounds": (diffusion(rounds=3, scan="hwc"), "gf2-linear", "affine over GF(2)"),
    "hill": (ciphers.Hill, "modular-linear", "a linear map modulo 256 in runs of 4 bytes"),
    "two-rounds-of-sums": (diffusion(rounds=2, add=True), "modular-linear", "modulo 256"),
    "sums": (Sums, "addition", "a mask that is added"),
    "shifted": (least.Shifted, "addition", "a mask that is added"),
    "runs": (Runs, "local", "in runs of 16 bytes"),
    "cipher-chain": (CipherChain, "unknown", "chained, but through something that is not linear"),
    "cbc": (BlockChain, "unknown", "chained, but through something that is not linear"),
    "nibble-tables": (NibbleTables, "substitution", "tables of nibbles"),
    "multiplied": (Multiplied, "substitution", "tables of bytes"),
    "plain-chain": (PlainChain, "modular-linear", "affine modulo 256"),
    "row-chain": (RowChain, "local", "in runs of 32 bytes"),
    "keyed-by-sum": (keyed_by_contents.KeyedBySum, "keyed-by-contents", "sum of all bytes:"),
    "keyed-by-mean": (keyed_by_contents.KeyedByMean, "keyed-by-contents", "mean"),
    "keyed-by-parity": (keyed_by_contents.KeyedByParity, "keyed-by-contents", "exclusive-or"),
    "keyed-by-sum-modulo": (
        keyed_by_contents.KeyedBySumModulo,
        "keyed-by-contents",
        "sum of all bytes modulo 256",
    ),
    "keyed-by-channels": (
        keyed_by_contents.KeyedByChannels,
        "keyed-by-contents",
        "sum of all bytes:",
    ),
    "keyed-by-histogram": (
        keyed_by_contents.KeyedByHistogram,
        "keyed-by-contents",
        "collection of levels",
    ),
    "keyed-by-corner": (
        keyed_by_contents.KeyedByCorner,
        "unknown",
        "a byte decides one byte, but what is done at a place depends on what is at others",
    ),
    "noisy": (
        faulty_ciphers.DeclaredRandomness,
        "noisy",
        "is drawn anew each time, the rest stays",
    ),
    "fresh-nonce": (FreshNonce, "fresh", "fresh randomness"),
    "short-nonce": (ShortNonce, "repeating", "fresh randomness that comes again"),
    "pad-once": (PadOnce, "fresh", "fresh randomness"),
    "plaintext-keystream": (PlaintextKeystream, "avalanche", "no generic attack applies"),
    "plain": (registry.target("plain"), "permutation", "nothing is changed"),
    "keyless": (registry.target("keyless"), "permutation", "within their pixel only"),
    "pe": (PE, "permutation", "an exclusive-or mask; bytes stay in their places"),
    "pe-colours": (lambda: PE(color_shuffle=True), "permutation", "within their pixel only"),
    "le": (registry.target("le"), "permutation", "within 4x4 blocks only"),
    "ele": (registry.target("ele"), "permutation", "whole blocks of 4x4 change places"),
    "etc": (EtC, "permutation", "whole blocks of 16x16 change places"),
    "etc-4": (lambda: EtC(block_size=4), "permutation", "whole blocks of 4x4 change places"),
    "etc-gray": (EtcGray, "real-linear", "a linear map over the reals"),
    "etc-gray-rgb": (lambda: EtcGray(color_space="rgb"), "permutation", "exclusive-or mask"),
    "one-time-pad": (registry.target("one-time-pad"), "fresh", "a key of its own"),
}
OR = {
    "arnold": "nothing is changed",
    "etc": "within 16x16 blocks only",
    "keyed-by-corner": "neither linear nor local nor chained",
}
"""What is true of some keys: a map of order two, applied twice; four blocks that stay in place; the
corner is among the bytes that are changed."""
UNITS = {"bit-shuffle": "bit", "le": "nibble", "ele": "nibble", "permute-xor": "byte"}


def check(name: str, seed: int) -> None:
    """One cipher under one key."""
    make, kind, words = CASES[name]
    target = make()
    found = examine(target, SHAPE, target.card.key_scopes[0], seed)
    said = [found.words, *(each.words for each in found.findings)]
    assert found.kind == kind, said
    assert any(words in each or OR.get(name, words) in each for each in said), said
    assert found.contradiction is None
    assert found.asked < 320
    if name in UNITS:
        assert facts(found, "unit")["unit"] == UNITS[name]


@pytest.mark.parametrize("seed", KEYS)
@pytest.mark.parametrize("name", CASES)
def test_every_cipher_is_told_for_what_it_is(name: str, seed: int) -> None:
    check(name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_same_under_twenty_other_keys(name: str) -> None:
    for seed in MANY_KEYS:
        check(name, seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 24, 64])
def test_other_sizes_and_grey_images(size: int, channels: int) -> None:
    shape = (channels, size, size)
    for name, kind in (("PermuteXor", "permutation"), ("Substitution", "substitution")):
        assert examine(home_made.cipher(name), shape, "dataset", 0).kind == kind
    assert examine(home_made.cipher("Diffusion"), shape, "dataset", 0).kind == "chained"


TINY = [(1, 1, 1), (3, 1, 1), (1, 1, 2), (3, 1, 3)]


@pytest.mark.parametrize("shape", TINY)
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: home_made.cipher("Substitution"), "unknown"),
        (lambda: home_made.cipher("PermuteXor"), "permutation"),
        (registry.target("keyless"), "permutation"),
        (PadOnce, "fresh"),
    ],
)
def test_images_of_fewer_than_four_pixels(
    make: Callable[[], Target], kind: str, shape: tuple[int, int, int]
) -> None:
    """What needs two halves is not measured, and nothing is said against a right declaration."""
    found = examine(make(), shape, make().card.key_scopes[0], 0)
    assert found.kind == kind or (kind == "fresh" and shape == (1, 1, 1))  # two bytes say little
    assert found.contradiction is None
    if kind == "unknown":
        assert of(found, "separate").holds is None
        assert of(found, KEYED).holds is None
        assert "fewer than 4 pixels" in found.words


def test_a_key_per_image_lets_pairs_say_nothing() -> None:
    assert examine(PE(), SHAPE, "dataset", 0).kind == "permutation"
    assert examine(PE(), SHAPE, "image", 0).kind == "fresh"


def hides(target: Target, scope: Any = "dataset") -> bool:
    return examine(target, SHAPE, scope, 1).hides


def test_nothing_is_left_to_attack_where_all_is_noise() -> None:
    for strong in (FreshNonce(), PadOnce(), PlaintextKeystream()):
        assert hides(strong)
    assert hides(registry.target("one-time-pad")(), "image")


def test_a_key_that_the_contents_decide_hides_images_but_is_weak() -> None:
    for make in (keyed_by_contents.KeyedBySum, keyed_by_contents.KeyedByMean):
        found = examine(make(), SHAPE, "dataset", 1)
        assert found.hides == (make is keyed_by_contents.KeyedBySum)  # few maps repeat themselves
        assert "that agree with an image in that number" in weakness_of(found.kind)
    values = facts(examine(keyed_by_contents.KeyedBySum(), SHAPE, "dataset", 1), KEYED)["values"]
    assert values == 255 * 3072 + 1
    values = facts(examine(keyed_by_contents.KeyedByMean(), SHAPE, "dataset", 1), KEYED)["values"]
    assert values == 256


@pytest.mark.parametrize("make", [PE, EtC, registry.target("le"), ShuffledAnew, Tiled])
def test_a_fresh_key_for_every_image_may_leave_much(make: Callable[[], Target]) -> None:
    target = make()
    found = examine(target, SHAPE, "image" if target.card.deterministic else "dataset", 1)
    assert found.kind == "fresh"
    assert not found.hides


def test_what_is_repeated_is_counted() -> None:
    found = facts(examine(ShortNonce(), SHAPE, "dataset", 0), "deterministic")
    assert 200 < found["different"] < 330  # of 256
    assert facts(examine(FreshNonce(), SHAPE, "dataset", 0), "deterministic")["different"] is None


def test_weak_noise_is_no_noise() -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 256, (16, 3072), dtype=np.uint8)
    assert energy(rows) < BAR
    assert energy(np.tile(rows[:, :48], 64)) == pytest.approx(3072)
    assert energy(np.zeros((16, 3072), np.uint8)) == pytest.approx(3072)
    # A seventh of all bytes are copies of the byte before them.
    copied = np.where(rng.random(rows.shape) < 0.15, np.roll(rows, 1, axis=1), rows)
    assert energy(copied.astype(np.uint8)) > BAR


def test_tokens_are_not_read() -> None:
    found = examine(registry.target("neuracrypt")(variant="small"), (1, 32, 32), "dataset", 0)
    assert found.kind == "tokens"
    assert found.asked == 0


class Batched(ciphers.Masked):
    """Images of a call are combined with the first of them."""

    def encrypt(self, images: Tensor, key: Key, *, generator: Any = None) -> Tensor:
        """Combine."""
        made = images ^ torch.from_numpy(key.parts["mask"])
        made[1:] ^= images[0]
        return made


def test_a_cipher_that_mixes_images_of_a_call_is_noticed() -> None:
    found = examine(Batched(), SHAPE, "dataset", 0)
    assert found.words == "a ciphertext depends on the other images that are encrypted with it"
    assert found.kind == "noisy"


def test_key_spaces_that_can_be_tried_are_named() -> None:
    assert of(examine(home_made.cipher("Arnold"), SHAPE, "dataset", 0), "few-keys").holds
    assert of(examine(PE(), SHAPE, "dataset", 0), "few-keys").holds is False
    assert of(examine(least.Shifted(), SHAPE, "dataset", 0), "few-keys").holds is None


def test_every_kind_is_reached() -> None:
    reached = {kind for _, kind, _ in CASES.values()} | {"tokens"}
    assert reached == set(KINDS)
    assert set(KINDS) > STRUCTURED
