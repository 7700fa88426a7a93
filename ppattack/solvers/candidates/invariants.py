"""Numbers of an image that no key of a scheme changes, so that they can be compared with its plain.

What a scheme makes public (:class:`~ppattack.target.structure.Structure`) says what every key
leaves alone: the histogram of the values, complements folded; the place of a pixel or of a block;
the distance between two blocks that share a key; what is inside a block up to a turn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ppattack.solvers.candidates.bag import Bag, ascending
from ppattack.solvers.sums import Sent
from ppattack.target.structure import Structure

Side = Literal["ciphertext", "candidate"]
GRID = 16
"""Cells along an edge, at most, in which pixels that stay in place are averaged."""
PAIRS = 4096
"""Pairs of blocks whose distance is kept, at most."""
SPARSE = 100
"""Times the pairs that are kept: if there are more, each is computed by itself."""
NEAR = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
"""Steps in rows and columns to the neighbours that are compared first if there are too many."""
LOW_NIBBLE_NOISE = 3.0
"""Standard deviation in grey levels of a copy's values about the original's: any alteration
draws low nibbles anew, so that a copy shows how often each is expected, not which it was."""
QUANTILES = 12
BINS = 64
"""Bins of the histogram of folded bytes of a whole image."""
AT_ONCE = 1 << 22
"""Bytes of images worked on at a time."""


class Invariants(Sent):
    """The invariants of a scheme, with the scales that public images give them.

    Args:
        structure: what the scheme makes public.
        public: ``(M, C, H, W)`` uint8 images in the form that is transformed.
        generator: on the CPU, for the random directions.
    """

    def __init__(self, structure: Structure, public: Tensor, generator: torch.Generator) -> None:
        self.structure = structure
        self._bag: Bag | None = None
        self._pairs: Tensor | None = None
        if structure.kind == "shared-block":
            rows, columns = (size // structure.block_size for size in public.shape[2:])
            self._pairs = _block_pairs(rows, columns, generator).to(public.device)
        if structure.kind in ("blocks", "blocks-dihedral", "shared-block"):
            step = max(1, AT_ONCE // public[0].numel())
            few = public[: max(step, 1)]
            described = self.described(few, "ciphertext")
            self._bag = Bag.fit(described.flatten(0, 1), generator)

    def of(self, images: Tensor, side: Side) -> Tensor:
        """``(N, F)`` float32 numbers that keys leave alone.

        Args:
            images: ``(N, C, H, W)`` uint8: ciphertexts, or plain images as they are transformed.
            side: whether low nibbles are the true ones (``ciphertext``) or those of a copy.
        """
        step = max(1, AT_ONCE // images[0].numel())
        return torch.cat([self._of(part, side) for part in images.split(step)])

    def blocks(self, images: Tensor, side: Side) -> Tensor:
        """``(N, n, D)`` float32: the same for each block, in the order of the blocks."""
        step = max(1, AT_ONCE // images[0].numel())
        return torch.cat([self.described(part, side) for part in images.split(step)])

    def _of(self, images: Tensor, side: Side) -> Tensor:
        structure = self.structure
        parts = []
        if structure.unit == "byte":
            parts.append(histogram(images, structure, BINS).sqrt())
        else:
            parts.append(_block_histograms(images, structure, side).mean(dim=1).sqrt())
        if structure.kind == "none":
            parts.append(_averaged(images.float()))
        elif structure.kind == "pixels":
            parts.append(_averaged(_levels(images, structure)))
        elif structure.kind != "any":
            parts += self._of_blocks(images, side)
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    def _of_blocks(self, images: Tensor, side: Side) -> list[Tensor]:
        structure = self.structure
        described = self.described(images, side)
        parts = [self._bag(described) if self._bag and structure.moves_blocks else described]
        if self._pairs is not None:
            distances = _distances(images, structure, side, self._pairs)
            parts.append(ascending(distances, 1) if structure.moves_blocks else distances)
        return parts

    def described(self, images: Tensor, side: Side) -> Tensor:
        """``(N, n, D)``: each block by numbers that what a key does inside it leaves alone."""
        if self.structure.kind == "blocks-dihedral":
            return _turned_block(_blocks(images.float(), self.structure.block_size), self.structure)
        return _block_histograms(images, self.structure, side)


def whole(images: Tensor, structure: Structure) -> Tensor:
    """``(N, D)`` float32 folded histograms of whole images.

    Args:
        images: ``(N, C, H, W)`` uint8: ciphertexts, or plain images as they are transformed.
        structure: what the scheme makes public.
    """
    step = max(1, AT_ONCE // images[0].numel())
    if structure.unit == "byte":
        return torch.cat([histogram(part, structure, 256) for part in images.split(step)])
    parts = [_block_histograms(part, structure, "ciphertext") for part in images.split(step)]
    return torch.cat([part.mean(dim=1) for part in parts])


def histogram(images: Tensor, structure: Structure, bins: int) -> Tensor:
    """``(N, bins)`` shares of the values of bytes, complements folded if there are any."""
    values = torch.arange(256, device=images.device)
    if structure.negatives and structure.kind != "none":
        values = torch.minimum(values, 255 - values) * 2
    of_bytes = torch.nn.functional.one_hot(values * bins // 256, bins).float()
    return byte_counts(images) @ of_bytes / images[0].numel()


def byte_counts(images: Tensor) -> Tensor:
    """``(N, 256)`` float32: how often each byte occurs in each of N images; exact below 2^24."""
    values = images.flatten(1).long()
    values += 256 * torch.arange(len(images), device=images.device)[:, None]
    counts = torch.bincount(values.reshape(-1), minlength=256 * len(images))
    return counts.view(-1, 256).float()


def _levels(images: Tensor, structure: Structure) -> Tensor:
    values = images.float()
    if structure.negatives:
        values = (values - 127.5).abs()
    return ascending(values, 1) if structure.colours else values


def _averaged(values: Tensor) -> Tensor:
    """Cells of a grid; half the edge at 32 pixels."""
    height, width = values.shape[2:]
    cells = (min(GRID, height), min(GRID, width))
    return torch.nn.functional.adaptive_avg_pool2d(values, cells)


def _blocks(images: Tensor, edge: int) -> Tensor:
    """``(N, C, H, W)`` to ``(N, n, C, B, B)``, row by row."""
    count, channels, height, width = images.shape
    grid = images.reshape(count, channels, height // edge, edge, width // edge, edge)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels, edge, edge)


def _folded_shares(structure: Structure, side: Side) -> Tensor:
    """``(256, D)``: what a byte adds to the histogram of folded units of its block.

    A copy's byte adds how often each folded nibble is expected in the original.
    """
    if structure.unit == "byte":
        folded = np.minimum(np.arange(256), 255 - np.arange(256)) // 4
        return torch.eye(32)[torch.from_numpy(folded)]
    values = np.arange(256)
    low, high = values & 15, values >> 4
    shares = (np.eye(8)[np.minimum(low, 15 - low)] + np.eye(8)[np.minimum(high, 15 - high)]) / 2
    if side == "candidate":
        weight = np.exp(-((values[None] - values[:, None]) ** 2) / (2 * LOW_NIBBLE_NOISE**2))
        shares = weight @ shares / weight.sum(axis=1, keepdims=True)
    return torch.from_numpy(shares).float()


def _block_histograms(images: Tensor, structure: Structure, side: Side) -> Tensor:
    """``(N, n, D)`` shares of folded units in each block."""
    inside = _blocks(images, structure.block_size).flatten(2)
    count, number, _ = inside.shape
    bag = torch.nn.functional.embedding_bag
    table = _folded_shares(structure, side).to(images.device)
    shares = bag(inside.flatten(0, 1).int(), table, mode="mean")
    return shares.reshape(count, number, -1)


def _block_pairs(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """``(P, 2)`` numbers of blocks to compare: all pairs, or near ones and some others."""
    count = rows * columns
    if count * (count - 1) // 2 <= PAIRS:
        return torch.triu_indices(count, count, 1).T.contiguous()
    number = torch.arange(count).reshape(rows, columns)
    near = [
        torch.stack([number[: rows - r, : columns - c], number[r:, c:]], dim=-1).reshape(-1, 2)
        for r, c in NEAR
    ]
    found = torch.cat(near)[:PAIRS]
    other = torch.randint(0, count, (PAIRS - len(found), 2), generator=generator)
    return torch.cat([found, other[other[:, 0] != other[:, 1]]])


def _distances(images: Tensor, structure: Structure, side: Side, pairs: Tensor) -> Tensor:
    """``(N, P)`` root mean squared differences between blocks, which one key of all keeps."""
    inside = _blocks(images, structure.block_size).flatten(2)
    if structure.unit == "byte":
        values = inside.float()
    elif side == "candidate":
        values = (inside >> 4).float()
    else:
        values = torch.cat([(inside >> 4).float(), (inside & 15).float()], dim=2)
    if inside.shape[1] ** 2 > SPARSE * len(pairs):
        apart = values[:, pairs[:, 0]].sub_(values[:, pairs[:, 1]]).square_()
        return apart.sum(dim=2).div(inside.shape[2]).sqrt()
    square = (values**2).sum(dim=2)
    gram = torch.bmm(values, values.transpose(1, 2))
    both = square[:, :, None] + square[:, None, :] - 2 * gram
    return both[:, pairs[:, 0], pairs[:, 1]].clamp_min(0).div(inside.shape[2]).sqrt()


def _turned_block(inside: Tensor, structure: Structure) -> Tensor:
    """``(N, n, D)``: numbers of a block that turns, mirrors, complements and colours keep."""
    edge = inside.shape[-1]
    values = inside - 127.5
    flat = values.flatten(3)
    folded = ascending(flat.abs().flatten(2), 2)
    step = torch.linspace(0, folded.shape[2] - 1, QUANTILES).round().long()
    parts = [folded[:, :, step]]
    means = flat.mean(dim=3)
    sign = torch.where(means.mean(dim=2, keepdim=True) < 0, -1.0, 1.0)
    parts.append(ascending(means * sign, 2))
    centred = flat - means[..., None]
    covariance = centred @ centred.transpose(2, 3) / flat.shape[3]
    parts.append(ascending((covariance.diagonal(dim1=2, dim2=3) + 1).log(), 2))
    parts.append((torch.linalg.eigvalsh(covariance).clamp_min(0) + 1).log())
    parts.append((_band_energies(centred.unflatten(3, (edge, edge))) + 1).log())
    return torch.cat(parts, dim=2)


def _band_energies(values: Tensor) -> Tensor:
    """``(N, n, D)`` energies of the lowest DCT bands, (u, v) and (v, u) together."""
    edge = values.shape[-1]
    u = torch.arange(edge, device=values.device).float()
    basis = torch.cos(torch.pi * (2 * u[None] + 1) * u[:, None] / (2 * edge)) * (2 / edge) ** 0.5
    basis[0] /= 2**0.5
    low = min(edge, 4)
    both = torch.kron(basis[:low].contiguous(), basis[:low].contiguous())
    spectrum = (values.flatten(3) @ both.T).unflatten(3, (low, low))
    energy = spectrum.square().sum(dim=2)
    energy = energy + energy.transpose(-1, -2)
    rows, columns = torch.triu_indices(low, low)
    found: Tensor = energy[..., rows, columns][..., 1:]
    return found
