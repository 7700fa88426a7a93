"""A complete attack of your own: a secret order of pixels, read from known pairs.

Run it with ``ppattack run --attack examples/my_attack.py:PixelOrder --target
examples/my_target.py:TileShuffle``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from ppattack import (
    Attack,
    AttackCard,
    Context,
    ControlTarget,
    Doc,
    Interval,
    Observation,
    PermXor,
    Preset,
    PublicScheme,
    Recovery,
    Reference,
    ThreatModel,
)


class PixelOrder(Attack):
    """Undo any scheme that only moves whole pixels, the same way in every image.

    A pixel's colours in the known images are its signature: sorting the signatures on both sides
    puts every pixel beside its image. Pixels with equal signatures stay ambiguous, so more
    pairs help.

    Threat model: known pairs under the key of the whole data set.

    Reference: the ppattack authors: Worked example. ppattack, 2026.
    """

    card = AttackCard(
        name="pixel-order",
        title="Pixel order from known pairs (worked example)",
        reference=Reference("the ppattack authors", "Worked example", "ppattack", 2026),
        recovers=("images", "key"),
        requires=ThreatModel(pairs=4),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        pairs: Annotated[int, Interval(ge=1, le=64), Doc("known pairs asked for")] = 4

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {"pairs": 16},
    }

    def requires(self) -> ThreatModel:
        """As many known pairs as the settings ask for."""
        return ThreatModel(pairs=self.config.pairs)

    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """The scheme for which it is made."""
        return ControlTarget(f"{Path(__file__).with_name('my_target.py')}:TileShuffle")

    def run(self, observation: Observation, context: Context) -> Recovery:
        """Sort the pixels of both sides by their signatures, and pair them up."""
        plain, encrypted = observation.known_pairs
        padding = [(0, b - a) for a, b in zip(plain.shape, encrypted.shape, strict=True)]
        padded = np.pad(plain.cpu().numpy(), padding, mode="edge")
        after = encrypted.cpu().numpy().reshape(-1, encrypted.shape[2] * encrypted.shape[3])
        source = np.empty(after.shape[1], dtype=np.intp)  # signatures are (pairs · C, pixels)
        source[np.lexsort(after)] = np.lexsort(padded.reshape(after.shape))
        channels = np.arange(observation.ciphertexts.shape[1])[:, None]
        index = (channels * len(source) + source).reshape(-1)
        key = PermXor(index, np.zeros(len(index), np.uint8))
        return Recovery(images=key.inverse()(observation.ciphertexts.to(context.device)), key=key)
