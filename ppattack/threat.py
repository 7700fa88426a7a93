"""What the adversary holds, and what only the scorer holds."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from ppattack.card import KEYS_IN_WORDS
from ppattack.card import KeyScope as KeyScope
from ppattack.errors import NotApplicable, ThreatModelError

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.data.stacks import Stack
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import PublicScheme
    from ppattack.target.key import Key

PublicImages = Literal["none", "unpaired", "candidates"]
IMAGE_AXES = 4
T = TypeVar("T")
Weights: TypeAlias = "Mapping[str, Tensor]"
"""The weights of a network by name, as in a state dict."""
_PUBLIC_ORDER: tuple[PublicImages, ...] = ("none", "unpaired", "candidates")


@dataclass(frozen=True)
class ThreatModel:
    """What an adversary is granted beside the ciphertexts and the public algorithm.

    Args:
        public: ``none``, ``unpaired`` (images of the victims' distribution) or ``candidates``
            (the victims' plain images, unmatched).
        pairs: known plaintext-ciphertext pairs under the victims' key.
        chosen: chosen plaintexts that the victims' key encrypts for the adversary.
        own_keys: whether the adversary can run the algorithm under keys of its own.
        key_scope: ``dataset`` (one key for every image) or ``image`` (a fresh one each).
        labels: whether the adversary knows the class of every ciphertext and public image.
        distractors: images among the candidates that nobody encrypted, at most.
        altered: how the candidates differ from the encrypted images, in one word; ``none`` for
            exact copies.
        public_labels: whether the adversary knows the class of every public image, though perhaps
            of no ciphertext.
        absent: share of the ciphertexts whose images are not among the candidates.
        linked: whether the candidates are ciphertexts too, each under another key.
        model: whether the adversary holds a public model, and its copy that was transformed with
            the victims' key to classify their ciphertexts.
        tuned: what fine-tuning added to the transformed model, in standard deviations of its
            weights; for models that a run makes up.
    """

    public: PublicImages = "none"
    pairs: int = 0
    chosen: int = 0
    own_keys: bool = False
    key_scope: KeyScope = "dataset"
    labels: bool = False
    distractors: int = 0
    altered: str = "none"
    public_labels: bool = False
    absent: float = 0.0
    linked: bool = False
    model: bool = False
    tuned: float = 0.0

    @property
    def names_classes(self) -> bool:
        """Whether the class of any image is known."""
        return self.labels or self.public_labels

    def shortfall(self, needed: ThreatModel) -> list[str]:
        """What ``needed`` asks for beyond this model, in words; empty when it is covered."""
        missing = []
        if _PUBLIC_ORDER.index(needed.public) > _PUBLIC_ORDER.index(self.public):
            missing.append(f"public images ({needed.public})")
        if needed.pairs > self.pairs:
            missing.append(f"{needed.pairs} known pairs (granted: {self.pairs})")
        if needed.chosen > self.chosen:
            missing.append(f"{needed.chosen} chosen plaintexts (granted: {self.chosen})")
        if needed.own_keys and not self.own_keys:
            missing.append("encryption under keys of its own")
        if needed.labels and not self.labels:
            missing.append("class labels")
        elif needed.public_labels and not self.names_classes:
            missing.append("class labels of public images")
        if needed.model and not self.model:
            missing.append("a model transformed with the victims' key")
        return missing

    def in_words(self) -> str:
        """One line for a person: ``ciphertext-only; unpaired public images; one key …``."""
        known = [f"{self.pairs} known pairs"] if self.pairs else []
        known += [f"{self.chosen} chosen plaintexts"] if self.chosen else []
        candidates = "ciphertexts under other keys" if self.linked else "candidate plain images"
        public = {"unpaired": "unpaired public images", "candidates": candidates}
        parts = [" and ".join(known) or "ciphertext-only", public.get(self.public, "")]
        parts[-1] += f" and up to {self.distractors} others" if self.distractors else ""
        parts.append(f"all altered ({self.altered})" if self.altered != "none" else "")
        parts.append(f"{self.absent:.0%} of the images not among them" if self.absent else "")
        public_only = "class labels of public images" if self.public_labels else ""
        parts.append("class labels" if self.labels else public_only)
        if self.model:
            tuned = f" and fine-tuned ({self.tuned:g} sd)" if self.tuned else ""
            parts.append(f"a public model and its copy transformed with the key{tuned}")
        parts += ["own keys" if self.own_keys else "", KEYS_IN_WORDS[self.key_scope]]
        return "; ".join(part for part in parts if part)


class Observation:
    """Everything an attack may look at. Reading a field that is not granted raises.

    Args:
        threat: the threat model in force.
        scheme: the public scheme: algorithm and geometry, no secret.
        ciphertexts: ``(N, C, H, W)`` uint8 for image ciphers, or float32 tokens ``(N, P, D)``.
        image_shape: ``(C, H, W)`` of the plain images (public).
        public_images: ``(M, C, H, W)`` uint8 of the victims' distribution, or candidates; None
            without any. Linked candidates are ciphertexts.
        known_pairs: plain images and their ciphertexts under the victims' key, or None.
        chosen_pairs: likewise for the plaintexts that the attack chose, or None.
        jpeg: how all these ciphertexts were compressed on their way, or None.
        labels: ``(N,)`` int64, for each ciphertext the index of its image's class, or None. Of a
            scheme that mixes images: ``(N, …, classes)`` float32, the weights of classes.
        public_labels: ``(M,)`` int64, for each public image the index of its class, or None.
        class_names: the names of the classes, or None.
        models: the weights of a public model and of its copy transformed with the victims' key,
            tensors by name, or None.
        stack: all ciphertexts if there are more than are held in memory, or None; those of
            ``ciphertexts`` are the first, and they are the ones to be decrypted.
        public_stack: where ``public_images`` are, if workers can read them there, or None.
    """

    __slots__ = (
        "_chosen_pairs",
        "_class_names",
        "_known_pairs",
        "_labels",
        "_models",
        "_public_images",
        "_public_labels",
        "ciphertexts",
        "image_shape",
        "jpeg",
        "public_stack",
        "scheme",
        "stack",
        "threat",
    )

    def __init__(
        self,
        *,
        threat: ThreatModel,
        scheme: PublicScheme,
        ciphertexts: Tensor,
        image_shape: tuple[int, int, int],
        public_images: Tensor | None = None,
        known_pairs: tuple[Tensor, Tensor] | None = None,
        chosen_pairs: tuple[Tensor, Tensor] | None = None,
        jpeg: Jpeg | None = None,
        labels: Tensor | None = None,
        public_labels: Tensor | None = None,
        class_names: tuple[str, ...] | None = None,
        models: tuple[Weights, Weights] | None = None,
        stack: Stack | None = None,
        public_stack: Stack | None = None,
    ) -> None:
        self.threat = threat
        self.scheme = scheme
        self.ciphertexts = ciphertexts
        self.image_shape = image_shape
        self.jpeg = jpeg
        self._public_images = public_images
        self._known_pairs = known_pairs
        self._chosen_pairs = chosen_pairs
        self._labels = labels
        self._public_labels = public_labels
        self._class_names = class_names
        self._models = models
        self.stack = stack
        self.public_stack = public_stack

    def refuse_other_shapes(self, attack: str, *, larger: bool = False) -> None:
        """Refuse ciphertexts that do not have the shape of what the scheme transforms.

        Args:
            attack: the name of the attack that needs it.
            larger: whether ciphertexts may have more rows and columns, which are cut off.

        Raises:
            NotApplicable: if the shapes differ.
        """
        plain = self.scheme.representation.shape(self.image_shape)
        given = tuple(self.ciphertexts.shape[1:])
        if given == plain or (larger and self.holds_images):
            return
        words = "with the channels of images and no smaller" if larger else "of the shape of images"
        raise NotApplicable(
            f"attack '{attack}' cannot be run on '{self.scheme.name}': it reads ciphertexts "
            f"{words}, and this scheme turns {plain} into {given} (channels, height, width)."
        )

    @property
    def holds_images(self) -> bool:
        """Whether ciphertexts have the channels of what is transformed and are no smaller."""
        channels, height, width = self.scheme.representation.shape(self.image_shape)
        given = tuple(self.ciphertexts.shape[1:])
        return given[0] == channels and given[1] >= height and given[2] >= width

    def for_attack(self) -> Observation:
        """The same for an attack, which may write into what it is given: images are copied.

        Tokens are not; nothing is scored against them.
        """
        given = copy(self)
        if self.ciphertexts.ndim == IMAGE_AXES:
            given.ciphertexts = self.ciphertexts.clone()
        return given

    @property
    def public_images(self) -> Tensor:
        """Images of the victims' distribution that the adversary holds, ``(M, C, H, W)`` uint8."""
        return _granted(self._public_images, "public images")

    @property
    def known_pairs(self) -> tuple[Tensor, Tensor]:
        """``(plain, ciphertexts)`` under the victims' key."""
        return _granted(self._known_pairs, "known pairs")

    @property
    def chosen_pairs(self) -> tuple[Tensor, Tensor]:
        """``(plain, ciphertexts)`` of the plaintexts the attack chose."""
        return _granted(self._chosen_pairs, "chosen plaintexts")

    @property
    def labels(self) -> Tensor:
        """For each ciphertext the index of its image's class, ``(N,)`` int64."""
        return _granted(self._labels, "class labels")

    @property
    def public_labels(self) -> Tensor:
        """For each public image the index of its class, ``(M,)`` int64."""
        return _granted(self._public_labels, "class labels of public images")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the indices."""
        return _granted(self._class_names, "class labels")

    @property
    def models(self) -> tuple[Weights, Weights]:
        """``(public, transformed)``: weights by name, float tensors."""
        return _granted(self._models, "models")


def _granted(value: T | None, what: str) -> T:
    if value is None:
        raise ThreatModelError(
            f"this threat model grants no {what}: name them in the attack's requirement, "
            "or run the attack under a threat model that has them."
        )
    return value


@dataclass(frozen=True)
class Truth:
    """What only the scorer holds.

    Args:
        images: ``(N, C, H, W)`` uint8 plain images, or None if nobody knows them.
        key: the victims' key, or None if nobody knows it.
        matching: ``(N,)`` int64, for each ciphertext the index of its plain image among the
            candidates, -1 if it is not there; None if the adversary holds no candidates.
    """

    images: Tensor | None
    key: Key | None
    matching: Tensor | None = None
