"""Block-wise transformation with one key: half of the bytes pass a format-preserving cipher (FFX).

Its ciphertexts are no bytes, so it stands apart from :mod:`targets.block_defence`.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from typing_extensions import override

from ppattack import blocks
from ppattack import images as image_ops
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ImageError, KeyFileError
from ppattack.target import Draw, ImageShape, Key, Parts, Structure, Target, TargetCard
from ppattack.target.published_seed import PublishedSeed, check_seed, published_seed

from .block_defence import randperm
from .vit_blocks import in_line

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

DIGITS = 3
"""A level is enciphered as a number of three decimal digits."""
NUMBERS = 10**DIGITS
ROUNDS = 10
"""Rounds of the Feistel network, as in the library that the published code uses."""
PUBLISHED_PASSWORD = b"password"
PASSWORD_BYTES = 16


class BlockDefenceFfx(Target):
    """Half of the bytes of every block replaced by a table of format-preserving encryption.

    With the bytes of a block of B × B pixels in the order row, column, channel, D = C·B²: byte j
    becomes ``E(x[j])`` if ``masked[j]``, and stays as it is otherwise. E enciphers numbers of three
    decimal digits, 0 to 999, under a password. Then all numbers, masked or not, are divided by the
    largest of E(0) … E(255), so that they lie in [0, 1]. Ciphertexts are ``(N, C, H, W)`` float32.

    Half of the bytes therefore leave in the clear, only darker, and the others have passed one
    table of 256 levels, the same everywhere.

    Variants:
        ``paper``: exactly half of the bytes, and a random password of 16 bytes.
        ``code``: the authors' code: the entries above D/2 of ``randperm(D)`` of torch's CPU
            generator after ``manual_seed(seed)``, one short of half, and the password "password".

    Threat model: ciphertext-only; one key for the whole data set.

    Deviations: decryption is exact; the authors' code truncates, so that 5 of 256 masked levels
    come back as others. Images that are not a multiple of the block are padded by repeating the
    last row and column.

    Reference: M. AprilPyone, H. Kiya: Block-Wise Image Transformation With Secret Key for
    Adversarially Robust Defense. IEEE Transactions on Information Forensics and Security
    16:2709-2723, 2021, arXiv:2010.00801. FFX: M. Bellare, P. Rogaway, T. Spies: The FFX Mode of
    Operation for Format-Preserving Encryption. Submission to NIST, 2010; here with HMAC-SHA1 as its
    round function and digits added without carry, as in the library behind the authors' code.
    """

    card = TargetCard(
        name="block-defence-ffx",
        title="Block-wise format-preserving encryption of half of the bytes with one key",
        reference=Reference(
            "M. AprilPyone, H. Kiya",
            "Block-Wise Image Transformation With Secret Key for Adversarially Robust Defense",
            "IEEE Transactions on Information Forensics and Security 16:2709-2723",
            2021,
            arxiv="2010.00801",
        ),
        cipher="tokens",
    )
    secret_settings = ("legacy_seed",)
    takes_key_per_image = True

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        variant: Annotated[
            Literal["paper", "code"], Doc("the paper's scheme, or its code's keys")
        ] = "paper"
        block_size: Annotated[int, Interval(ge=1, le=64), Doc("edge of a block, pixels")] = 4
        legacy_seed: PublishedSeed = None

        def __post_init__(self) -> None:
            check_seed(self.variant, self.legacy_seed)

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return int(self.config.block_size)

    @override
    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """The shape of the ciphertext itself.

        Raises:
            ImageError: if it is not an image in whole blocks.
        """
        if len(ciphertext_shape) == len(("C", "H", "W")):
            channels, height, width = ciphertext_shape
            shape = (channels, height, width)
            if channels in self.card.channels and self.padded_shape(shape) == shape:
                return shape
        raise ImageError(
            f"ciphertexts of shape {ciphertext_shape} are not images in whole blocks of "
            f"{self.config.block_size}: name the settings with which they were made."
        )

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``masked``: (D,) which bytes are enciphered; ``password``: its bytes."""
        size = self._size(image_shape)
        if self.config.variant == "paper":
            masked = draw("masked").permutation(size) < size // 2
            password = draw("password").bytes(PASSWORD_BYTES)
        else:
            masked = randperm(published_seed(self.config.legacy_seed, draw), size) > size // 2
            password = PUBLISHED_PASSWORD
        return {"masked": masked, "password": np.frombuffer(password, np.uint8)}

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Look masked bytes up in the table, then scale; see :meth:`Target.encrypt`."""
        import torch

        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        shape = len(images), *self.ciphertext_shape(key.image_shape)
        out = torch.empty(shape, device=images.device)
        for rows, single in _by_key(key, len(images)):
            masked, table = self._tables(single)
            levels = self.representation().prepare(images[rows]).long()
            enciphered = torch.from_numpy(table).to(levels.device)[levels]
            chosen = torch.from_numpy(masked).to(levels.device)
            out[rows] = torch.where(chosen, enciphered, levels) / float(table[:256].max())
        return out

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Undo scale and table; exact for ciphertexts made with this key."""
        import torch

        wanted = tuple(self.ciphertext_shape(key.image_shape))
        if tuple(ciphertexts.shape[1:]) != wanted or ciphertexts.dtype != torch.float32:
            raise ImageError(f"the key is for float32 ciphertexts of shape {wanted}.")
        if key.count not in (None, len(ciphertexts)):
            raise KeyFileError(
                f"the key holds one key per image for {key.count} images, not {len(ciphertexts)}."
            )
        out = torch.empty(ciphertexts.shape, dtype=torch.uint8, device=ciphertexts.device)
        for rows, single in _by_key(key, len(ciphertexts)):
            masked, table = self._tables(single)
            inverse = torch.from_numpy(table.argsort()).to(ciphertexts.device)
            scaled = ciphertexts[rows].double() * float(table[:256].max())
            numbers = scaled.round().clamp(0, NUMBERS - 1).long()
            chosen = torch.from_numpy(masked).to(ciphertexts.device)
            out[rows] = torch.where(chosen, inverse[numbers], numbers).clamp(0, 255)
        return self.representation().restore(out, key.image_shape)

    @override
    def structure(self) -> Structure:
        return Structure("substitution", block_size=self.config.block_size)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """log2 of D over D/2, and the password's bits if it is random."""
        size = self._size(image_shape)
        password = 8.0 * PASSWORD_BYTES if self.config.variant == "paper" else 0.0
        return math.log2(math.comb(size, size // 2)) + password

    def _size(self, image_shape: ImageShape) -> int:
        return int(image_shape[0] * self.config.block_size**2)

    def _tables(self, key: Key) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which bytes of an image are masked ``(C, H, W)``, and E of all 1,000 numbers."""
        shape, size = self.padded_shape(key.image_shape), self._size(key.image_shape)
        masked, password = key.parts.get("masked"), key.parts.get("password")
        if masked is None or password is None or masked.shape != (size,):
            raise KeyFileError(
                f"this is not a key of '{self.card.name}' with blocks of "
                f"{self.config.block_size} pixels: name the settings that it was made with."
            )
        numbers = in_line(shape, self.config.block_size, "hwc")  # (n, D)
        everywhere = np.broadcast_to(masked.astype(np.bool_), (1, *numbers.shape))
        return blocks.place(everywhere, numbers).reshape(shape), ffx_table(password.tobytes())


def _by_key(key: Key, count: int) -> list[tuple[slice, Key]]:
    """Which images each single key is for: all of them, or one."""
    if key.count is None:
        return [(slice(0, count), key)]
    return [(slice(i, i + 1), key.single(i)) for i in range(count)]


@lru_cache(maxsize=64)
def ffx_table(password: bytes) -> NDArray[np.int64]:
    """E of the numbers 0 … 999, a permutation of them, ``(1000,)``; not to be written to."""
    return np.array([_enciphered(password, number) for number in range(NUMBERS)])


def _enciphered(password: bytes, number: int) -> int:
    """One number of three digits through an alternating Feistel network on its digits."""
    digits = [int(digit) for digit in f"{number:0{DIGITS}}"]
    left, right = digits[: DIGITS // 2], digits[DIGITS // 2 :]
    for turn in range(ROUNDS):
        added = _round_digits(password, turn, right, len(left))
        mixed = [(a + b) % 10 for a, b in zip(left, added, strict=True)]
        left, right = right, mixed
    return int("".join(map(str, left + right)))


def _round_digits(password: bytes, turn: int, digits: list[int], count: int) -> list[int]:
    """The ``count`` digits that a round adds, the least significant of an HMAC-SHA1 first."""
    import hmac

    message = struct.pack(f"<{len(digits) + 2}I", turn, *digits, 0)
    value = int.from_bytes(hmac.digest(password, message, "sha1"), "big")
    return [value // 10**place % 10 for place in range(count)]
