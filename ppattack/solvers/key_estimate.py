"""What ciphertext-only key recovery gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ppattack.permxor import PermXor
from ppattack.solvers import orientation

MIDDLE_OF_LOW = 8


@dataclass(frozen=True)
class KeyEstimate:
    """A transformation believed to be the key.

    Args:
        key: encrypts, as far as it is right.
        low_known: whether the places of low nibbles were looked for; if not they are arbitrary,
            and decrypted images have the middle of what they could be.
        notes: JSON-ready facts about the way there.
    """

    key: PermXor
    low_known: bool = True
    notes: Mapping[str, Any] = field(default_factory=dict)

    def decrypt(self, ciphertexts: Tensor) -> Tensor:
        """``(N, C, H, W)`` uint8 images, new."""
        images = self.key.inverse()(ciphertexts)
        return images if self.low_known else (images & 240).bitwise_or_(MIDDLE_OF_LOW)

    def settled(
        self, ciphertexts: Tensor, public: Tensor, states: Sequence[PermXor]
    ) -> KeyEstimate:
        """The same up to the state of all images in which they look most like public ones.

        Args:
            ciphertexts: ``(N, C, H, W)`` uint8.
            public: ``(M, C, H, W)`` uint8.
            states: a group of transformations over bytes, the identity first.
        """
        known = public if self.low_known else (public & 240) | MIDDLE_OF_LOW
        images = self.decrypt(ciphertexts[: orientation.MOST_SCORED])
        best, margin = orientation.settle(images, known, states)
        undone = states[best].inverse()
        undone = undone.as_nibbles() if self.key.unit == "nibble" else undone
        notes = {**self.notes, "state_margin": round(margin, 4)}
        return replace(self, key=self.key.after(undone), notes=notes)
