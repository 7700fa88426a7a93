"""Solve an InstaHide challenge and write a submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.challenge import layout
from ppattack.challenge.instahide import files
from ppattack.data.image_files import draw_sheet, write_png
from ppattack.errors import ConfigError, DataError
from ppattack.folders import check_new, new_folder, partial_folder
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Context
    from ppattack.solvers.instahide.solution import Solution
    from ppattack.target.mixing import Scale

ATTACK = "instahide-statistics"
PICTURES = "images"
SHEET = "images.png"
BEYOND = 4.0
"""Times the largest number that a mixture can have, above which encodings are something else."""
ROUNDING = 1e-3
"""By how much a weight of a label may be above 1."""


@dataclass(frozen=True)
class Task:
    """What to solve.

    Args:
        challenge: its folder.
        public: folder of images of the same kind as the private and public ones.
        out: folder of the submission, new.
        images: private images; None for what the challenge says, or by the published 50 rounds.
        labels: whether soft labels are used.
        target_settings: over those that the challenge names.
        attack_settings: of the attack, over the preset.
        preset: likewise.
    """

    challenge: Path
    public: Path
    out: Path
    images: int | None = None
    labels: bool = True
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "standard"


@dataclass(frozen=True)
class Solved:
    """What came of it.

    Args:
        said: what was written, in one line.
        inconclusive: whether the encodings share nothing that could be relied on.
    """

    said: str
    inconclusive: bool


def solve(task: Task, context: Context) -> Solved:
    """Reconstruct the private images and write a decryption of every encoding.

    Raises:
        PpattackError: if anything in the task is wrong; nothing half-written stays behind.
        KeyboardInterrupt: finished stages stay beside ``out``, and the same task goes on from them.
    """
    check_new(task.out)
    encodings = files.read_encodings(task.challenge / files.ENCRYPTION)
    target, count = _scheme(task, len(encodings))
    _check_encodings(encodings, target.scale)
    labels = _labels(task, len(encodings)) if task.labels else None
    rng = numpy_stream(context.seed, "public")
    pool, _ = files.public_images(task.public, encodings.shape[2], rng)
    pool = pool[:, : encodings.shape[1]].to(context.device)
    attack: Any = registry.attack(ATTACK)(preset=task.preset, **task.attack_settings)
    with partial_folder(task.out) as checkpoints:
        found: Solution | None = attack.reconstruct(
            encodings.to(context.device),
            labels,
            target.law,
            target.scale,
            count,
            pool,
            pool,
            replace(context, checkpoints=checkpoints),
        )
        if found is not None and found.real:
            _write(task.out, found.decryptions, target.scale.levels(found.images))
        else:
            _write(task.out, encodings.abs(), None)
    return _said(task, found, len(encodings), count)


def _check_encodings(encodings: Tensor, scale: Scale) -> None:
    """Refuse what mixtures cannot be: it would be solved, and mean nothing."""
    if encodings.shape[2] != encodings.shape[3]:
        raise DataError(f"encodings of {tuple(encodings.shape[2:])} pixels are not square.")
    if bool((encodings == encodings[:1]).all()):
        raise DataError(f"all {len(encodings)} encodings are the same: these are no mixtures.")
    largest, most = float(encodings.abs().max()), scale.largest
    if largest > BEYOND * most:
        raise DataError(
            f"{files.ENCRYPTION} holds numbers up to {largest:.3g}, and mixtures of this scale up "
            f"to {most:.3g}: name the scale with --set target.scale=NAME, or give the encodings as "
            "they were made."
        )


def _labels(task: Task, encodings: int) -> Tensor:
    """The soft labels ``(E, classes)`` float32."""
    import torch

    labels = torch.from_numpy(files.read_numbers(task.challenge / files.LABEL, 2))
    if len(labels) != encodings:
        raise DataError(
            f"{files.LABEL} has {len(labels)} rows for {encodings} encodings: the files do not "
            "belong together."
        )
    if not bool(((labels >= 0) & (labels <= 1 + ROUNDING)).all()):
        raise DataError(
            f"{files.LABEL} holds weights outside 0 to 1: give soft labels, or leave them out with "
            "--no-labels."
        )
    return labels


def _said(task: Task, found: Solution | None, encodings: int, count: int) -> Solved:
    if found is not None and found.real:
        words = f"{len(found.images)} of {count} images from {encodings} encodings: {task.out}"
        return Solved(words, inconclusive=False)
    why = "no encodings share an image"
    if found is not None:
        why = "groups of encodings found in half of the features share nothing in the other half"
    return Solved(f"INCONCLUSIVE: {why}; {task.out} holds absolute values", inconclusive=True)


def _scheme(task: Task, encodings: int) -> tuple[Any, int]:
    """The scheme that made the encodings, and of how many private images."""
    given: dict[str, Any] = {}
    if (task.challenge / files.SCHEME).is_file():
        given = layout.read_json(task.challenge / files.SCHEME)
    settings = given.get("settings", {}) if isinstance(given, dict) else None
    if not isinstance(settings, dict):
        raise DataError(f"{task.challenge / files.SCHEME} does not name a scheme.")
    target = files.scheme({**settings, **task.target_settings})
    count = given.get("images") or encodings // files.PUBLISHED_ROUNDS
    if task.images is not None:
        count = task.images
    if not isinstance(count, int) or not 2 <= count <= encodings:
        raise ConfigError(
            f"{encodings} encodings are not of {count} private images: say how many with "
            "--private-images."
        )
    return target, count


def _write(out: Path, numbers: Tensor, images: Tensor | None) -> None:
    with new_folder(out) as folder:
        files.write_array(folder / files.DECRYPTION, files.channels_last(numbers))
        if images is not None:
            (folder / PICTURES).mkdir()
            for i, image in enumerate(images):
                write_png(folder / PICTURES / f"{i:03d}.png", image.cpu())
            draw_sheet(folder / SHEET, images.cpu())
