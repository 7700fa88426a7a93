"""Solve a challenge and write a submission, part by part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.challenge import layout, second_part
from ppattack.challenge.plan import check_memory, code_source, described, estimate
from ppattack.challenge.submission import Matching, Submission
from ppattack.config import as_dict
from ppattack.errors import DataError
from ppattack.folders import check_new, new_folder, partial_folder
from ppattack.plugins import registry
from ppattack.plugins.source import source_hash

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Context
    from ppattack.attacks.neuracrypt_matching import NeuraCryptMatching
    from ppattack.data.token_files import TokenFiles
    from ppattack.solvers.neuracrypt.case import Case
    from ppattack.target.neural import NeuralTarget

UNPAIRED = "code-alignment"
"""The attack that answers the second part without the plain images of the codes."""
ENCODER_STEPS = 500
"""Training steps for the second part where there is an accelerator; none on a CPU."""


@dataclass(frozen=True)
class Task:
    """What to solve.

    Args:
        challenge: its folder.
        images: folder of the images that its lists name.
        out: folder of the submission, new.
        size: edge of the images; None for what the challenge says, or else the published size.
        target_settings: over those that the challenge names.
        attack_settings: of the attack, over the preset.
        preset: likewise.
        encoder_steps: training steps of the encoder that answers the second part; 0 for none;
            None for 500 on an accelerator and none on a CPU.
        public: folder of images of the same kind, if the plain images of the codes are not at
            hand: only the second part is then answered.
        encoded_data_dir: the challenge's folder as the evaluation names it; None for its path.
        submission_dir: that of the submission, likewise.
    """

    challenge: Path
    images: Path
    out: Path
    size: int | None = None
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "standard"
    encoder_steps: int | None = None
    public: Path | None = None
    encoded_data_dir: str | None = None
    submission_dir: str | None = None


@dataclass(frozen=True)
class Solved:
    """What came of it.

    Args:
        said: what was written, in one line.
        warnings: what to know about it.
        inconclusive: whether too few matches are expected to be right for any claim.
    """

    said: str
    warnings: tuple[str, ...] = ()
    inconclusive: bool = False


def solve(task: Task, context: Context) -> Solved:
    """Match codes with images, learn the encoder from the matching, write the submission.

    The second part is then answered with an encoder learnt from the first part's images and their
    matching. The challenge asks for it from images of the same distribution only: an answer from
    here shows how far the first break carries, and is not a valid entry for the second part. With
    ``public`` the second part is answered without the plain images of the codes, as it asks.

    Raises:
        PpattackError: if anything in the task is wrong; nothing half-written stays behind.
        KeyboardInterrupt: a finished first part stays, and with ``public`` finished stages; the
            same task continues from there.
    """
    target, size = _scheme(task)
    files = code_source(task.challenge / layout.CODES, target, size)
    if task.public is not None:
        return _second_part_alone(task, target, files, size, context)
    paths = layout.read_paths(task.challenge / layout.CODES_LIST)
    if len(paths) < len(files.files):
        raise DataError(
            f"{task.challenge} lists {len(paths)} images for {len(files.files)} codes: "
            "the list and the folder do not belong together."
        )
    steps = task.encoder_steps
    if steps is None:
        steps = 0 if context.device.type == "cpu" else ENCODER_STEPS
    targets: list[str] = []
    linear = target.config.depth == 1
    if (steps or linear) and (task.challenge / layout.TARGETS_LIST).is_file():
        targets = layout.read_paths(task.challenge / layout.TARGETS_LIST)
    for listed in (paths, targets):
        layout.check_images(task.images, listed)
    attack = _matching_attack(task)
    submission = _submission(task, _identity(attack, target, files, paths, task, context.seed))
    matching = submission.kept(len(files.files), len(paths))
    case = None
    if matching is None or targets:
        case = _case(task, target, files, paths, size, attack, context)
    if matching is None:
        assert case is not None  # noqa: S101
        matching = _matched(attack, case)
        submission.write_first(matching, paths, files.files)
    weak = bool(matching.limits)
    if targets and not weak:
        assert case is not None  # noqa: S101
        submission.write_second(targets, _vectors(task, case, matching, steps, targets))
    submission.finish()
    return _said(task, target, size, matching, 0 if weak else len(targets), weak)


def _said(
    task: Task, target: NeuralTarget, size: int, matching: Matching, answered: int, weak: bool
) -> Solved:
    share = matching.expected_share
    words = "" if share is None else f", about {share:.0%} of them expected to be right"
    second = f" and {answered} target codes" if answered else ""
    warnings = described(target, size)
    if matching.limits:
        warnings += (f"INCONCLUSIVE: the matches are written, but {matching.limits}.",)
    said = f"{len(matching.images)} matches{words}{second} in {task.out}"
    return Solved(said, warnings, inconclusive=weak)


def _vectors(
    task: Task, case: Case, matching: Matching, steps: int, targets: Sequence[str]
) -> Tensor:
    import torch

    matched = torch.tensor(matching.images, device=case.images.device)
    if case.is_linear:
        return second_part.by_regression(case, matched, task.images, targets)
    return second_part.by_encoder(case, matched, steps, task.images, targets)


def _second_part_alone(
    task: Task, target: NeuralTarget, files: TokenFiles, size: int, context: Context
) -> Solved:
    """Answer the second part without the plain images of the codes, as the challenge asks."""
    targets = layout.read_paths(task.challenge / layout.TARGETS_LIST)
    layout.check_images(task.images, targets)
    check_new(task.out)
    assert task.public is not None  # noqa: S101
    listed = task.challenge / layout.CODES_LIST
    encoded = layout.read_paths(listed) if listed.is_file() else []
    public = layout.files_but(task.public, encoded)
    attack = registry.attack(UNPAIRED)(preset=task.preset, **task.attack_settings)
    images = layout.read_images(task.public, public, size)
    wanted = layout.read_images(task.images, targets, size)
    submission = _submission(task, "")
    with partial_folder(task.out) as checkpoints:
        context = replace(context, checkpoints=checkpoints)
        vectors, notes = second_part.by_alignment(attack, target, files, images, wanted, context)
        facts = [f"{name} {each}" for name, each in notes.items() if isinstance(each, float | str)]
        context.progress.log(", ".join(facts))
        with new_folder(task.out) as new:
            replace(submission, folder=new).write_second(targets, vectors)
    left_out = f" ({len(encoded)} encoded images are listed and not looked at)" if encoded else ""
    said = f"{len(targets)} target codes in {task.out}, from {len(public)} public images{left_out}"
    return Solved(said, described(target, size))


def _matching_attack(task: Task) -> NeuraCryptMatching:
    from ppattack.attacks.neuracrypt_matching import NeuraCryptMatching

    return NeuraCryptMatching(preset=task.preset, **task.attack_settings)


def _submission(task: Task, identity: str) -> Submission:
    return Submission(
        folder=task.out,
        encoded_data_dir=task.encoded_data_dir or str(task.challenge),
        submission_dir=task.submission_dir or str(task.out),
        task=identity,
    )


def _case(
    task: Task,
    target: NeuralTarget,
    files: TokenFiles,
    paths: Sequence[str],
    size: int,
    attack: NeuraCryptMatching,
    context: Context,
) -> Case:
    from ppattack.solvers.neuracrypt.case import Case
    from ppattack.solvers.neuracrypt.own_keys import HELD_BYTES, OwnEncoders

    own = OwnEncoders(target, (1, size, size), context)
    sizes = check_memory(files, len(paths), own, attack)
    images = layout.read_images(task.images, paths, size)
    estimate(own, sizes, images, attack)
    source = files[:] if files.size_bytes <= HELD_BYTES else files
    return Case.of(own, source, images)


def _matched(attack: NeuraCryptMatching, case: Case) -> Matching:
    found = attack.matched(case)
    assert found.matching is not None  # noqa: S101
    share = found.notes["expected_share_right"]
    return Matching(found.matching.tolist(), share, found.limits)


def _identity(
    attack: NeuraCryptMatching,
    target: NeuralTarget,
    files: TokenFiles,
    paths: Sequence[str],
    task: Task,
    seed: int,
) -> str:
    """A hash of everything that decides the matching; files count by name, size and time."""
    parts = [
        [type(part).__module__, as_dict(part.config), source_hash(part)]
        for part in (attack, target)
    ]
    read = [*files.files, *(layout.located(task.images, path) for path in paths)]
    stamps = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in read]
    facts = [parts, stamps, files.shape, seed]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def _scheme(task: Task) -> tuple[NeuralTarget, int]:
    """The scheme and the size that a challenge names, unless the task says otherwise."""
    said: Any = {}
    if (task.challenge / layout.SCHEME).is_file():
        said = layout.read_json(task.challenge / layout.SCHEME)
    try:
        name, size = said.get("target", layout.TARGET), int(said.get("size", layout.PUBLISHED_SIZE))
        settings = {**said.get("settings", {}), **task.target_settings}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise DataError(f"{task.challenge / layout.SCHEME} does not describe a scheme.") from None
    size = task.size or size
    if name not in registry.names("target") or not 1 <= size <= 4096:
        raise DataError(
            f"{task.challenge / layout.SCHEME} names the scheme '{name}' and images of {size} "
            "pixels: it takes an installed scheme and 1 to 4096 pixels."
        )
    return layout.scheme(name, settings), size
