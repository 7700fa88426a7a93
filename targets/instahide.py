"""InstaHide: weighted sums of several images, under a fresh random sign for every value.

The owner of private images publishes encodings and soft labels, and anybody can train on them. Each
encoding has a key of its own; that every image is in many of them is what attacks live on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from typing_extensions import override

from ppattack import images as image_ops
from ppattack.card import Reference
from ppattack.config import Doc, Interval
from ppattack.errors import ConfigError, ImageError
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target import ImageShape, Key, Parts, Target, TargetCard
from ppattack.target.base import Draw
from ppattack.target.masters import MASTER, MASTER_BYTES
from ppattack.target.mixing import (
    SCALES,
    MixingLaw,
    MixingPlan,
    Scale,
    acceptance,
    draw_plan,
    mixtures,
    soft_labels,
    with_signs,
)

if TYPE_CHECKING:
    from torch import Tensor

NOISE_POOL = 2000
"""Public images if no folder is named: noise with the spectrum of photographs."""
LEAST_ACCEPTED = 0.01
"""Share of drawn weights that must keep the bounds, so that drawing ends."""


class InstaHide(Target):
    """InstaHide: an encoding is ``s ∘ Σ λ_j x_j`` with signs s of its own for every value.

    With ``private=2`` and ``members=6`` two images of a mixture are private and four public
    (cross-dataset, the published challenge); with ``private=members`` all are private
    (inside-dataset, where the paper has four). Every image is the first member of ``rounds``
    encodings, and as often each further one. Weights are absolute normal numbers over their sum,
    drawn again while one exceeds ``largest`` or the private ones sum to less than
    ``least_private``.

    Images are encrypted together: of N come N · rounds encodings in a random order. Ciphertext
    number i is the i-th handful of them, ``(rounds, C, H, W)`` float32, whatever they hold.

    The key is 32 bytes, from which members, weights, crops, order and signs follow.

    Threat model: encodings, and soft labels if they are granted; the public images and the law are
    known. Every encoding has its own members, weights and signs.

    Deviations: numbers are in [-1, 1] by default, as the published attack takes the challenge;
    ``scale=cifar10`` normalises by the means and deviations of CIFAR-10, private and public images
    alike, where the published training takes those of ImageNet for public ones. Without ``public``
    the public images are noise with the spectrum of photographs.

    Reference: Y. Huang, Z. Song, K. Li, S. Arora: InstaHide: Instance-hiding Schemes for Private
    Distributed Learning. ICML 2020, PMLR 119, 4507-4518. arXiv:2010.02772.
    """

    card = TargetCard(
        name="instahide",
        title="InstaHide: weighted sums of images under a random sign for every value",
        reference=Reference(
            "Y. Huang, Z. Song, K. Li, S. Arora",
            "InstaHide: Instance-hiding Schemes for Private Distributed Learning",
            "International Conference on Machine Learning, PMLR 119, 4507-4518",
            2020,
            arxiv="2010.02772",
        ),
        cipher="tokens",
        invertible=False,
        batch_dependent=True,
        key_scopes=("dataset",),
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the scheme."""

        members: Annotated[int, Interval(ge=2, le=16), Doc("images in a mixture, k")] = 6
        private: Annotated[
            int, Interval(ge=1, le=16), Doc("how many of them are private; the rest is public")
        ] = 2
        largest: Annotated[float, Interval(gt=0, le=1), Doc("no weight is larger, c1")] = 0.65
        least_private: Annotated[
            float, Interval(ge=0, lt=1), Doc("the private weights sum to at least this, c2")
        ] = 0.3
        rounds: Annotated[
            int, Interval(ge=1, le=1000), Doc("encodings of which an image is the first member")
        ] = 50
        augment: Annotated[
            bool, Doc("crop from a black frame of 4 pixels and mirror half of all before mixing")
        ] = False
        scale: Annotated[Literal["unit", "cifar10"], Doc("numbers that images are mixed as")] = (
            "unit"
        )
        public: Annotated[Path | None, Doc("folder of public images; None for noise")] = None

    def __init__(self, config: Any = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        self.law = self._checked_law()

    def _checked_law(self) -> MixingLaw:
        """How images are mixed.

        Raises:
            ConfigError: for bounds that hardly any weights keep.
        """
        config = self.config
        if config.private > config.members:
            raise ConfigError(
                f"target.instahide.private={config.private} of members={config.members} images: "
                "use as many members or more."
            )
        law = MixingLaw(
            config.members, config.private, config.largest, config.least_private, config.augment
        )
        if acceptance(law) < LEAST_ACCEPTED:
            raise ConfigError(
                f"hardly any weights of {config.members} images keep target.instahide.largest="
                f"{config.largest} and least_private={config.least_private}: widen the bounds."
            )
        return law

    @property
    def scale(self) -> Scale:
        """The numbers that images are mixed as."""
        return SCALES[self.config.scale]

    @override
    def ciphertext_shape(self, image_shape: ImageShape) -> tuple[int, ...]:
        """``(rounds, C, H, W)``."""
        return (self.config.rounds, *image_shape)

    @override
    def plain_shape(self, ciphertext_shape: tuple[int, ...]) -> ImageShape:
        """The shape of one encoding."""
        if len(ciphertext_shape) != 4 or ciphertext_shape[0] != self.config.rounds:
            raise ImageError(
                f"ciphertexts of shape {ciphertext_shape} are not {self.config.rounds} encodings "
                "each: name the settings with which they were made."
            )
        _, channels, height, width = ciphertext_shape
        return channels, height, width

    @override
    def key_parts(self, draw: Draw, image_shape: ImageShape) -> Parts:
        """``master``: 32 bytes."""
        del image_shape
        return {MASTER: np.frombuffer(draw(MASTER).bytes(MASTER_BYTES), np.uint8)}

    @override
    def for_contract(self) -> InstaHide:
        return type(self)(self.config, rounds=min(2, self.config.rounds))

    def plan(self, key: Key, images: int, public: int) -> MixingPlan:
        """What every encoding of N images holds."""
        return draw_plan(self.law, images, public, self.config.rounds, self._stream(key))

    def encodings(self, images: Tensor, public: Tensor, key: Key) -> Tensor:
        """All encodings ``(N rounds, C, H, W)`` float32, in the order of their release.

        Args:
            images: ``(N, C, H, W)`` uint8.
            public: ``(P, C, H, W)`` uint8.
            key: of this scheme.
        """
        plan = self.plan(key, len(images), max(1, len(public)))
        mixed = mixtures(plan, images, public, self.scale)
        return with_signs(mixed, self._stream(key)("signs"))

    @override
    def encrypt(
        self, images: Tensor, key: Key, *, generator: np.random.Generator | None = None
    ) -> Tensor:
        """Mix all images with each other; see :meth:`Target.encrypt`."""
        del generator
        image_ops.check(images, "plain images")
        self.check_key(images, key, key.image_shape)
        public = self.public_images(key.image_shape).to(images.device)
        made = self.encodings(images, public, key)
        return made.view(len(images), self.config.rounds, *key.image_shape)

    @override
    def released_labels(self, labels: Tensor, classes: int, key: Key) -> Tensor:
        """Soft labels ``(N, rounds, classes)`` float32, in the order of the ciphertexts.

        The weights of an encoding's private members at their classes.
        """
        import torch

        public = self.public_images(key.image_shape)
        plan = self.plan(key, len(labels), max(1, len(public)))
        soft = soft_labels(plan, labels.cpu().numpy(), classes)
        return torch.from_numpy(soft).float().view(len(labels), self.config.rounds, classes)

    @override
    def key_space_bits(self, image_shape: ImageShape) -> float:
        """One bit for the sign of every value of an encoding; members and weights come on top."""
        channels, height, width = image_shape
        return float(channels * height * width)

    def public_images(self, image_shape: ImageShape) -> Tensor:
        """The public images ``(P, C, H, W)`` uint8; none if all members are private.

        Raises:
            DataError: if the folder holds no images of this size.
        """
        import torch

        from ppattack.data.image_files import read_folder
        from ppattack.target.natural_noise import natural_images

        if self.config.private == self.config.members:
            return torch.empty((0, *image_shape), dtype=torch.uint8)
        if self.config.public is None:
            return natural_images(torch_stream(0, "public images"), (NOISE_POOL, *image_shape))
        found = read_folder(self.config.public).images
        if tuple(found.shape[1:]) != image_shape:
            raise ImageError(
                f"the public images in {self.config.public} have the shape "
                f"{tuple(found.shape[1:])}, not {image_shape}: name others of the same size."
            )
        return found

    def _stream(self, key: Key) -> Draw:
        seed = key.parts[MASTER].tobytes()
        return lambda name: numpy_stream(seed, self.card.name, name)
