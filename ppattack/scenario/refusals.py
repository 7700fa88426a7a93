"""What cannot be granted or tried, refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppattack.data.source import ImageSets, content_hashes
from ppattack.errors import DataError, NotApplicable, NotGiven, NotGranted
from ppattack.target.trained import TrainedTarget
from ppattack.threat import ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.images import ImageShape
    from ppattack.target.base import PublicScheme, Target


def check_files_suffice(
    attack: Attack, threat: ThreatModel, has_public: bool, has_candidates: bool
) -> None:
    """Refuse an attack that needs more than ciphertexts and the images given.

    Raises:
        NotGiven: if it would do with more.
        NotGranted: if files cannot tell what it needs.
    """
    if threat.public == "candidates" and attack.card.ciphers == ("image",):
        if not has_candidates and threat.linked:
            raise NotGiven(
                f"attack '{attack.card.name}' is to link ciphertexts with others: name the folder "
                "of those with --link."
            )
        if not has_candidates:
            raise NotGiven(
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
        raise NotGiven(
            f"attack '{attack.card.name}' needs more ({threat.in_words()}) than files of "
            "ciphertexts alone give: choose an attack that works from ciphertexts."
        )
    if threat.public != "none" and not has_public:
        raise NotGiven(
            f"attack '{attack.card.name}' needs public images of the same kind: "
            "name them with --data, for example --data folder:PUBLIC."
        )
    if threat.labels:
        raise NotGranted(
            f"attack '{attack.card.name}' needs the class of every ciphertext, which files of "
            "ciphertexts do not name: use --data with a source that has classes and without "
            "--ciphertexts, or choose another attack."
        )


def can_have_own_keys(target: Target) -> bool:
    """Whether anybody can draw keys of a scheme without training networks."""
    return target.draws_keys and not isinstance(target, TrainedTarget)


def check_own_keys(attack: Attack, target: Target, threat: ThreatModel) -> None:
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


def check_applicable(attack: Attack, scheme: PublicScheme, shape: ImageShape) -> None:
    """Refuse an attack that cannot be tried on a scheme."""
    reason = attack.obstacle(scheme, shape)
    if reason:
        raise NotApplicable(
            f"attack '{attack.card.name}' cannot be run on '{scheme.name}': {reason}."
        )


def check_disjoint(first: Tensor, second: Tensor, what: str, also: str = "scored") -> None:
    """Refuse two sets of images that share one."""
    if set(content_hashes(first)) & set(content_hashes(second)):
        raise DataError(f"the {what} hold images that are also {also}: use a source without twins.")


def check_labelled(attack: Attack, sets: ImageSets, *, public_only: bool = False) -> None:
    """Refuse images without classes to an attack that needs them, of public images perhaps only."""
    if public_only:
        if sets.adversary_labels is None:
            raise NotGranted(
                f"attack '{attack.card.name}' needs the class of every public image, which "
                f"{sets.name} does not have: use a source with classes, for example --data "
                "cifar10, or a folder with a subfolder for each class."
            )
        return
    if sets.victim_labels is None or (len(sets.adversary) and sets.adversary_labels is None):
        raise DataError(
            f"attack '{attack.card.name}' needs class labels, which {sets.name} does not have for "
            "every image: use a source with classes, for example --data cifar10, or a folder with "
            "a subfolder for each class."
        )
