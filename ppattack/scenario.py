"""Dataset + target + key scope → what the adversary observes, and the truth.

Data flows one way: the observation is built from copies, so that no tensor the attack holds
shares memory with a plain image that will be scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ppattack.data.alterations import Alteration, altered
from ppattack.data.source import ImageSets, content_hashes
from ppattack.errors import ConfigError, DataError, NotApplicable, NotGranted, ThreatModelError
from ppattack.files import check_output_names
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target import contract
from ppattack.target.base import generate_scoped_key
from ppattack.target.calls import encrypt
from ppattack.target.trained import TrainedTarget, refuse_untrained
from ppattack.threat import KeyScope, Observation, ThreatModel, Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.data.image_files import NamedImages
    from ppattack.images import ImageShape
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import PublicScheme, Target
    from ppattack.target.key import Key


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
    attack: Attack, scope: KeyScope, *, vain_pairs: bool = False, public: bool = False
) -> ThreatModel:
    """The least threat model that the attack works under, with the keys' scope.

    With ``public`` there are public images, and an attack that welcomes them is granted them.

    Raises:
        NotGranted: if it needs pairs under a key that no other image shares, unless
            ``vain_pairs`` allows pairs that say nothing.
    """
    needed = attack.requires()
    if scope == "image" and (needed.pairs or needed.chosen) and not vain_pairs:
        raise NotGranted(
            f"attack '{attack.card.name}' needs plaintext-ciphertext pairs under the victims' "
            "key, but with one key per image no pair says anything about another image: "
            "use --key-scope dataset or another attack."
        )
    if public and needed.public == "none" and attack.welcomes_public_images():
        needed = replace(needed, public="unpaired")
    return replace(needed, key_scope=scope)


def simulate(
    attack: Attack,
    target: Target,
    sets: ImageSets,
    scope: KeyScope,
    seed: int | bytes,
    *,
    vain_pairs: bool = False,
    jpeg: Jpeg | None = None,
    key: Key | None = None,
) -> Scenario:
    """Encrypt the victims' images under a key that only the scorer keeps.

    Args:
        attack: decides how little the observation holds.
        target: the scheme.
        sets: images of both sides; if the attack needs known pairs, the last victims'
            images become the pairs and are not scored.
        scope: one key for all images, or one each.
        seed: the run's seed, or random bits that the attack is not told.
        vain_pairs: with one key per image, give known and chosen pairs under keys of their own
            (for negative controls) instead of refusing.
        jpeg: compresses every ciphertext, those of pairs too, before anybody receives it.
        key: the victims', if it does not follow from the seed alone: a trained one.
    """
    import torch

    threat = least_threat_model(
        attack, scope, vain_pairs=vain_pairs, public=len(sets.adversary) > 0
    )
    if threat.labels:
        _check_labelled(attack, sets)
    _check_own_keys(attack, target, threat)
    count = len(sets.victims) - threat.pairs
    if count < 1:
        raise DataError(f"{threat.pairs} known pairs leave no image to attack: use a larger -n.")
    shape: ImageShape = _shape(sets.victims)
    scheme = target.public(own_keys=threat.own_keys)
    _check_applicable(attack, scheme, shape)
    given = sets.victims
    if not sets.overlap:
        sets = sets.without(given)
    if sets.owner is not None:
        _check_disjoint(sets.owner, given, "owner's images", "the victims'")
        _check_disjoint(sets.owner, sets.adversary, "owner's images", "the adversary's")
    sets = sets.first_victims(count)
    plain = sets.victims.clone()
    if jpeg is not None and target.card.cipher != "image":
        raise ConfigError(f"--jpeg needs ciphertexts that are images: '{scheme.name}' has none.")
    contract.check(target, shape, scope)
    if key is None:
        refuse_untrained(target)
        key = generate_scoped_key(target, shape, scope, seed, "key", count)
    holder = KeyHolder(target, shape, key, scope, seed, jpeg)
    ciphertexts = holder.encrypt(plain, key, "encryption")
    known = chosen = None
    if threat.pairs:
        known = holder.answer(given[count:].clone(), "known pairs")
        _check_disjoint(known[0], plain, "known pairs")
    if threat.chosen:
        chosen = holder.answer(_chosen(attack, scheme, shape, threat), "chosen pairs")
    public, matching, public_labels = _public(sets, threat), None, sets.adversary_labels
    if threat.public == "candidates":
        public, order = _candidates(plain, sets, threat, seed)
        matching = torch.from_numpy(order.argsort()[:count])
        public_labels = None
        if sets.victim_labels is not None and not threat.distractors:
            public_labels = sets.victim_labels[order]
    observation = Observation(
        threat=threat,
        scheme=scheme,
        ciphertexts=ciphertexts,
        image_shape=shape,
        public_images=public,
        jpeg=jpeg,
        known_pairs=known,
        chosen_pairs=chosen,
        labels=_copied(sets.victim_labels, threat.labels),
        public_labels=_copied(public_labels, threat.labels and public is not None),
        class_names=sets.classes if threat.labels else None,
    )
    truth = Truth(plain, key, matching)
    return Scenario(observation, truth, replace(sets, victims=plain), _numbered(count))


def from_ciphertexts(
    attack: Attack,
    target: Target,
    ciphertexts: Tensor,
    names: tuple[str, ...],
    *,
    truth: Tensor | None,
    public: ImageSets | None,
    scope: KeyScope,
    candidates: NamedImages | None = None,
    jpeg: Jpeg | None = None,
) -> Scenario:
    """Somebody else's ciphertexts, under a key that nobody here knows.

    Args:
        attack: must need neither pairs nor labels.
        target: the scheme that is believed to have made them.
        ciphertexts: ``(N, C, H, W)`` uint8, or float32 tokens.
        names: one name per ciphertext.
        truth: their plain images ``(N, C, H', W')`` uint8, H' ≤ H, if they are known.
        public: images for the adversary, or None.
        scope: whether one key is believed to have made them all.
        candidates: plain images for attacks that match, of the size of those of the ciphertexts.
        jpeg: how the files were compressed.
    """
    has_public = public is not None and len(public.adversary) > 0
    threat = least_threat_model(attack, scope, public=has_public)
    _check_files_suffice(attack, threat, has_public, candidates is not None)
    _check_own_keys(attack, target, threat)
    check_output_names(names)
    scheme = target.public(own_keys=threat.own_keys)
    given = tuple(ciphertexts.shape[1:])
    shape = target.plain_shape(given) if truth is None else _shape(truth)
    if target.ciphertext_shape(shape) != given:
        raise DataError(
            f"'{scheme.name}' turns images of shape {shape} into ciphertexts of shape "
            f"{target.ciphertext_shape(shape)}, but these are {given}: name the plain "
            "images of these ciphertexts, or the settings that they were made with."
        )
    _check_applicable(attack, scheme, shape)
    if threat.own_keys:
        contract.check(target, shape, scope)
    empty = ciphertexts[:0]
    sets = ImageSets(
        name=public.name if public else "ciphertexts only",
        victims=empty if truth is None else truth,
        adversary=public.adversary if public else empty,
        notes=public.notes if public else (),
    )
    if truth is not None and len(sets.adversary):
        sets = sets.without(truth)
    shown, matching = _public(sets, threat), None
    called: tuple[str, ...] = ()
    if threat.public == "candidates" and candidates is not None:
        shown, called = _of_size(candidates, shape), candidates.names
        threat = replace(threat, distractors=0)
        matching = None if truth is None else _places(truth, shown)
    observation = Observation(
        threat=threat,
        scheme=scheme,
        ciphertexts=ciphertexts,
        image_shape=shape,
        public_images=shown,
        jpeg=jpeg,
    )
    return Scenario(observation, Truth(truth, None, matching), sets, names, called)


def _of_size(candidates: NamedImages, shape: ImageShape) -> Tensor:
    given = tuple(candidates.images.shape[1:])
    if given != shape:
        raise DataError(
            f"the candidates have the shape {given}, the plain images {shape} (channels, height, "
            "width): resize the candidates to the size of the images that were encrypted."
        )
    return candidates.images


def _places(truth: Tensor, candidates: Tensor) -> Tensor | None:
    """For each plain image its place among the candidates; None unless all are there."""
    import torch

    place = {content: i for i, content in enumerate(content_hashes(candidates))}
    found = [place.get(content, -1) for content in content_hashes(truth)]
    return None if -1 in found else torch.tensor(found)


def _public(sets: ImageSets, threat: ThreatModel) -> Tensor | None:
    if threat.public != "unpaired":
        return None
    if len(sets.adversary) == 0:
        raise DataError("the attack needs public images: use --adversary with a number above 0.")
    return sets.adversary.clone()


def _candidates(
    plain: Tensor, sets: ImageSets, threat: ThreatModel, seed: int | bytes
) -> tuple[Tensor, NDArray[np.intp]]:
    """The candidates in a secret order: the victims' images, or copies of them, and distractors."""
    import torch

    others = sets.adversary[: 0 if sets.overlap else threat.distractors]
    every = torch.cat([plain, others])
    how: Alteration = threat.altered  # type: ignore[assignment]
    order = numpy_stream(seed, "candidates").permutation(len(every))
    generator = torch_stream(seed, "altered candidates")
    return altered(every, how, generator)[order], order


