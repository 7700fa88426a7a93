"""No attack: the ciphertexts as they are, to measure what they show.

Its scores are the *visual information* of a scheme: SSIM, PSNR and LPIPS of the ciphertext
against the plain image. They say how much a person sees without doing anything, and nothing about
what an adversary can recover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, Preset, Recovery
from ppattack.card import Reference
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme


class NoAttack(Attack):
    """No attack: the ciphertexts are scored as they are.

    A ciphertext in the shape of its plain image is compared pixel by pixel. One of another shape
    is decoded by the public, keyless part of its scheme: padding is cut off, and the three grey
    panels of ``etc-gray`` become colours again. The verdict is always INCONCLUSIVE.

    Threat model: ciphertexts only.

    Deviations: published figures name neither the network of LPIPS nor the range of the pixels;
    ``--lpips-net`` chooses the network, and the range is that of LPIPS itself.

    Reference: A. MaungMaung, H. Kiya: Privacy-Preserving Image Classification Using Isotropic
    Network. IEEE MultiMedia 29(2):23-33, 2022. arXiv:2204.07707 (its figure of LPIPS).
    """

    card = AttackCard(
        name="none",
        title="No attack: how much of the images the ciphertexts show by themselves",
        reference=Reference(
            authors="A. MaungMaung, H. Kiya",
            title="Privacy-Preserving Image Classification Using Isotropic Network",
            venue="IEEE MultiMedia 29(2):23-33",
            year=2022,
            arxiv="2204.07707",
        ),
        recovers=(),
        requires=ThreatModel(),
        seconds=0.0,
    )

    @dataclass(frozen=True)
    class Config:
        """No settings."""

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {},
        "standard": {},
        "paper": {},
    }

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        if super().obstacle(scheme, image_shape):
            return "its ciphertexts are tokens, and there is no image to compare with the plain one"
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        return Recovery(images=observation.ciphertexts.clone())
