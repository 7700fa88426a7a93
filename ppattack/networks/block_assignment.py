"""A generator that can undo a block permutation: it rearranges, and so cannot collapse.

It is the family of the schemes themselves, made differentiable: a doubly stochastic matrix says
which ciphertext block goes where, and every block goes through its own linear map.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ppattack import blocks
from ppattack.target.structure import Structure

SINKHORN_ROUNDS = 12
"""Row and column normalisations; after these no sum is more than about a hundredth off one."""
FIRST_SHARPNESS = 3.0
"""Logit of the initial assignment of every block to its own place, over standard normal noise:
neither settled nor so mixed that all blocks are the same."""
LOGIT_SCALE = 20.0
"""Logits per unit of their parameters: a step of Adam moves a logit by this many learning rates,
since a logit has far to go, unlike a weight of a linear map."""
NOISE = 0.1


class BlockAssignmentNet(nn.Module):
    """Blocks are transformed one by one, then put where a soft assignment says.

    Args:
        shape: ``(C, H, W)`` of the images, H and W multiples of the block's edge.
        structure: what the scheme makes public about its keys: it decides whether blocks move,
            whether all share one map, whether nibbles are rearranged, and whether the map is a
            mixture of the 8 · 2 · 6 states of a block instead of any linear map.
    """

    tables: Tensor

    def __init__(self, shape: tuple[int, int, int], structure: Structure) -> None:
        super().__init__()
        channels, height, width = shape
        block = structure.block_size
        self.shape, self.block = shape, block
        count, size = (height // block) * (width // block), channels * block * block
        self.nibbles = structure.unit == "nibble"
        self.assignment: nn.Parameter | None = None
        if structure.moves_blocks:
            self.assignment = nn.Parameter(first_assignment(count))
        self.mixture = structure.kind == "blocks-dihedral"
        if self.mixture:
            self.register_buffer("tables", _states(channels, block), persistent=False)
            self.weight = nn.Parameter(torch.randn(count, 2 * len(self.tables)) / LOGIT_SCALE)
            return
        maps = 1 if structure.kind == "shared-block" else count
        features = 2 * size if self.nibbles else size
        self.weight = nn.Parameter(NOISE / features**0.5 * torch.randn(maps, features, size))
        with torch.no_grad():
            self.weight[:, :size] += torch.eye(size) * (16 / 17 if self.nibbles else 1)
            if self.nibbles:
                self.weight[:, size:] += torch.eye(size) / 17

    def forward(self, x: Tensor) -> Tensor:
        """Values of about [-1, 1], ``(N, C, H, W)``, from float ciphertexts in [-1, 1]."""
        channels, height, width = self.shape
        block, rows, columns = self.block, height // self.block, width // self.block
        grid = x.reshape(-1, channels, rows, block, columns, block).permute(2, 4, 0, 1, 3, 5)
        values = grid.reshape(rows * columns, len(x), -1)  # (blocks, N, bytes)
        if self.nibbles:
            values = _nibbles(values)
        made = self._mixed(values) if self.mixture else values @ self.weight
        if self.assignment is not None:
            made = torch.einsum("pb,bnf->pnf", sinkhorn(self.assignment), made)
        grid = made.reshape(rows, columns, -1, channels, block, block)
        return grid.permute(2, 3, 0, 4, 1, 5).reshape(-1, *self.shape)

    def _mixed(self, values: Tensor) -> Tensor:
        """Every block as a mixture of its states; a complement changes the sign."""
        share = (LOGIT_SCALE * self.weight).softmax(dim=1).unflatten(1, (2, -1))
        signed = share[:, 0] - share[:, 1]
        made = torch.zeros_like(values)
        for state, table in enumerate(self.tables):
            made = made + signed[:, state, None, None] * values[:, :, table]
        return made


def first_assignment(count: int) -> Tensor:
    """``(count, count)`` initial parameters of an assignment."""
    logits = FIRST_SHARPNESS * torch.eye(count) + torch.randn(count, count)
    return logits / LOGIT_SCALE


def sinkhorn(parameters: Tensor, rounds: int = SINKHORN_ROUNDS) -> Tensor:
    """A doubly stochastic matrix from ``(n, n)`` parameters; rows and columns take turns."""
    logits = LOGIT_SCALE * parameters
    for _ in range(rounds):
        logits = logits - logits.logsumexp(dim=1, keepdim=True)
        logits = logits - logits.logsumexp(dim=0, keepdim=True)
    return logits.exp()


def _nibbles(values: Tensor) -> Tensor:
    """Bytes in [-1, 1] as high and low nibbles in [-1, 1], side by side in the last dimension."""
    level = ((values.float() + 1) * 127.5).round()
    high = (level / 16).floor()
    return torch.cat([high / 7.5 - 1, (level - 16 * high) / 7.5 - 1], dim=-1).to(values.dtype)


def _states(channels: int, block: int) -> Tensor:
    """``(states, C · B²)`` gather indices: every way a block is turned and its colours ordered."""
    numbers = np.arange(channels * block * block).reshape(channels, -1)
    orders = blocks.COLOUR_ORDERS if channels == 3 else np.zeros((1, 1), np.intp)
    tables = [
        numbers[order][:, turn].reshape(-1)
        for turn in blocks.dihedral_table(block)
        for order in orders
    ]
    return torch.from_numpy(np.stack(tables))