def _chosen(attack: Attack, scheme: PublicScheme, shape: ImageShape, threat: ThreatModel) -> Tensor:
    chosen = attack.choose_plaintexts(scheme, shape)
    if chosen is None or not 0 < len(chosen) <= threat.chosen:
        asked = 0 if chosen is None else len(chosen)
        raise ThreatModelError(
            f"attack '{attack.card.name}' chose {asked} plaintexts; its threat model grants "
            f"1 to {threat.chosen}."
        )
    return chosen.clone()


def _check_files_suffice(
    attack: Attack, threat: ThreatModel, has_public: bool, has_candidates: bool
) -> None:
    """Refuse an attack that needs more than ciphertexts and the images given."""
    if threat.public == "candidates" and attack.card.ciphers == ("image",):
        if not has_candidates:
            raise NotGranted(
                f"attack '{attack.card.name}' needs plain images, of which those of the "
                "ciphertexts may be some: name their folder with --candidates."
            )
        return
    if threat.public == "candidates" and "tokens" in attack.card.ciphers:
        raise NotGranted(
            f"attack '{attack.card.name}' matches codes with the plain images they may be of, "
            "which come in a folder of their own: use 'ppattack challenge neuracrypt solve', with "
            "--challenge and --images."
        )
    if threat.pairs or threat.chosen or threat.public == "candidates":
        raise NotGranted(
            f"attack '{attack.card.name}' needs more ({threat.in_words()}) than files of "
            "ciphertexts alone give: choose an attack that works from ciphertexts."
        )
    if threat.public != "none" and not has_public:
        raise NotGranted(
            f"attack '{attack.card.name}' needs public images of the same kind: "
            "name them with --data, for example --data folder:PUBLIC."
        )
    if threat.labels:
        raise NotGranted(
            f"attack '{attack.card.name}' needs the class of every ciphertext, which files of "
            "ciphertexts do not name: use --data with a source that has classes and without "
            "--ciphertexts, or choose another attack."
        )


