"""Models of the cloud: one that is made up, and its copy transformed with a key.

Who encrypts the blocks of images keeps a classifier's accuracy by transforming its weights with the
same key: the inputs of the patch embedding are reordered, a complement changes their sign, and the
table of positions is reordered as the blocks are. A vision transformer and a ConvMixer both begin
with such an embedding: a convolution as large as its stride.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ppattack import blocks
from ppattack.errors import NotApplicable
from ppattack.target.pixel import PermXorTarget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ppattack.images import ImageShape
    from ppattack.target.base import Target
    from ppattack.target.key import Key
    from ppattack.threat import Weights

EMBEDDING, POSITIONS = "patch_embed.proj.weight", "pos_embed"
"""The names that timm gives to the two tensors."""
WIDTH = 192
"""Outputs of the made-up embedding: those of the smallest vision transformer (ViT-Ti)."""
COLOUR = 0.3
"""Weight of a channel's own part beside what all channels share: filters are nearly grey."""


def made_up_model(target: Target, shape: ImageShape, rng: np.random.Generator) -> Weights:
    """Untrained weights that are as alike from pixel to pixel as trained ones.

    Args:
        target: the scheme; its structure says how large a patch is.
        shape: ``(C, H, W)`` of plain images.
        rng: of the model.

    Returns:
        the embedding ``(192, C, B, B)`` and the positions ``(1, 1 + n, 192)`` with a class token.
    """
    import torch

    edge, (channels, height, width) = target.structure().block_size, target.padded_shape(shape)
    filters = _smooth(rng, WIDTH, edge, edge)[:, None] + COLOUR * _smooth(
        rng, WIDTH * channels, edge, edge
    ).reshape(WIDTH, channels, edge, edge)
    rows, columns = height // edge, width // edge
    places = _smooth(rng, WIDTH, rows, columns).reshape(WIDTH, -1).T
    table = np.concatenate([rng.standard_normal((1, WIDTH)), places])[None]
    return {
        EMBEDDING: torch.from_numpy(filters.astype(np.float32)),
        POSITIONS: torch.from_numpy(table.astype(np.float32)),
    }


def transformed(model: Weights, target: Target, key: Key) -> Weights:
    """The model that answers on ciphertexts as the given one does on plain images.

    Raises:
        NotApplicable: if blocks are changed each in its own way, which no embedding can follow.
    """
    import torch

    if not isinstance(target, PermXorTarget):
        raise _no_model(target)
    channels, height, width = target.padded_shape(key.image_shape)
    embedding, positions = model[EMBEDDING], model[POSITIONS]
    table, edge = target.permxor(key), int(embedding.shape[-1])
    shape = (channels, height, width)
    numbers = blocks.byte_numbers(shape, edge).transpose(0, 2, 1)  # (n, C, B²)
    numbers = numbers.reshape(len(numbers), -1)
    home = np.empty((2, numbers.size), np.int64)  # block of each byte, and its place there
    home[0, numbers] = np.arange(len(numbers))[:, None]
    home[1, numbers] = np.arange(numbers.shape[1])
    if table.unit != "byte" or table.count is not None:
        raise _no_model(target)
    block, place = home[:, table.index[numbers]]
    mask = table.mask[numbers]
    shared = (block == block[:, :1]).all() and (place == place[:1]).all()
    if not (shared and (mask == mask[:1]).all() and np.isin(mask, (0, 255)).all()):
        raise _no_model(target)
    signs = torch.from_numpy(np.where(mask[0], -1.0, 1.0).astype(np.float32))
    columns = embedding.flatten(1)[:, torch.from_numpy(place[0])] * signs
    first = positions.shape[1] - len(numbers)
    moved = torch.cat([positions[:, :first], positions[:, first:][:, block[:, 0]]], dim=1)
    return {**model, EMBEDDING: columns.reshape(embedding.shape), POSITIONS: moved}


def fine_tuned(model: Weights, amount: float, rng: np.random.Generator) -> Weights:
    """The model with noise added to its weights, in standard deviations of each tensor."""
    import torch

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        noise = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
        return tensor + amount * tensor.std() * torch.from_numpy(noise)

    return {name: moved(tensor) for name, tensor in model.items()} if amount else model


def _smooth(rng: np.random.Generator, count: int, rows: int, columns: int) -> NDArray[np.float64]:
    """Random pictures ``(count, rows, columns)`` with the spectrum of natural ones."""
    from scipy.fft import idctn

    frequency = np.hypot(*np.ogrid[:rows, :columns])
    drawn = rng.standard_normal((count, rows, columns)) / (1 + frequency)
    made: NDArray[np.float64] = idctn(drawn, axes=(1, 2), norm="ortho")
    return made


def _no_model(target: Target) -> NotApplicable:
    return NotApplicable(
        f"no model can be transformed with the key of '{target.card.name}': it does not treat the "
        "bytes of all blocks alike."
    )
