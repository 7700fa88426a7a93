"""What everybody knows of a scheme: what an attack holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.errors import ThreatModelError
from ppattack.seeding import numpy_stream
from ppattack.target.base import PermXorTarget, Target

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class PublicScheme:
    """What everybody knows of a scheme. Holds no secret of the victims.

    Args:
        target: a fresh instance of the scheme.
        own_keys: whether the threat model lets the adversary encrypt under its own keys.
    """

    __slots__ = ("_target", "card", "config", "representation", "structure")

    def __init__(self, target: Target, *, own_keys: bool) -> None:
        self.card = target.card
        self.config = target.config
        self.structure = target.structure()
        self.representation = target.representation()
        self._target = target if own_keys else None

    @property
    def name(self) -> str:
        """The scheme's registered name."""
        return self.card.name

    @property
    def own_keys(self) -> bool:
        """Whether the adversary can encrypt under its own keys."""
        return self._target is not None

    @property
    def target(self) -> Target:
        """The algorithm itself, for keys that the adversary draws.

        Raises:
            ThreatModelError: if the threat model does not grant own keys.
        """
        if self._target is None:
            raise ThreatModelError(
                "this threat model does not let the adversary run the scheme under its own keys: "
                "an attack that needs it must say own_keys=True in its requirement."
            )
        return self._target

    def encrypt_with_fresh_keys(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Encrypt the adversary's images, each under a key drawn from ``rng``.

        Args:
            images: ``(N, C, H, W)`` uint8.
            rng: the adversary's generator.

        Returns:
            ``(N, C, H', W')`` uint8 ciphertexts, or tokens.
        """
        import torch

        target = self.target
        channels, height, width = images.shape[1:]
        master = rng.bytes(16)
        done = []
        step = PermXorTarget.KEYS_AT_ONCE
        for start in range(0, len(images), step):
            part = images[start : start + step]
            own = (numpy_stream(master, start + i) for i in range(len(part)))
            keys = target.generate_keys(own, (channels, height, width))
            done.append(target.encrypt(part, keys, generator=rng))
        return torch.cat(done)