def _check_own_keys(attack: Attack, target: Target, threat: ThreatModel) -> None:
    """Refuse to let an attack run a scheme under own keys if these cannot be had."""
    if threat.own_keys and isinstance(target, TrainedTarget):
        raise NotApplicable(
            f"attack '{attack.card.name}' needs own keys, and those of '{target.card.name}' are "
            "networks that the adversary would have to train: give it known pairs, if it takes any."
        )
    if threat.own_keys and not target.draws_keys:
        raise NotGranted(
            f"attack '{attack.card.name}' runs the scheme under keys of its own, but "
            f"'{target.card.name}' keeps its key in its code: the attack would be given that key. "
            "Add key_parts, which draws keys."
        )


def _check_applicable(attack: Attack, scheme: PublicScheme, shape: ImageShape) -> None:
    reason = attack.obstacle(scheme, shape)
    if reason:
        raise NotApplicable(
            f"attack '{attack.card.name}' cannot be run on '{scheme.name}': {reason}."
        )


def _check_disjoint(first: Tensor, second: Tensor, what: str, also: str = "scored") -> None:
    if set(content_hashes(first)) & set(content_hashes(second)):
        raise DataError(f"the {what} hold images that are also {also}: use a source without twins.")


def _check_labelled(attack: Attack, sets: ImageSets) -> None:
    if sets.victim_labels is None or (len(sets.adversary) and sets.adversary_labels is None):
        raise DataError(
            f"attack '{attack.card.name}' needs class labels, which {sets.name} does not have for "
            "every image: use a source with classes, for example --data cifar10, or a folder with "
            "a subfolder for each class."
        )


def _copied(labels: Tensor | None, held: bool) -> Tensor | None:
    return labels.clone() if held and labels is not None else None


def _shape(images: Tensor) -> ImageShape:
    channels, height, width = images.shape[1:]
    return int(channels), int(height), int(width)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"{i:05d}" for i in range(count))


@dataclass(frozen=True)
class KeyHolder:
    """Who encrypts the victims' images, and what the adversary knows or chooses.

    Args:
        target: the scheme.
        shape: of plain images.
        key: the victims'.
        scope: one key for all images, or one each.
        seed: the run's, or random bits.
        jpeg: what every ciphertext goes through on its way, or None.
    """

    target: Target
    shape: ImageShape
    key: Key
    scope: KeyScope
    seed: int | bytes
    jpeg: Jpeg | None

    def encrypt(self, images: Tensor, key: Key, name: str) -> Tensor:
        """Ciphertexts as they are received; ``name`` is that of the stream."""
        made = encrypt(self.target, images, key, numpy_stream(self.seed, name))
        if self.target.card.cipher == "tokens":  # new numbers, and perhaps too many to copy
            return made
        return made.clone() if self.jpeg is None else self.jpeg.transport(made)

    def answer(self, images: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """Images and their ciphertexts, under the one key or under a fresh one each."""
        key = self.key
        if self.scope == "image":
            key = generate_scoped_key(
                self.target, self.shape, self.scope, self.seed, name, len(images)
            )
        return images, self.encrypt(images, key, name)
