"""Encryption of the victims' images under a key that only the scorer keeps.

Data flows one way: the observation is built from copies, so that no tensor the attack holds
shares memory with a plain image that will be scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ppattack.data.alterations import Alteration, altered
from ppattack.data.source import ImageSets
from ppattack.errors import ConfigError, DataError, ThreatModelError
from ppattack.scenario.models import fine_tuned, made_up_model, transformed
from ppattack.scenario.refusals import (
    can_have_own_keys,
    check_applicable,
    check_disjoint,
    check_labelled,
    check_own_keys,
)
from ppattack.scenario.scene import (
    FEWEST_CANDIDATES,
    Scenario,
    image_shape,
    least_threat_model,
    public_images,
)
from ppattack.seeding import numpy_stream, torch_stream
from ppattack.target import contract
from ppattack.target.base import generate_scoped_key
from ppattack.target.calls import encrypt
from ppattack.target.trained import refuse_untrained
from ppattack.threat import KeyScope, Observation, ThreatModel, Truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.images import ImageShape
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import PublicScheme, Target
    from ppattack.target.key import Key
    from ppattack.threat import Weights


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
    threat = least_threat_model(
        attack,
        scope,
        vain_pairs=vain_pairs,
        public=len(sets.adversary) > 0,
        own_keys=can_have_own_keys(target),
    )
    shape = image_shape(sets.victims)
    scheme = target.public(own_keys=threat.own_keys)
    _check(attack, target, scheme, sets, threat, jpeg)
    count, given = len(sets.victims) - threat.pairs, sets.victims
    sets = _disjoint(sets).first_victims(count)
    plain = sets.victims.clone()
    contract.check(target, shape, scope)
    if key is None:
        refuse_untrained(target)
        key = generate_scoped_key(target, shape, scope, seed, "key", count)
    holder = KeyHolder(target, shape, key, scope, seed, jpeg)
    ciphertexts = holder.encrypt(plain, key, "encryption")
    known = chosen = None
    if threat.pairs:
        known = holder.answer(given[count:].clone(), "known pairs")
        check_disjoint(known[0], plain, "known pairs")
    if threat.chosen:
        chosen = holder.answer(_chosen(attack, scheme, shape, threat), "chosen pairs")
    public, matching, public_labels = public_images(sets, threat), None, sets.adversary_labels
    if threat.public == "candidates":
        public, matching, public_labels = _candidates(plain, sets, threat, holder)
    observation = Observation(
        threat=threat,
        scheme=scheme,
        ciphertexts=ciphertexts,
        image_shape=shape,
        public_images=public,
        jpeg=jpeg,
        known_pairs=known,
        chosen_pairs=chosen,
        labels=_released(target, sets, key, threat),
        public_labels=_copied(public_labels, threat.names_classes and public is not None),
        class_names=sets.classes if threat.names_classes else None,
        models=holder.models(threat.tuned) if threat.model else None,
    )
    truth = Truth(plain, key, matching)
    return Scenario(observation, truth, replace(sets, victims=plain), _numbered(count))


def _check(
    attack: Attack,
    target: Target,
    scheme: PublicScheme,
    sets: ImageSets,
    threat: ThreatModel,
    jpeg: Jpeg | None,
) -> None:
    """Refuse what cannot be simulated.

    Raises:
        PpattackError: naming it.
    """
    if threat.names_classes:
        check_labelled(attack, sets, public_only=not threat.labels)
    check_own_keys(attack, target, threat)
    if len(sets.victims) <= threat.pairs:
        raise DataError(f"{threat.pairs} known pairs leave no image to attack: use a larger -n.")
    check_applicable(attack, scheme, image_shape(sets.victims))
    if jpeg is not None and target.card.cipher != "image":
        raise ConfigError(f"--jpeg needs ciphertexts that are images: '{scheme.name}' has none.")


def _disjoint(sets: ImageSets) -> ImageSets:
    """The same, the adversary's images without those of the victims, unless that is asked for."""
    given = sets.victims
    if not sets.overlap:
        sets = sets.without(given)
    if sets.owner is not None:
        check_disjoint(sets.owner, given, "owner's images", "the victims'")
        check_disjoint(sets.owner, sets.adversary, "owner's images", "the adversary's")
    return sets


