"""The second part of a challenge: the mean codes of other images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.challenge import layout
from ppattack.errors import NotApplicable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ppattack.attack import Attack, Context
    from ppattack.data.token_files import TokenFiles
    from ppattack.solvers.neuracrypt.case import Case
    from ppattack.target.neural import NeuralTarget

PLACE_KEYS = 4
"""Own encoders that find the order of the patches, given the matching."""
ENCODER_RATE = 3e-4
"""Chosen on 100 targets of 64 pixels: with 1e-3 the training ends up worse."""


def by_encoder(case: Case, matched: Tensor, steps: int, root: Path, paths: Sequence[str]) -> Tensor:
    """Mean codes ``(T, D)`` of target images, by an encoder trained on matched codes.

    Args:
        case: codes and candidates.
        matched: ``(N,)`` the candidate of each code.
        steps: of training.
        root: folder of the target images.
        paths: of the target images, inside it.
    """
    import torch

    encoder = _learnt(case, matched, steps)
    with torch.no_grad():
        found = [encoder(images).mean(dim=1).cpu() for images in target_images(case, root, paths)]
    return torch.cat(found)


def by_regression(case: Case, matched: Tensor, root: Path, paths: Sequence[str]) -> Tensor:
    """Mean codes ``(T, D)`` of target images under a linear encoder, from matched codes.

    The mean code of an image is a linear function of its mean patch, in whatever order the patches
    come: least squares finds it.

    Args:
        case: codes and candidates.
        matched: ``(N,)`` the candidate of each code.
        root: folder of the target images.
        paths: of the target images, inside it.
    """
    import torch

    from ppattack.solvers.neuracrypt.features import patches

    edge = case.own.target.patch_size

    def with_one(images: Tensor) -> Tensor:
        means = patches(images, edge).mean(dim=1).double()
        return torch.cat([means, torch.ones_like(means[:, :1])], dim=1)

    codes = torch.cat([part.mean(dim=1) for _, part in case.codes.batches()]).double()
    plain = torch.cat([with_one(case.images[part]) for part in matched.split(case.own.at_once)])
    weights = torch.linalg.pinv(plain) @ codes
    found = [with_one(images) @ weights for images in target_images(case, root, paths)]
    return torch.cat(found).float().cpu()


def by_alignment(
    attack: Attack,
    target: NeuralTarget,
    files: TokenFiles,
    public: Tensor,
    images: Tensor,
    context: Context,
) -> tuple[Tensor, Mapping[str, Any]]:
    """Vectors ``(T, D)`` for target images from codes whose plain images nobody gave.

    They are not the expected mean codes: of all vectors, the one of its own image is the most
    likely to be the nearest to a true mean code.

    Args:
        attack: ``code-alignment``.
        target: the scheme.
        files: the codes.
        public: ``(M, C, H, W)`` uint8 images of the same kind.
        images: ``(T, C, H, W)`` uint8 target images.
        context: device, seed, progress.

    Returns:
        the vectors, and the notes of the alignment.

    Raises:
        NotApplicable: for a scheme whose codes cannot be aligned.
    """
    from dataclasses import fields

    from ppattack.data.token_files import read_token_files
    from ppattack.solvers.code_alignment.alignment import Settings, align

    reason = attack.obstacle(target.public(), tuple(public.shape[1:]))  # type: ignore[arg-type]
    if reason:
        raise NotApplicable(f"the second part cannot be answered from public images: {reason}.")
    settings = Settings(
        **{each.name: getattr(attack.config, each.name) for each in fields(Settings)}
    )
    found = align(target, read_token_files(files.files), public, context, settings)
    return found.naming_vectors_of(images), found.notes


def target_images(case: Case, root: Path, paths: Sequence[str]) -> Iterator[Tensor]:
    """The target images, normalised, a few at a time."""
    size, step = case.own.image_shape[1], case.own.at_once
    for start in range(0, len(paths), step):
        images = layout.read_images(root, paths[start : start + step], size)
        yield case.own.target.normalised(images.to(case.own.context.device))


def _learnt(case: Case, matched: Tensor, steps: int) -> nn.Module:
    """An encoder trained on matched codes, their patches put in order first."""
    import torch

    from ppattack.solvers.neuracrypt import alternation, surrogate
    from ppattack.solvers.neuracrypt.features import energies
    from ppattack.solvers.neuracrypt.own_keys import expected

    context, places = case.own.context, case.places
    encoder = case.own.generate_encoder("second part")
    images = case.images[matched]
    if places is None:
        case = case.unshuffled()
        known = expected(case.own, images, PLACE_KEYS, matched[:0]).energies
        views = alternation.Views(known[..., None], energies(case.codes)[..., None])
        places = alternation.places_of(views, torch.arange(len(matched), device=matched.device))
    ordered = case.in_plain_order(places)
    surrogate.train(encoder, images, ordered, steps, context, "second part", rate=ENCODER_RATE)
    return encoder
