"""How much more likely two block borders are side by side than apart, learned from images.

The pixels on both sides of a seam are taken as one vector. Public images, or the insides of the
ciphertexts' own blocks, say how such vectors vary; the cost of a seam is the log-likelihood of its
two sides apart, minus that together. The densities are multivariate t with few degrees of
freedom, so that contrast, which differs from image to image, counts for little. They are the
same for turned, mirrored, complemented and recoloured images: no global state is preferred here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.block_states import States
from ppattack.blocks import COLOUR_ORDERS, dihedral_table

DEPTH = 3
"""Lines on each side of a seam that count."""
SEGMENT = 16
"""The longest part of a seam whose pixels are modelled together."""
FREEDOM = 0.3
"""Degrees of freedom of the densities."""
RIDGE = 1e-5
"""Added to the covariance, relative to the mean variance."""
MOST_SEAMS = 100_000
"""Seams of public images used: more gain little."""
CHUNK_NUMBERS = 1 << 24
"""Numbers held at a time."""


@dataclass(frozen=True)
class SeamLikelihood:
    """A fitted model.

    Args:
        joint: ``(2·h, 2·h)`` float32, the inverse covariance of both sides of a segment; a side
            is ``(C, segment, depth)``, the line nearest to the seam first.
        alone: ``(h, h)`` float32, that of one side.
        segment: pixels along the seam.
        depth: lines.
    """

    joint: Tensor
    alone: Tensor
    segment: int
    depth: int

    def costs(self, ciphertexts: Tensor, block_size: int, group: States) -> Tensor:
        """The cost of every seam of every image.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8, H and W multiples of ``block_size``.
            block_size: edge of a block, pixels.
            group: the states.

        Returns:
            ``(N, 4, n, n, S)`` float32: the cost of block b in state s at side k of block a as
            it is. A block beside itself costs infinity.
        """
        blocks = ciphertexts[0, 0].numel() // block_size**2
        each = 4 * blocks**2 * group.count * (block_size // self.segment)
        each += 8 * 6 * blocks * ciphertexts.shape[1] * block_size * self.depth
        step = max(1, CHUNK_NUMBERS // each)
        parts = ciphertexts.split(step)
        return torch.cat([self._costs(part, block_size, group) for part in parts])

    def _costs(self, ciphertexts: Tensor, block_size: int, group: States) -> Tensor:
        half = len(self.alone)
        colours = group.count // 16
        borders = _borders(ciphertexts, block_size, self.segment, self.depth)
        images, blocks, channels = len(borders), borders.shape[1], borders.shape[4]
        # The border at side k is the left one of the block turned k times and then flipped,
        # which is element 4 + (-k) % 4.
        before = borders[:, :, :, [4, 7, 6, 5]].flatten(4)  # (N, n, g, 4, h)
        orders = torch.from_numpy(COLOUR_ORDERS[:, :channels])[:colours]
        after = borders[:, :, :, :, orders] if channels == 3 else borders[:, :, :, :, None]
        after = after.flatten(5)  # (N, n, g, 8, K, h)
        cross = torch.einsum("nagkh,nbgejh->nkabejg", before @ self.joint[:half, half:], after) * 2
        own = _quadratic(before, self.joint[:half, :half]).permute(0, 3, 1, 2)
        own = own[:, :, :, None, None, None]  # (N, 4, n, 1, 1, 1, g)
        other = _quadratic(after, self.joint[half:, half:]).permute(0, 1, 3, 4, 2)[:, None, None]
        apart = _surprise(_quadratic(before, self.alone), half).permute(0, 3, 1, 2)
        apart = (
            apart[:, :, :, None, None, None]
            + _surprise(_quadratic(after, self.alone), half).permute(0, 1, 3, 4, 2)[:, None, None]
        )
        costs = torch.empty(images, 4, blocks, blocks, 8, 2, colours, device=borders.device)
        for negative, sign in ((0, 1), (1, -1)):
            together = _surprise(own + other + sign * cross, 2 * half)
            costs[:, :, :, :, :, negative] = (together - apart).sum(6)
        return _by_state(costs, group)


def fit(public: Tensor, block_size: int, group: States) -> SeamLikelihood:
    """Learn from the seams of public images.

    Args:
        public: ``(M, C, H, W)`` uint8, H and W multiples of ``block_size``, with at least one
            seam: two blocks.
        block_size: edge of a block, pixels.
        group: the states, whose colour orders count as equally likely.
    """
    segment = max(part for part in range(1, SEGMENT + 1) if block_size % part == 0)
    depth = min(DEPTH, block_size)
    seams = sum(
        (size // block_size - 1) * (other // segment)
        for size, other in (public.shape[2:], public.shape[:1:-1])
    )
    used = public[:: max(1, -(-len(public) * seams // MOST_SEAMS))]
    size = 2 * public.shape[1] * segment * depth
    moment = torch.zeros(size, size, dtype=torch.float64, device=public.device)
    count = 0
    for part in used.split(max(1, CHUNK_NUMBERS // (seams * size))):
        vectors = torch.cat(
            [_seams(view, block_size, segment, depth) for view in (part, part.transpose(2, 3))]
        ).flatten(1)
        moment += (vectors.T @ vectors).double()
        count += len(vectors)
    moment = _symmetric(moment / count, (2, public.shape[1], segment, depth), group)
    ridge = RIDGE * moment.diagonal().mean() + 1e-6
    moment += ridge * torch.eye(size, dtype=torch.float64, device=moment.device)
    half = size // 2
    joint, alone = torch.linalg.inv(moment), torch.linalg.inv(moment[:half, :half])
    return SeamLikelihood(joint.float(), alone.float(), segment, depth)


def fit_inside(ciphertexts: Tensor, block_size: int, group: States) -> SeamLikelihood:
    """Learn from lines inside the blocks of ciphertexts, which encryption left next to each other.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8, H and W multiples of ``block_size``.
        block_size: edge of a block, at least 2 pixels.
        group: the states.
    """
    count, channels, height, width = ciphertexts.shape
    rows, columns = height // block_size, width // block_size
    grid = ciphertexts.reshape(count, channels, rows, block_size, columns, block_size)
    blocks = grid.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, block_size, block_size)
    inner = max(part for part in range(1, block_size) if block_size % part == 0)
    return fit(blocks, inner, group)


def _seams(images: Tensor, block: int, segment: int, depth: int) -> Tensor:
    """``(seams, 2, C, segment, depth)``: both sides of the segments between columns of blocks."""
    count, channels, height, width = images.shape
    pixels = images.float() - 127.5
    at = range(block, width, block)
    if not at:
        return pixels.new_empty(0, 2, channels, segment, depth)
    before = torch.stack([pixels[..., x - depth : x].flip(3) for x in at])
    after = torch.stack([pixels[..., x : x + depth] for x in at])
    both = torch.stack([before, after], 2)  # (x, N, 2, C, H, depth)
    both = both.view(len(at), count, 2, channels, height // segment, segment, depth)
    return both.permute(0, 1, 4, 2, 3, 5, 6).reshape(-1, 2, channels, segment, depth)


def _symmetric(moment: Tensor, shape: tuple[int, int, int, int], group: States) -> Tensor:
    """The mean over what keeps a seam a seam: swapping sides, mirroring along it, recolouring."""
    numbers = torch.arange(len(moment), device=moment.device).view(shape)
    orders = COLOUR_ORDERS if group.count == 96 else COLOUR_ORDERS[:1]
    recoloured = [numbers[:, order[: shape[1]].tolist()] for order in orders]
    symmetric = moment
    for variants in ([numbers, numbers.flip(0)], [numbers, numbers.flip(2)], recoloured):
        flat = [variant.flatten() for variant in variants]
        symmetric = torch.stack([symmetric[order][:, order] for order in flat]).mean(0)
    return symmetric


def _borders(ciphertexts: Tensor, block: int, segment: int, depth: int) -> Tensor:
    """``(N, n, g, 8, C, segment, depth)``: the left border of each block in each orientation."""
    count, channels, height, width = ciphertexts.shape
    grid = ciphertexts.reshape(count, channels, height // block, block, width // block, block)
    flat = grid.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels, block * block)
    table = torch.from_numpy(dihedral_table(block)).view(8, block, block)[:, :, :depth]
    lines = flat[..., table.to(flat.device)].float() - 127.5  # (N, n, C, 8, B, depth)
    parts: Tensor = lines.unflatten(4, (block // segment, segment))
    return parts.permute(0, 1, 4, 3, 2, 5, 6)


def _quadratic(vectors: Tensor, form: Tensor) -> Tensor:
    found: Tensor = ((vectors @ form) * vectors).sum(-1)
    return found


def _surprise(distance: Tensor, size: int) -> Tensor:
    """Minus the log-density, up to a constant, at a squared distance from the centre."""
    return torch.log1p(distance.clamp(min=0) / FREEDOM) * ((FREEDOM + size) / 2)


def _by_state(costs: Tensor, group: States) -> Tensor:
    """Costs by the state of the second block, from costs by the orientation of its left border."""
    first = group.count // 8
    names = group.dihedral.reshape(8, -1)[:, 0]
    found = torch.empty_like(costs)
    for side in range(4):
        for element in names:
            # Both blocks are turned until the side is the right one.
            turned = int(group.dihedral[group.compose[side * first, element * first]])
            found[:, side, :, :, element] = costs[:, side, :, :, turned]
    own = torch.arange(costs.shape[2], device=costs.device)
    found[:, :, own, own] = float("inf")
    return found.flatten(4)