def _candidates(
    plain: Tensor, sets: ImageSets, threat: ThreatModel, holder: KeyHolder
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Candidates in a secret order, or their ciphertexts under other keys.

    Returns:
        the candidates; for each victim its place among them, or -1; their classes, if these are
        the victims' and no more.
    """
    import torch

    public, order, present = _mixed(plain, sets, threat, holder.seed)
    matching = torch.full((len(plain),), -1)
    matching[present] = torch.from_numpy(order.argsort()[: len(present)])
    if threat.linked:
        public = holder.under_other_keys(public)
    labels = None
    if sets.victim_labels is not None and not threat.distractors and not threat.absent:
        labels = sets.victim_labels[order]
    return public, matching, labels


def _mixed(
    plain: Tensor, sets: ImageSets, threat: ThreatModel, seed: int | bytes
) -> tuple[Tensor, NDArray[np.intp], Tensor]:
    """The victims' images, or copies of them, and distractors, in a secret order.

    Returns:
        the candidates; the place that each had before, victims first; the victims that are there.
    """
    import torch

    wanted = 0 if sets.overlap else threat.distractors
    rows = torch.arange(len(plain))
    if threat.absent:
        left = round(threat.absent * len(plain))
        mixed = torch.from_numpy(numpy_stream(seed, "absent").permutation(len(plain)))
        rows = mixed[left:].sort().values
    every = plain[rows]
    if wanted:
        every = torch.cat([every, sets.adversary[:wanted]])
    if len(every) < FEWEST_CANDIDATES and (wanted or threat.absent or threat.linked):
        raise DataError(
            f"there are {len(every)} candidates, from which nothing can be chosen: use a larger -n "
            "or --adversary."
        )
    how: Alteration = threat.altered  # type: ignore[assignment]
    order = numpy_stream(seed, "candidates").permutation(len(every))
    generator = torch_stream(seed, "altered candidates")
    return altered(every, how, generator)[order], order, rows


def _chosen(attack: Attack, scheme: PublicScheme, shape: ImageShape, threat: ThreatModel) -> Tensor:
    chosen = attack.choose_plaintexts(scheme, shape)
    if chosen is None or not 0 < len(chosen) <= threat.chosen:
        asked = 0 if chosen is None else len(chosen)
        raise ThreatModelError(
            f"attack '{attack.card.name}' chose {asked} plaintexts; its threat model grants "
            f"1 to {threat.chosen}."
        )
    return chosen.clone()


def _released(target: Target, sets: ImageSets, key: Key, threat: ThreatModel) -> Tensor | None:
    """What the scheme's users publish of classes, if that is granted."""
    if not threat.labels or sets.victim_labels is None:
        return None
    return target.released_labels(sets.victim_labels, len(sets.classes), key)


def _copied(labels: Tensor | None, held: bool) -> Tensor | None:
    return labels.clone() if held and labels is not None else None


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

    def models(self, tuned: float) -> tuple[Weights, Weights]:
        """A public model that is made up, and its copy for this key, or for a fresh one.

        Raises:
            NotApplicable: if no model can follow the scheme.
        """
        key = self.key
        if self.scope == "image":
            key = generate_scoped_key(self.target, self.shape, "dataset", self.seed, "model key", 1)
        rng = numpy_stream(self.seed, "model")
        public = made_up_model(self.target, self.shape, rng)
        return public, fine_tuned(transformed(public, self.target, key), tuned, rng)

    def under_other_keys(self, images: Tensor) -> Tensor:
        """Ciphertexts of images that somebody else encrypted: one other key, or one each."""
        name, count = "other keys", len(images)
        key = generate_scoped_key(self.target, self.shape, self.scope, self.seed, name, count)
        return self.encrypt(images, key, name)
