"""The key of blocks from a public model and its copy that was transformed with that key.

The inputs of a patch embedding are the bytes of a block. Transformation permutes them and changes
the sign of complemented ones, so each input of the copy has the weights of one public input. The
table of positions is permuted as the blocks are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ppattack import blocks
from ppattack.errors import DataError
from ppattack.images import ImageShape
from ppattack.permxor import PermXor

NAMED_AT_MOST = 4
"""Tensors that an error lists."""
MOST_TOKENS = 2
"""Rows of a table of positions that are no block's: a class token, and one for distillation."""


@dataclass(frozen=True)
class Matched:
    """Which public row each row of the copy is.

    Args:
        source: ``(D,)`` the public row of each.
        negative: ``(D,)`` whether its sign changed.
        certain: share of the rows that are nearer to theirs than any row is by chance.
    """

    source: NDArray[np.int64]
    negative: NDArray[np.bool_]
    certain: float


def match_inputs(public: Tensor, copy: Tensor, *, signs: bool) -> Matched:
    """The inputs of an embedding matched by the cosine of their weights, which no scale changes.

    Chance is what the largest cosine is once the copy's outputs are exchanged: then no input has
    its own weights.

    Args:
        public: ``(E, D)`` weights, outputs by inputs.
        copy: likewise, transformed.
        signs: whether signs may have changed.
    """
    ours, theirs = (_unit(each.float().T) for each in (public, copy))  # (D, E)
    exchanged = theirs.roll(theirs.shape[1] // 2, dims=1)
    cosines, by_chance = theirs @ ours.T, exchanged @ ours.T
    size = cosines.abs() if signs else cosines
    source = _assigned(size)
    rows = np.arange(len(source))
    found = size.numpy()[rows, source]
    limit = float(by_chance.abs().max() if signs else by_chance.max())
    negative = cosines.numpy()[rows, source] < 0
    return Matched(source, negative & signs, float((found > limit).mean()))


def match_positions(public: Tensor, copy: Tensor) -> Matched:
    """The rows of a table of positions ``(n, E)`` matched by their distances.

    Chance is the least distance once the copy's columns are exchanged.
    """
    ours, theirs = public.double(), copy.double()
    apart = torch.cdist(theirs, ours)
    by_chance = torch.cdist(theirs.roll(theirs.shape[1] // 2, dims=1), ours)
    source = _assigned(-apart)
    found = apart.numpy()[np.arange(len(source)), source]
    same = np.zeros(len(source), np.bool_)
    return Matched(source, same, float((found < float(by_chance.min())).mean()))


def key_of(inputs: Matched, order: NDArray[np.int64], shape: ImageShape, edge: int) -> PermXor:
    """The transformation of images whose blocks all have these inputs.

    Args:
        inputs: of a block, channels first.
        order: ``(n,)`` the source of each block.
        shape: ``(C, H, W)`` of ciphertexts.
        edge: of a block, pixels.
    """
    numbers = blocks.byte_numbers(shape, edge).transpose(0, 2, 1)  # (n, C, B²)
    numbers = np.ascontiguousarray(numbers).reshape(len(numbers), -1)
    index = numbers[order][:, inputs.source]
    mask = np.broadcast_to(inputs.negative * np.uint8(255), index.shape)
    return PermXor(blocks.place(index[None], numbers)[0], blocks.place(mask[None], numbers)[0])


def find_embedding(
    weights: Mapping[str, Tensor], name: str, wanted: ImageShape, file: str
) -> Tensor:
    """The patch embedding ``(E, C, B, B)`` among weights.

    Args:
        weights: by name.
        name: of the tensor; empty to look for the only one of its shape.
        wanted: ``(C, B, B)``.
        file: what the weights are called in errors.

    Raises:
        DataError: if there is none, or more than one, or it holds no finite numbers.
    """
    fitting = [each for each, tensor in weights.items() if tuple(tensor.shape[1:]) == wanted]
    shape = f"a patch embedding of shape (any, {_words(wanted)})"
    return _comparable(weights, _only(fitting, name, weights, shape, file), file)


def find_positions(
    weights: Mapping[str, Tensor], name: str, count: int, width: int, file: str
) -> Tensor | None:
    """The rows ``(count, width)`` of the blocks in a table of positions; None if there is none.

    Raises:
        DataError: if more than one tensor could be it, or the one that is named cannot, or it
            holds no finite numbers.
    """

    def fits(tensor: Tensor) -> bool:
        rows = tensor.shape[-2] - count if tensor.ndim > 1 else -1
        alone = tensor.ndim == len(("rows", "width")) or (tensor.ndim == 3 and len(tensor) == 1)
        return alone and tensor.shape[-1] == width and 0 <= rows <= MOST_TOKENS

    fitting = [each for each, tensor in weights.items() if fits(tensor)]
    called = [each for each in fitting if "pos" in each.lower()]
    if not fitting and not name:
        return None
    shape = f"a table of {count} positions with {width} numbers each"
    found = _only(called or fitting, name, weights, shape, file)
    return _comparable(weights, found, file).reshape(-1, width)[-count:]


def _only(
    fitting: list[str], name: str, weights: Mapping[str, Tensor], what: str, file: str
) -> str:
    """The one that fits, or is named and fits."""
    if name in fitting:
        return name
    if name:
        found = tuple(weights[name].shape) if name in weights else "no such tensor"
        raise DataError(f"{file}: '{name}' is not {what}: {found}.")
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(fitting[:NAMED_AT_MOST])
    if fitting:
        raise DataError(
            f"{file} has {len(fitting)} tensors that could be {what} ({listed}): name one with "
            "--set attack.embedding=NAME or --set attack.positions=NAME."
        )
    raise DataError(
        f"{file} has no tensor that could be {what}: give a model that reads the scheme's blocks "
        "as its patches, and the settings that the scheme was used with."
    )


def _comparable(weights: Mapping[str, Tensor], name: str, file: str) -> Tensor:
    """The tensor of that name, if its numbers can be compared with those of another model."""
    found = weights[name]
    dense = found.layout == torch.strided and not found.is_meta
    if not (found.is_floating_point() and dense):
        kind = str(found.dtype if dense else "sparse or empty").removeprefix("torch.")
        raise DataError(
            f"{file}: '{name}' holds no floating-point numbers but {kind} ones: give weights as "
            "they were before quantisation."
        )
    if not bool(torch.isfinite(found.float()).all()):
        raise DataError(
            f"{file}: '{name}' holds numbers that are not finite (NaN or infinite), which cannot "
            "be compared: give a model that answers."
        )
    return found


def _words(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _unit(rows: Tensor) -> Tensor:
    """Rows of length one; rows of zeros stay."""
    return torch.nn.functional.normalize(rows, dim=1)


def _assigned(score: Tensor) -> NDArray[np.int64]:
    """For each row the column of its own, with the largest sum; the best ones if they differ."""
    best = score.argmax(dim=1).numpy()
    if len(np.unique(best)) == len(best):
        return np.asarray(best, np.int64)
    _, columns = linear_sum_assignment(score.numpy(), maximize=True)
    return np.asarray(columns, np.int64)
