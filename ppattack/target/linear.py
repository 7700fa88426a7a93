"""Schemes that multiply the blocks of an image by secret matrices; ciphertexts are floats."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.errors import ImageError, KeyFileError, NotInvertible
from ppattack.images import ImageShape
from ppattack.seeding import numpy_stream
from ppattack.target.base import Draw
from ppattack.target.key import Key, Parts
from ppattack.target.linear_form import LinearForm
from ppattack.target.masters import MasterKeyTarget

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from torch import Tensor

NUMBER_BITS = 32
"""Bits that a free parameter of a matrix counts for: it is stored as float32."""


class LinearTarget(MasterKeyTarget):
    """A scheme that is one matrix for all blocks of an image, or one for each.

    Ciphertexts are ``(N, C, H', W')`` float32. Images are multiplied one by one, so that a
    ciphertext depends on its image alone, to the last bit.

    A subclass says where the vectors are (:meth:`linear_form`) and draws the matrices
    (:meth:`draw_matrices`); one whose matrices are public overrides :meth:`matrices` instead.
    """

    @abstractmethod
    @override
    def linear_form(self) -> LinearForm:
        """The public geometry."""

    def draw_matrices(
        self, rng: np.random.Generator, count: int, size: int
    ) -> NDArray[np.floating]:
        """Secret matrices ``(count, size, size)``: random orthogonal ones, unless overridden."""
        return haar(rng, count, size)

    @property
    @override
    def size_multiple(self) -> int:
        """Images are padded to whole blocks."""
        return self.linear_form().block_size

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """The shape of one ciphertext."""
        return self.linear_form().cipher_shape(self.padded_shape(image_shape))

    @override
    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """The shape of the largest plain image that has such a ciphertext.

        Raises:
            ImageError: if it is not one of whole blocks.
        """
        form = self.linear_form()
        if len(ciphertext_shape) == 3 and ciphertext_shape[0] in self.card.channels:
            channels, *edges = ciphertext_shape
            if all(edge % form.cipher_block == 0 for edge in edges):
                height, width = (edge // form.cipher_block * form.block_size for edge in edges)
                return channels, height, width
        raise ImageError(
            f"ciphertexts of shape {ciphertext_shape} are not images in whole blocks of "
            f"{form.cipher_block}: name the settings with which they were made."
        )

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``matrix``: one or one per block, float32; ``blocks``: their order, if they move."""
        parts: dict[str, NDArray[np.generic]] = {}
        for name, (_, shape) in self.part_types(image_shape).items():
            if name == "matrix":
                drawn = self.draw_matrices(draw("matrix"), shape[0], shape[1])
                parts[name] = drawn.astype(np.float32)
            else:
                parts[name] = draw("blocks").permutation(shape[0])
        return parts

    def part_types(
        self, image_shape: ImageShape
    ) -> Mapping[str, tuple[DTypeLike, tuple[int, ...]]]:
        """The type and shape of each key part."""
        form, padded = self.linear_form(), self.padded_shape(image_shape)
        count, size = form.blocks(padded), self._vector_size(padded)
        types: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "matrix": (np.float32, (1 if form.shared else count, size, size))
        }
        if form.moves_blocks:
            types["blocks"] = (np.int64, (count,))
        return types

    def matrices(self, parts: Parts, image_shape: ImageShape) -> Tensor:
        """``(1 or n, D', D)`` float32 from key parts; ``y = A x``."""
        import torch

        del image_shape
        return torch.from_numpy(np.array(parts["matrix"]))

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Multiply every vector by its matrix, then move blocks; see :meth:`Target.encrypt`."""
        import torch

        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        form, padded = self.linear_form(), self.padded_shape(key.image_shape)
        values = form.values(self.representation().prepare(images))
        out = torch.empty((len(images), *form.cipher_shape(padded)), device=images.device)
        for i, row in enumerate(self._keys_of_images(key, len(images))):
            matrices, order = self._tables(row, images)
            made = form.plain_vectors(values[i : i + 1].contiguous()) @ matrices.transpose(1, 2)
            if order is not None:
                made = made[:, order]
            out[i] = self.transmitted(form.from_cipher_vectors(made, padded)[0], row, generator)
        return out

    def transmitted(
        self, ciphertext: Tensor, key: Key, generator: np.random.Generator | None
    ) -> Tensor:
        """What is published of one ciphertext ``(C, H', W')``: all of it, unless overridden."""
        del key, generator
        return ciphertext

    @override
    def decrypt(self, ciphertexts: Tensor, key: Key) -> Tensor:
        """Multiply by the inverse matrices, and round to levels.

        Raises:
            NotInvertible: if ciphertexts have fewer numbers than images.
        """
        import torch

        form, shape = self.linear_form(), key.image_shape
        padded = self.padded_shape(shape)
        self._check_ciphertexts(ciphertexts, key)
        if form.cipher_block != form.block_size:
            raise NotInvertible(
                f"'{self.card.name}' makes {form.cipher_block**2} numbers of "
                f"{form.block_size**2}: nothing can decrypt them exactly."
            )
        out = torch.empty((len(ciphertexts), *shape), dtype=torch.uint8, device=ciphertexts.device)
        for i, row in enumerate(self._keys_of_images(key, len(ciphertexts))):
            matrices, order = self._tables(row, ciphertexts)
            vectors = form.cipher_vectors(ciphertexts[i : i + 1])
            if order is not None:
                vectors = vectors[:, order.argsort()]
            inverse = matrices if form.orthogonal else matrices.inverse().transpose(1, 2)
            values = form.from_plain_vectors(vectors @ inverse, padded)
            out[i : i + 1] = self.representation().restore(form.levels(values), shape)
        return out

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """32 bits per free parameter of a matrix, and the orders of blocks."""
        from math import lgamma, log

        types, bits = self.part_types(image_shape), 0.0
        if "matrix" in types:
            count, size, _ = types["matrix"][1]
            free = size * (size - 1) // 2 if self.linear_form().orthogonal else size * size
            bits += float(NUMBER_BITS * count * free)
        if "blocks" in types:
            bits += lgamma(types["blocks"][1][0] + 1) / log(2)
        return bits

    def _vector_size(self, padded: ImageShape) -> int:
        """Numbers in a vector of the plain image."""
        form = self.linear_form()
        edge = form.block_size
        return edge if form.vectors == "rows" else edge * edge * padded[0]

    def _keys_of_images(self, key: Key, count: int) -> list[Key]:
        """The key of each image; the same one for all if they share it."""
        if key.count is None:
            return [key] * count
        return [key.rows(slice(i, i + 1)) for i in range(count)]

    def _tables(self, key: Key, like: Tensor) -> tuple[Tensor, Tensor | None]:
        """Matrices and the order of blocks of one image's key, on a tensor's device."""
        import torch

        parts = self._checked_parts(key)
        matrices = self.matrices(parts, self.padded_shape(key.image_shape)).to(like.device)
        if "blocks" not in parts:
            return matrices, None
        return matrices, torch.from_numpy(np.array(parts["blocks"])).to(like.device)

    def _checked_parts(self, key: Key) -> Parts:
        parts, wanted = self.parts_of(key), self.part_types(key.image_shape)
        found = {name: (part.dtype, part.shape) for name, part in parts.items()}
        if found == {name: (np.dtype(kind), shape) for name, (kind, shape) in wanted.items()}:
            order = parts.get("blocks")
            if order is None or np.array_equal(np.sort(order), np.arange(len(order))):
                return parts
        raise KeyFileError(
            f"the key is not one of '{key.scheme}' with these settings and images of shape "
            f"{key.image_shape}: name the settings that it was made with."
        )

    def _check_ciphertexts(self, ciphertexts: Tensor, key: Key) -> None:
        import torch

        wanted = tuple(self.ciphertext_shape(key.image_shape))
        if not isinstance(ciphertexts, torch.Tensor) or tuple(ciphertexts.shape[1:]) != wanted:
            raise ImageError(
                f"the key is for ciphertexts of shape {wanted}: these are no such tensor."
            )
        if ciphertexts.dtype != torch.float32:
            raise ImageError(f"ciphertexts are float32 numbers, not {ciphertexts.dtype}.")
        if key.scheme != self.card.name:
            raise KeyFileError(f"the key is for '{key.scheme}', not for '{self.card.name}'.")
        if key.count is not None and key.count != len(ciphertexts):
            raise KeyFileError(
                f"the key holds one key per image for {key.count} images, not {len(ciphertexts)}."
            )


def haar(rng: np.random.Generator, count: int, size: int) -> NDArray[np.float64]:
    """Uniformly random orthogonal matrices ``(count, size, size)``.

    The orthogonal factor of a Gaussian matrix, with the diagonal of the triangular one made
    positive: what Gram-Schmidt gives.
    """
    factors, triangles = np.linalg.qr(rng.standard_normal((count, size, size)))
    made: NDArray[np.float64] = factors * np.sign(np.diagonal(triangles, axis1=1, axis2=2))[:, None]
    return made


def noise_stream(key: Key, ciphertext: Tensor) -> np.random.Generator:
    """Randomness that follows from key and image, so that encryption stays a function."""
    import hashlib

    digest = hashlib.sha256(key.fingerprint.encode() + ciphertext.cpu().numpy().tobytes())
    return numpy_stream(digest.digest(), "noise")
