"""The images or ciphertexts that a request names, and the scenario that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.data.source import ImageRequest, ImageSets
from ppattack.data.stack_files import is_stack, open_stack
from ppattack.data.windows import Window
from ppattack.errors import ConfigError, DataError
from ppattack.files import check_output_names
from ppattack.jpeg import Jpeg
from ppattack.plugins import registry
from ppattack.runs import loaded
from ppattack.runs.memory import check_memory
from ppattack.scenario import Scenario, from_ciphertexts, key_scope_of, simulate
from ppattack.scenario.files import of_size
from ppattack.scenario.scene import image_shape
from ppattack.seeding import derive
from ppattack.target import contract
from ppattack.target.base import generate_scoped_key
from ppattack.target.trained import OwnerImages, TrainedTarget

MOST_NAMED = 10_000_000
"""Candidates of one file, at most."""

if TYPE_CHECKING:
    import torch

    from ppattack.attack import Attack, Context
    from ppattack.data.image_files import NamedImages
    from ppattack.data.stacks import Stack
    from ppattack.images import ImageShape
    from ppattack.request import RunRequest
    from ppattack.target.base import Target
    from ppattack.target.key import Key


def load_images(
    request: RunRequest,
    size: int | tuple[int, int] | None,
    victims: int,
    pairs: int = 0,
    owner: int = 0,
    distractors: int = 0,
) -> ImageSets:
    """Load images of the source that a request names.

    Args:
        request: names the source.
        size: edge of the images in pixels, or their height and width; None for the source's own.
        victims: images to encrypt and score.
        pairs: known pairs, on top of these.
        owner: images for the owner of a trained scheme.
        distractors: images that neither side has, at most.

    Raises:
        PpattackError: if there is no such source, or it cannot give them.
    """
    wanted = ImageRequest(
        victims=victims + pairs,
        adversary=request.adversary + owner,
        size=max(size) if isinstance(size, tuple) else size,
        shape=size if isinstance(size, tuple) and size[0] != size[1] else None,
        seed=request.seed,
        download=request.download,
        pairs=pairs,
        distractors=distractors,
        window=Window.given(request.window),
    )
    sets = loaded.images(request.data or "photos", wanted)
    return sets.with_owner(owner) if owner else sets


def check_images(request: RunRequest, pairs: int = 0) -> None:
    """Read what a request names, so that many requests with the same inputs fail at once.

    Args:
        request: the request; its attack does not matter.
        pairs: known pairs for which there must be images too.

    Raises:
        PpattackError: if anything is wrong with the images or ciphertexts.
    """
    if request.ciphertexts is not None:
        target = registry.target(request.target)(**request.target_settings)
        found, truth, _ = read_inputs(request, request.ciphertexts, target)
        candidates, _ = _candidates(request)
        if candidates is not None:
            given = tuple(found.images.shape[1:])
            shape = target.plain_shape(given) if truth is None else image_shape(truth)
            of_size(candidates, shape, None if request.link is None else given)
    else:
        load_images(request, request.size, request.victims, pairs)


def check_target(request: RunRequest) -> tuple[Target, ImageShape | None]:
    """Try a target's contract on images of the shape that a request names.

    Returns:
        the target, and ``(C, H, W)`` of the images; None for files of ciphertexts.

    Raises:
        PpattackError: if the target breaks it, or anything is wrong with target or images.
    """
    target = registry.target(request.target)(**request.target_settings)
    scope = key_scope_of(target, request.key_scope)
    if request.ciphertexts is not None:
        return target, None
    channels, height, width = load_images(request, request.size, 1).victims.shape[1:]
    shape = int(channels), int(height), int(width)
    contract.check(target, shape, scope)
    return target, shape


def owner_images(target: Target) -> int:
    """How many images the owner of a scheme trains it on: none, unless it is trained."""
    return target.owner_training().images if isinstance(target, TrainedTarget) else 0


def build_scenario(
    request: RunRequest,
    attack: Attack,
    target: Target,
    secret: int | bytes,
    context: Context,
) -> Scenario:
    """Load the images or ciphertexts that a request names, and build the scenario.

    Args:
        request: names them.
        attack: decides how little the observation holds.
        target: the scheme.
        secret: what keys and secret orders are drawn from.
        context: device and progress of an owner who trains the scheme.

    Raises:
        PpattackError: if anything is wrong with them.
    """
    scope = key_scope_of(target, request.key_scope)
    if request.ciphertexts is None:
        if request.data is None:
            raise ConfigError("no images: name a source with --data or a folder of ciphertexts.")
        check_memory(request.victims, request.size)
        pairs, owner = attack.requires().pairs, owner_images(target)
        others = max(0, request.gallery_size - request.victims) if _gives_images(attack) else 0
        sets = load_images(request, request.size, request.victims, pairs, owner, others)
        if request.overlap:
            sets = sets.overlapping(secret)
        jpeg = None if request.jpeg is None else Jpeg.read(request.jpeg)
        key = None
        if isinstance(target, TrainedTarget):
            key = _trained(target, sets, secret, context)
        return simulate(attack, target, sets, scope, secret, jpeg=jpeg, key=key)
    found, truth, public = read_inputs(request, request.ciphertexts, target)
    stack, jpeg = None, None
    if is_stack(request.ciphertexts):
        opened = open_stack(request.ciphertexts, request.victims)
        stack, jpeg = opened.stack, Jpeg.of_files(opened.first_files())
    elif target.card.cipher == "image":
        jpeg = Jpeg.of_files(request.ciphertexts / name for name in found.names)
    candidates, candidate_stack = _candidates(request)
    return from_ciphertexts(
        attack,
        target,
        found.images,
        found.names,
        truth=truth,
        public=public,
        candidates=candidates,
        scope=scope,
        jpeg=jpeg,
        stack=stack if stack is not None and len(stack) > len(found.names) else None,
        candidate_stack=candidate_stack,
    )


def _gives_images(attack: Attack) -> bool:
    """Whether there may be images to look for: reconstructions, or ciphertexts as they are."""
    return "images" in attack.card.recovers or not attack.card.recovers


def _trained(target: TrainedTarget, sets: ImageSets, secret: int | bytes, context: Context) -> Key:
    """The victims' key, after its owner's training."""
    from ppattack.training.owner import trained_key

    assert sets.owner is not None  # noqa: S101 — as load_images() has made sure
    if sets.owner_labels is None:
        raise DataError(
            f"the owner of '{target.card.name}' trains a classifier, and {sets.name} has no "
            "classes: use --data digits or cifar10, or a folder with a subfolder for each class."
        )
    channels, height, width = sets.owner.shape[1:]
    key = generate_scoped_key(
        target, (int(channels), int(height), int(width)), "dataset", secret, "key", 1
    )
    owner = OwnerImages(sets.owner, sets.owner_labels, len(sets.classes))
    trainer = replace(context, seed=derive(secret, "owner"))
    return trained_key(target, key, owner, trainer, cached=isinstance(secret, int))


def read_inputs(
    request: RunRequest, folder: Path, target: Target
) -> tuple[NamedImages, torch.Tensor | None, ImageSets | None]:
    """Read ciphertexts, and their plain images and the adversary's public ones if they are named.

    Raises:
        PpattackError: if anything is wrong with them.
    """
    found = _ciphertexts(request, folder, target)
    check_output_names(found.names)
    truth = None
    if request.truth is not None:
        truth = _matching_truth(found.names, request.truth, request.victims)
    public = None
    if request.data is not None:
        given = tuple(found.images.shape[1:])
        _, height, width = target.plain_shape(given) if truth is None else truth.shape[1:]
        public = load_images(request, (int(height), int(width)), 0)
    return found, truth, public


def _candidates(request: RunRequest) -> tuple[NamedImages | None, Stack | None]:
    """The plain images that ciphertexts may be of, or the ciphertexts that they are linked with."""
    if request.candidates is not None:
        return _all_images(request.candidates, photographs=True)
    return (None, None) if request.link is None else _all_images(request.link, photographs=False)


def _ciphertexts(request: RunRequest, path: Path, target: Target) -> NamedImages:
    """The ciphertexts of a folder, or the first of a file of many."""
    from ppattack.data.token_files import read_ciphertexts

    if not is_stack(path):
        return read_ciphertexts(path, target.card.cipher)
    if target.card.cipher != "image":
        raise DataError(
            f"{path} holds images, and ciphertexts of '{target.card.name}' are tokens: name a "
            "folder of NPY files, one per ciphertext."
        )
    if request.isolated:
        raise ConfigError(
            f"an isolated attack is sent its ciphertexts whole, and {path} may hold more than fit "
            "into memory: leave out --isolate and its limits, or name a folder of image files."
        )
    return open_stack(path, request.victims).first()


def _all_images(path: Path, *, photographs: bool) -> tuple[NamedImages, Stack | None]:
    """The images of a folder, of an array or of tar files; and where workers can read them."""
    from ppattack.data.image_files import read_folder

    if not is_stack(path):
        return read_folder(path, photographs=photographs), None
    opened = open_stack(path, MOST_NAMED, photographs=photographs)
    return opened.first(), opened.stack


def _matching_truth(names: tuple[str, ...], folder: Path, most: int) -> torch.Tensor:
    """The plain images in the order of the ciphertexts' names (extensions may differ)."""
    from ppattack.data.image_files import read_folder

    if is_stack(folder):
        plain = open_stack(folder, most, photographs=True).first()
    else:
        plain = read_folder(folder, photographs=True)
    place = {Path(name).stem: i for i, name in enumerate(plain.names)}
    for i, name in enumerate(plain.names):
        last = place[Path(name).stem]
        if i != last and Path(name).stem in {Path(each).stem for each in names}:
            raise DataError(
                f"--truth {folder} has two images for one ciphertext, '{name}' and "
                f"'{plain.names[last]}': take one out of the folder."
            )
    missing = [name for name in names if Path(name).stem not in place]
    if missing:
        raise DataError(
            f"--truth {folder} has no image for {len(missing)} ciphertexts, first '{missing[0]}': "
            "plain images must carry the names of their ciphertexts."
        )
    return plain.images[[place[Path(name).stem] for name in names]]
