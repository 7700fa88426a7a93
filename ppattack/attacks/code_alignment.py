"""Code alignment: images from codes alone, by laying the victims' codes over own ones.

Codes of a wide random network are alike under all keys up to a rotation. Whoever has many codes
under one secret key and public images of the same kind can find that rotation, without one pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import NotApplicable
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme
    from ppattack.target.neural import NeuralTarget

LINEAR_DEPTH = 1
LUMA = (0.299, 0.587, 0.114)
"""Red, green and blue in a grey level, as image libraries weigh them (ITU-R BT.601)."""
UNFOUND = (
    "the layout or the rotation may not have been found, which depends on the number of codes and "
    "public images, and says nothing of the scheme"
)
"""Why a failure is never resistance: it fails on encoders that fall to more data."""
CONTROL = {"variant": "small", "depth": 3, "shuffle": False}


class CodeAlignment(Attack):
    """Images from the codes of a secret random network, without pairs.

    Inner products of codes concentrate around a kernel that belongs to the architecture, not to
    the key. All places share one network, so that codes less the mean code of their place are one
    cloud, and the clouds of two keys differ by one rotation. Moments of neighbouring patches, and
    third moments, give the rotation between the leading principal components of the victims' codes
    and of own codes of public images. Own pairs then give a decoder.

    If patches are shuffled, codes are first brought into one order; which place shows which patch
    follows from how alike places are, up to the mirror image of the layout. Both are carried to
    the end, and the one that fits better is reported, with how sure that is.

    Threat model: ciphertexts under one key, public images of the same kind, the public algorithm
    under own keys. Under one key per image there is no cloud of codes, and it ends.

    Deviations: not published. The paper of Color-NeuraCrypt (Qi, MaungMaung, Kiya,
    arXiv:2301.04778) leaves such an attack open.

    Reference: the ppattack authors: Alignment of codes of random networks. ppattack, 2026.
    """

    card = AttackCard(
        name="code-alignment",
        title="Code alignment: images from the codes of a random network, without pairs",
        reference=Reference(
            "the ppattack authors",
            "Alignment of codes of random networks",
            "ppattack",
            2026,
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired", own_keys=True, key_scope="dataset"),
        ciphers=("tokens",),
        seconds=20.0,
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        own_encoders: Annotated[
            int,
            Interval(ge=2, le=100),
            Doc("the adversary's own encoders, side by side"),
        ] = 2
        mirrored: Annotated[bool, Doc("use the mirror images of public images as well")] = True
        shifts: Annotated[
            int,
            Interval(ge=0, le=8),
            Doc("how often public images count again, moved by parts of a patch"),
        ] = 0
        components: Annotated[
            int,
            Interval(ge=4, le=256),
            Doc("directions of the codes that are aligned, at most: those that keys share"),
        ] = 96
        key_per_image: Annotated[
            Literal["refuse", "try"],
            Doc("what to do if every image has its own key; the negative control tries"),
        ] = "refuse"

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"components": 24},
        "standard": {},
        "paper": {"own_encoders": 4, "components": 128},
    }

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """The encoder of depth 3, its patches in order."""
        return ControlTarget("neuracrypt", CONTROL, same_count=True)

    @override
    def negative_control(self) -> ControlTarget:
        """The same with one key per image: codes of different images then share nothing."""
        return ControlTarget("neuracrypt", CONTROL, "image")

    @override
    def at_control_budget(self) -> Attack:
        return type(self)(replace(self.config, key_per_image="try"))

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        """Why it cannot attack a scheme: it needs a network whose order of patches can be found."""
        from ppattack.target.neural import NeuralTarget  # here: it loads NumPy

        reason = super().obstacle(scheme, image_shape)
        if reason is not None:
            return reason
        if not isinstance(scheme.target, NeuralTarget):
            return "it aligns codes of a random network, and this scheme has none"
        if scheme.target.shuffles and scheme.target.config.depth == LINEAR_DEPTH:
            return (
                "the linear encoder adds no positions from which its shuffle could be undone "
                "(shuffle=false can be attacked)"
            )
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Align, decode, and say what was found."""
        from ppattack.solvers.code_alignment.alignment import Settings, align

        if observation.threat.key_scope == "image" and self.config.key_per_image == "refuse":
            raise NotApplicable(
                f"attack '{self.card.name}' compares the codes of many images under one key, and "
                "here every image has a key of its own: use --key-scope dataset."
            )
        target = cast("NeuralTarget", observation.scheme.target)  # as obstacle() has made sure
        config = self.config
        found = align(
            target,
            observation.ciphertexts,
            _in_channels(observation.public_images, observation.image_shape[0]),
            context,
            Settings(config.own_encoders, config.mirrored, config.shifts, config.components),
        )
        return Recovery(
            images=found.images, notes=found.notes, up_to_state=target.shuffles, limits=UNFOUND
        )


def _in_channels(images: Tensor, channels: int) -> Tensor:
    """Public images as the victims' are: of codes alone nobody knows whether they were grey."""
    import torch

    if images.shape[1] == channels:
        return images
    if channels == 1:
        luma = torch.tensor(LUMA)[:, None, None]
        return (images * luma).sum(dim=1, keepdim=True).round().to(torch.uint8)
    return images.expand(-1, channels, -1, -1)
