"""Somebody else's ciphertexts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ppattack.data.source import ImageSets, content_hashes
from ppattack.errors import DataError
from ppattack.files import check_output_names
from ppattack.scenario.refusals import (
    can_have_own_keys,
    check_applicable,
    check_files_suffice,
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
from ppattack.target import contract
from ppattack.threat import KeyScope, Observation, Truth

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.data.image_files import NamedImages
    from ppattack.data.stacks import Stack
    from ppattack.images import ImageShape
    from ppattack.jpeg import Jpeg
    from ppattack.target.base import Target


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
    stack: Stack | None = None,
    candidate_stack: Stack | None = None,
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
        candidates: for attacks that match: plain images of the size of those of the ciphertexts, or
            ciphertexts under other keys if the attack links them.
        jpeg: how the files were compressed.
        stack: all ciphertexts if there are more, of which these are the first.
        candidate_stack: where the candidates are, if workers can read them there.
    """
    has_public = public is not None and len(public.adversary) > 0
    threat = least_threat_model(
        attack, scope, public=has_public, own_keys=can_have_own_keys(target)
    )
    check_own_keys(attack, target, threat)
    if threat.public_labels and public is not None:
        check_labelled(attack, public, public_only=True)
    check_output_names(names)
    scheme = target.public(own_keys=threat.own_keys)
    given = tuple(ciphertexts.shape[1:])
    shape = _plain_shape(target, given, truth)
    check_applicable(attack, scheme, shape)
    check_files_suffice(attack, threat, has_public, candidates is not None)
    if threat.own_keys:
        contract.check(target, shape, scope)
    sets = _image_sets(ciphertexts, truth, public, _more(stack, len(ciphertexts)))
    shown, matching = public_images(sets, threat), None
    called: tuple[str, ...] = ()
    if threat.public == "candidates" and candidates is not None:
        shown, called = (
            of_size(candidates, shape, given if threat.linked else None),
            candidates.names,
        )
        threat = replace(threat, distractors=0, absent=0.0)
        matching = None if truth is None or threat.linked else _places(truth, shown)
    observation = Observation(
        threat=threat,
        scheme=scheme,
        ciphertexts=ciphertexts,
        image_shape=shape,
        public_images=shown,
        jpeg=jpeg,
        public_labels=sets.adversary_labels if threat.public_labels else None,
        class_names=sets.classes if threat.public_labels else None,
        stack=stack,
        public_stack=_as_shown(candidate_stack, shown),
    )
    return Scenario(observation, Truth(truth, None, matching), sets, names, called)


def _plain_shape(target: Target, given: tuple[int, ...], truth: Tensor | None) -> ImageShape:
    """Shape of the plain images of ciphertexts of a shape.

    Raises:
        DataError: if the scheme cannot have made them from the plain images given, or from any.
    """
    shape = target.plain_shape(given) if truth is None else image_shape(truth)
    if target.ciphertext_shape(shape) != given:
        raise DataError(
            f"'{target.card.name}' turns images of shape {shape} into ciphertexts of shape "
            f"{target.ciphertext_shape(shape)}, but these are {given}: name the plain "
            "images of these ciphertexts, or the settings that they were made with."
        )
    return shape


def _image_sets(
    ciphertexts: Tensor, truth: Tensor | None, public: ImageSets | None, notes: tuple[str, ...]
) -> ImageSets:
    """Plain images of the victims, if known, and the adversary's, without those."""
    empty = ciphertexts[:0] if truth is None else truth[:0]
    sets = ImageSets(
        name=public.name if public else "ciphertexts only",
        victims=empty if truth is None else truth,
        adversary=public.adversary if public else empty,
        notes=(*(public.notes if public else ()), *notes),
        classes=public.classes if public else (),
        adversary_labels=public.adversary_labels if public else None,
    )
    if truth is not None and len(sets.adversary):
        return sets.without(truth)
    return sets


def _more(stack: Stack | None, held: int) -> tuple[str, ...]:
    """What a report says about ciphertexts that are not decrypted."""
    if stack is None:
        return ()
    return (
        f"there are {len(stack)} ciphertexts: the first {held} are decrypted and scored (-n), and "
        "attacks that add up statistics learn from all",
    )


def _as_shown(stack: Stack | None, shown: Tensor | None) -> Stack | None:
    """The stack if its images are those shown, and not grey ones made to have three channels."""
    if stack is None or shown is None or stack.shape != tuple(shown.shape):
        return None
    return stack


def of_size(candidates: NamedImages, shape: ImageShape, linked: tuple[int, ...] | None) -> Tensor:
    """Candidates as images of the shape that was encrypted.

    Args:
        candidates: plain images, or ciphertexts under other keys.
        shape: ``(C, H, W)`` of the plain images.
        linked: the shape of the ciphertexts that those of other keys are linked with; or None.

    Raises:
        DataError: if they are of another size, or fewer than two.
    """
    given = tuple(candidates.images.shape[1:])
    if linked is not None:
        if given != linked:
            raise DataError(
                f"the ciphertexts of --link have the shape {given}, those of --ciphertexts "
                f"{linked} (channels, height, width): link ciphertexts of one size."
            )
    elif given[1:] != shape[1:]:
        raise DataError(
            f"the candidates have the shape {given}, the plain images {shape} (channels, height, "
            "width): resize the candidates to the size of the images that were encrypted."
        )
    elif given[0] > shape[0]:
        raise DataError(
            f"the candidates are in colour, the encrypted images grey ({given} and {shape}: "
            "channels, height, width): convert the candidates to grey."
        )
    if len(candidates.names) < FEWEST_CANDIDATES:
        raise DataError(
            "there is one candidate, from which nothing can be chosen: give two or more, for "
            "example images that were surely not encrypted."
        )
    return candidates.images.expand(-1, shape[0] if linked is None else -1, -1, -1).contiguous()


def _places(truth: Tensor, candidates: Tensor) -> Tensor | None:
    """For each plain image its place among the candidates, or -1; None if none is there."""
    import torch

    place = {content: i for i, content in enumerate(content_hashes(candidates))}
    found = [place.get(content, -1) for content in content_hashes(truth)]
    return torch.tensor(found) if max(found, default=-1) >= 0 else None
