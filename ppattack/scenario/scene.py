"""One adversary against one set of ciphertexts, and what it is granted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ppattack.data.source import ImageSets
from ppattack.errors import DataError, NotApplicable, NotGranted
from ppattack.threat import KeyScope, Observation, ThreatModel, Truth

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.images import ImageShape
    from ppattack.target.base import Target

FEWEST_CANDIDATES = 2
"""From one nothing can be chosen."""


@dataclass(frozen=True)
class Scenario:
    """One adversary against one set of ciphertexts.

    Args:
        observation: what the attack is given.
        truth: what only the scorer holds.
        sets: the images of both sides, for the scorer's blind baselines and controls.
        names: one name per ciphertext.
        candidates: one name per candidate, if candidates have names.
    """

    observation: Observation
    truth: Truth
    sets: ImageSets
    names: tuple[str, ...]
    candidates: tuple[str, ...] = ()

    def name_of_candidate(self, place: int) -> str:
        """Its name, or its place if it has none."""
        return self.candidates[place] if 0 <= place < len(self.candidates) else str(place)

    def in_words(self) -> str:
        """One line for a person: the threat model, and what is particular to these images."""
        threat, jpeg = self.observation.threat, self.observation.jpeg
        parts = [threat.in_words()]
        if self.sets.overlap and threat.public == "unpaired":
            parts.append("the public images are the victims' own")
        if jpeg is not None:
            parts.append(f"ciphertexts through JPEG {jpeg}")
        return "; ".join(parts)


def key_scope_of(target: Target, asked: KeyScope | None) -> KeyScope:
    """The key scope to use: the one asked for, or the target's default.

    Raises:
        NotApplicable: if the target does not support the scope asked for.
    """
    scopes = target.card.key_scopes
    if asked is not None and asked not in scopes:
        raise NotApplicable(
            f"target '{target.card.name}' has no key scope '{asked}': use {' or '.join(scopes)}."
        )
    if asked == "image" and not target.draws_keys:
        raise NotApplicable(
            f"target '{target.card.name}' keeps its key in its code: for a key per image add "
            "key_parts, which draws keys, or use --key-scope dataset."
        )
    return asked or scopes[0]


def least_threat_model(
    attack: Attack,
    scope: KeyScope,
    *,
    vain_pairs: bool = False,
    public: bool = False,
    own_keys: bool = False,
) -> ThreatModel:
    """The least threat model that the attack works under, with the keys' scope.

    With ``public`` there are public images, and an attack that welcomes them is granted them;
    with ``own_keys`` likewise keys of its own.

    Raises:
        NotGranted: if it needs pairs under a key that no other image shares, unless
            ``vain_pairs`` allows pairs that say nothing.
    """
    needed = attack.requires()
    if scope == "image" and needed.model and not vain_pairs:
        raise NotGranted(
            f"attack '{attack.card.name}' reads the key off a model transformed with it, but with "
            "one key per image a model's key says nothing about any image: use --key-scope dataset "
            "or another attack."
        )
    if scope == "image" and (needed.pairs or needed.chosen) and not vain_pairs:
        raise NotGranted(
            f"attack '{attack.card.name}' needs plaintext-ciphertext pairs under the victims' "
            "key, but with one key per image no pair says anything about another image: "
            "use --key-scope dataset or another attack."
        )
    if public and needed.public == "none" and attack.welcomes_public_images():
        needed = replace(needed, public="unpaired")
    if own_keys and attack.welcomes_own_keys():
        needed = replace(needed, own_keys=True)
    return replace(needed, key_scope=scope)


def public_images(sets: ImageSets, threat: ThreatModel) -> Tensor | None:
    """A copy of the adversary's unpaired images, if they are granted."""
    if threat.public != "unpaired":
        return None
    if len(sets.adversary) == 0:
        raise DataError("the attack needs public images: use --adversary with a number above 0.")
    return sets.adversary.clone()


def image_shape(images: Tensor) -> ImageShape:
    """``(C, H, W)`` of a batch."""
    channels, height, width = images.shape[1:]
    return int(channels), int(height), int(width)
