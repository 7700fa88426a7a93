"""What public images look like after the ciphertexts' path: encrypted, through JPEG, decrypted.

JPEG leaves its grid in the frame of the ciphertext, and decoders mix halved colours of blocks that
are neighbours there. Decryption scatters both over the image, by the key. So public images take
that path under the key that was found, or, if every ciphertext has its own, under many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from ppattack.block_states import Arrangement, States
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers.global_state.features import Loss
from ppattack.solvers.global_state.prior import StatePrior


def under(key: PermXor, jpeg: Jpeg) -> Loss:
    """The path of images under one key, which is known up to their state."""
    decrypt = key.inverse()
    return lambda images: decrypt(jpeg.transport(key(images)))


def under_any_key(block_size: int, group: States, jpeg: Jpeg) -> Loss:
    """The path of images whose blocks are scrambled, a few at a time under a key drawn for them.

    Args:
        block_size: edge of a block, pixels.
        group: the states of a block.
        jpeg: what ciphertexts went through.
    """
    rng = np.random.default_rng(0)

    def take(images: Tensor) -> Tensor:
        rows, columns = (int(size) // block_size for size in images.shape[2:])
        grid = rng.permutation(rows * columns).reshape(rows, columns)
        state = rng.integers(group.count, size=grid.shape)
        key = Arrangement(grid, state).key(block_size, int(images.shape[1]), group)
        return under(key, jpeg)(images)

    return take


@dataclass(frozen=True)
class Priors:
    """Models of natural states for ciphertexts of scrambled blocks.

    Args:
        fit: fits a model to public images that lose this much on the way.
        block_size: edge of a block, pixels.
        group: the states of a block.
        jpeg: what ciphertexts went through, or None.
    """

    fit: Callable[[Loss | None], StatePrior]
    block_size: int
    group: States
    jpeg: Jpeg | None = None

    @cached_property
    def any_key(self) -> StatePrior:
        """For images that each have their own key."""
        if self.jpeg is None:
            return self.fit(None)
        return self.fit(under_any_key(self.block_size, self.group, self.jpeg))

    def one_key(self, key: PermXor) -> StatePrior:
        """For images under one key, which is known up to their state."""
        return self.any_key if self.jpeg is None else self.fit(under(key, self.jpeg))
