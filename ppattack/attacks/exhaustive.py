"""Exhaustive search: block scrambling of at most four blocks, from a single ciphertext.

A fresh key for every image is no protection if an image has few blocks: the best of all
arrangements is found in milliseconds. What remains open is the global state of the image.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval, as_dict
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.images import ImageShape
    from ppattack.solvers.blocks.search import BlockModel
    from ppattack.target.base import PublicScheme

BLOCK_SIZE = 16
"""Edge of a block of the positive control if the scheme has no blocks."""
MOST_BLOCKS = 4


class Exhaustive(Attack):
    """The likeliest of all arrangements of the blocks, and of all states of the whole image.

    Each block can be anywhere and be turned, mirrored, complemented and recoloured. All
    arrangements are compared by the likelihood of their seams, which public images teach; the
    96 states of the whole image (16 without colours) by what else is common in public images.

    Threat model: ciphertexts, one key per image or one for all, and public images of the same
    distribution. With ``prior=none``, ciphertexts alone: what seams look like is then learned
    from the insides of their own blocks, and the state of the whole image is left as found.

    Deviations: none published; evaluations of block scrambling compare key lengths only.

    Reference: the ppattack authors: Exhaustive search of block scrambling. ppattack, 2026. Key
    lengths: T. Chuman, W. Sirichotedumrong, H. Kiya: Encryption-Then-Compression Systems Using
    Grayscale-Based Image Encryption for JPEG Images. IEEE Transactions on Information Forensics
    and Security 14(6):1515-1525, 2019, arXiv:1811.00236.
    """

    card = AttackCard(
        name="exhaustive",
        title="Exhaustive search: few scrambled blocks from a single ciphertext",
        reference=Reference(
            "the ppattack authors", "Exhaustive search of block scrambling", "ppattack", 2026
        ),
        recovers=("images", "key"),
        requires=ThreatModel(public="unpaired"),
        seconds=2.0,
        level="search",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        prior: Annotated[
            Literal["public", "none"],
            Doc("public: seams and global states learned from public images; none: no images"),
        ] = "public"
        epochs: Annotated[
            int,
            Interval(ge=0, le=1000),
            Doc("passes over public images to learn global states; 0: a linear model"),
        ] = 10

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {"epochs": 0},
        "standard": {},
        "paper": {"epochs": 40},
    }

    @override
    def requires(self) -> ThreatModel:
        """Public images, but only if they are used."""
        return ThreatModel() if self.config.prior == "none" else self.card.requires

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget:
        """The scheme's blocks, under one key."""
        blocks = scheme.structure.kind == "blocks-dihedral"
        size = scheme.structure.block_size if blocks else BLOCK_SIZE
        return ControlTarget("etc", {"block_size": size})

    @override
    def at_control_budget(self) -> Attack:
        """A linear model: many images decide their state together."""
        return type(self)(**(as_dict(self.config) | {"epochs": 0}))

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        import math

        from ppattack.permxor import permutation_bits

        reason = super().obstacle(scheme, image_shape)
        if reason:
            return reason
        structure = scheme.structure
        if structure.kind != "blocks-dihedral":
            return (
                "it puts whole blocks back in place, and this scheme does not keep them whole: "
                "under one key for all images use covariance-matching"
            )
        if not (structure.turns and structure.flips and structure.negatives):
            return (
                "it searches blocks that may be turned, mirrored and complemented, and this "
                "scheme does less: use jigsaw"
            )
        channels, height, width = scheme.representation.shape(image_shape)
        blocks = height * width // structure.block_size**2
        if self.config.prior == "none" and structure.block_size == 1:
            return "blocks of one pixel say nothing about their neighbours: use prior=public"
        if blocks > MOST_BLOCKS:
            states = 96 if structure.colours and channels == 3 else 16
            bits = permutation_bits(blocks) + blocks * math.log2(states)
            return (
                f"{blocks} blocks in {states} states each are 2^{bits:.1f} keys, too many to "
                f"search (at most {MOST_BLOCKS} blocks): under one key for all images use "
                "covariance-matching"
            )
        return None

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        from ppattack.solvers.blocks import search

        observation.refuse_other_shapes(self.card.name)
        began = time.monotonic()
        ciphertexts = observation.ciphertexts.to(context.device)
        shared = observation.threat.key_scope == "dataset"
        model = self._model(observation, ciphertexts, shared, context)
        context.progress.log("what public images look like is learned")
        learned = time.monotonic()
        if shared:
            key, notes = search.shared_key(ciphertexts, model)
        else:
            key, notes = search.each_alone(ciphertexts, model)
        images = key.inverse()(ciphertexts)
        searched = time.monotonic() - learned
        seconds = {"learning": round(learned - began, 2), "search": round(searched, 2)}
        return Recovery(
            images=images, key=key, notes={**notes, "seconds": seconds}, up_to_state=True
        )

    def _model(
        self, observation: Observation, ciphertexts: Tensor, shared: bool, context: Context
    ) -> BlockModel:
        from ppattack.solvers.blocks import search

        scheme = observation.scheme
        public = None
        if self.config.prior == "public":
            public = scheme.representation.prepare(observation.public_images).to(context.device)
        alone = not shared or len(ciphertexts) < search.ENOUGH_TOGETHER
        return search.learn(
            ciphertexts,
            scheme.structure,
            public,
            context,
            epochs=self.config.epochs if alone else 0,
            jpeg=observation.jpeg,
        )
