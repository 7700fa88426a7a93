"""What ciphertext-only key recovery returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from ppattack.block_states import Indices, transformation
from ppattack.data.stacks import Images
from ppattack.jpeg import Jpeg
from ppattack.permxor import PermXor
from ppattack.solvers.global_state import choice
from ppattack.solvers.global_state.others import Others

MIDDLE_OF_LOW = 8


@dataclass(frozen=True)
class KeyEstimate:
    """A transformation believed to be the key.

    Args:
        key: encrypts, as far as it is right.
        low_known: whether the places of low nibbles were searched for; if not, they are arbitrary,
            and decrypted images have the middle of the possible values.
        notes: JSON-ready facts about how it was found.
    """

    key: PermXor
    low_known: bool = True
    notes: Mapping[str, Any] = field(default_factory=dict)

    def decrypt(self, ciphertexts: Tensor) -> Tensor:
        """``(N, C, H, W)`` uint8 images, new."""
        images = self.key.inverse()(ciphertexts)
        return images if self.low_known else (images & 240).bitwise_or_(MIDDLE_OF_LOW)

    def settled(
        self,
        ciphertexts: Images,
        public: Tensor,
        wanted: Indices | None = None,
        jpeg: Jpeg | None = None,
        others: Others | None = None,
    ) -> KeyEstimate:
        """The same key in the common state in which the images look most like public ones.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8.
            public: ``(M, C, H, W)`` uint8.
            wanted: the states that are possible, as in :mod:`ppattack.block_states`;
                None for all that keep an image's shape.
            jpeg: what the ciphertexts went through, or None.
            others: see :func:`ppattack.solvers.global_state.choice.fitted`.
        """
        known = public if self.low_known else (public & 240) | MIDDLE_OF_LOW
        group = choice.group_for(public.shape[1])
        prior = choice.fitted(
            known,
            group,
            wanted,
            None if jpeg is None else lambda plain: self.decrypt(jpeg.transport(self.key(plain))),
            others,
        )
        images = self.decrypt(ciphertexts[: choice.JUDGED])
        best, notes = choice.choose(images, prior, group)
        undone = transformation(best, tuple(public.shape[1:]), group).inverse()
        undone = undone.as_nibbles() if self.key.unit == "nibble" else undone
        return replace(self, key=self.key.after(undone), notes={**self.notes, **notes})


def together(keys: Sequence[PermXor]) -> PermXor:
    """One table per image, from as many keys."""
    return PermXor(np.stack([key.index for key in keys]), np.stack([key.mask for key in keys]))
