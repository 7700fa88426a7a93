"""Solve a challenge with the matching attack, and write a submission."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.challenge import layout
from ppattack.config import as_dict
from ppattack.data.token_files import read_token_files, write_tokens
from ppattack.errors import DataError
from ppattack.folders import check_new
from ppattack.plugins import registry
from ppattack.plugins.source import source_hash
from ppattack.runs.store import Fill, Store
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ppattack.attack import Attack, Context
    from ppattack.target.neural import NeuralTarget

ATTACK = "neuracrypt-matching"
PUBLISHED_SIZE = 256
"""Edge of the published challenge's images, pixels."""
PLACE_KEYS = 4
"""Own encoders that find the order of the patches, given the matching."""
ENCODER_RATE = 3e-4
"""Chosen on 100 targets of 64 pixels: with 1e-3 the training ends up worse."""


@dataclass(frozen=True)
class Task:
    """What to solve.

    Args:
        challenge: its folder.
        images: folder of the images that its lists name.
        out: folder of the submission, new.
        size: edge of the images; None for what the challenge says, or else the published size.
        target_settings: over those that the challenge names.
        attack_settings: of the matching attack, over the preset.
        preset: likewise.
        encoder_steps: training steps of the encoder that answers the second part; 0 for none.
    """

    challenge: Path
    images: Path
    out: Path
    size: int | None = None
    target_settings: Mapping[str, Any] = field(default_factory=dict)
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "standard"
    encoder_steps: int = 500


@dataclass(frozen=True)
class Submission:
    """The answer to the first part.

    Args:
        files: the name of a code's file for every image path.
    """

    files: dict[str, str]

    def to_json(self) -> str:
        """The text of the file that the challenge asks for."""
        return json.dumps(self.files, indent=1)


SUBMISSIONS = Store(
    layout.PREDICTIONS,
    lambda folder: Submission(layout.read_dictionary(folder / layout.PREDICTIONS)),
)


def solve(task: Task, context: Context) -> str:
    """Match codes with images, learn the encoder from the matching, write the submission.

    The second part is answered with an encoder learnt from the first part's images and their
    matching. The challenge asks for it from images of the same distribution only: an answer from
    here shows how far the first break carries, and is not a valid entry for the second part.

    Returns:
        what was written, in one line.

    Raises:
        PpattackError: if anything in the task is wrong; nothing half-written stays behind.
        KeyboardInterrupt: an answer to the first part stays in ``<out>.partial`` and the same
            task continues from it.
    """
    target, size = _scheme(task)
    attack = registry.attack(ATTACK)(preset=task.preset, **task.attack_settings)
    paths = layout.read_paths(task.challenge / layout.CODES_LIST)
    files = layout.code_files(task.challenge / layout.CODES)
    if len(paths) != len(files):
        raise DataError(
            f"{task.challenge} lists {len(paths)} images for {len(files)} codes: "
            "the list and the folder do not belong together."
        )
    targets = []
    if task.encoder_steps and (task.challenge / layout.TARGETS_LIST).is_file():
        targets = layout.read_paths(task.challenge / layout.TARGETS_LIST)
    for listed in (paths, targets):
        layout.check_images(task.images, listed)
    check_new(task.out)
    images = layout.read_images(task.images, paths, size)
    codes = _codes(files, target, (1, size, size))

    def work(partial: Path) -> tuple[Submission, Fill]:
        known = _Matching(partial, _identity(attack, target, codes, images, context.seed))
        matching = known.read(len(paths))
        if matching is None:
            matching = _matched(attack, target, codes, images, context)
            known.write(matching)
        encoder = None
        if targets:
            encoder = _learnt(target, codes, images, matching, context, task.encoder_steps)
        named = {paths[image]: file.name for image, file in zip(matching, files, strict=True)}

        def fill(folder: Path) -> None:
            if encoder is not None:
                _answer(encoder, target, task.images, targets, size, folder, context)

        return Submission(named), fill

    done = SUBMISSIONS.make(task.out, work, replace=False)
    return f"{len(done.report.files)} matches and {len(targets)} target codes in {task.out}"


@dataclass(frozen=True)
class _Matching:
    """The answer to the first part, kept while the second is computed.

    Args:
        folder: where it is kept.
        task: identifies what it answers.
    """

    folder: Path
    task: str

    @property
    def _file(self) -> Path:
        return self.folder / "matching.json"

    def read(self, count: int) -> list[int] | None:
        """What was kept, or None if there is nothing that answers this task."""
        if not self._file.is_file():
            return None
        try:
            found = layout.read_json(self._file)
            matching = [int(image) for image in found["matching"]]
            right = found["task"] == self.task and sorted(matching) == list(range(count))
        except (DataError, LookupError, TypeError, ValueError):
            return None
        return matching if right else None

    def write(self, matching: list[int]) -> None:
        """Keep it."""
        layout.write_json(self._file, {"task": self.task, "matching": matching})


def _identity(
    attack: Attack, target: NeuralTarget, codes: Tensor, images: Tensor, seed: int
) -> str:
    """A hash of everything that decides the matching."""
    facts = [
        [type(part).__module__, as_dict(part.config), source_hash(part)]
        for part in (attack, target)
    ]
    digest = hashlib.sha256(json.dumps([facts, seed], default=str).encode())
    for tensor in (codes, images):
        digest.update(f"{tuple(tensor.shape)}".encode())
        for row in tensor:
            digest.update(row.contiguous().numpy().data)
    return digest.hexdigest()


def _scheme(task: Task) -> tuple[NeuralTarget, int]:
    """The scheme and the size that a challenge names, unless the task says otherwise."""
    said: Any = {}
    if (task.challenge / layout.SCHEME).is_file():
        said = layout.read_json(task.challenge / layout.SCHEME)
    try:
        name, size = said.get("target", layout.TARGET), int(said.get("size", PUBLISHED_SIZE))
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


def _codes(files: Sequence[Path], target: NeuralTarget, shape: tuple[int, int, int]) -> Tensor:
    codes = read_token_files(list(files))
    wanted = target.ciphertext_shape(shape)
    if tuple(codes.shape[1:]) != wanted:
        raise DataError(
            f"the codes have the shape {tuple(codes.shape[1:])}, but images of {shape[1]} pixels "
            f"have codes of {wanted}: name the size and the settings that they were made with."
        )
    return codes


def _matched(
    attack: Attack, target: NeuralTarget, codes: Tensor, images: Tensor, context: Context
) -> list[int]:
    observation = Observation(
        threat=ThreatModel(public="candidates", own_keys=True),
        scheme=target.public(),
        ciphertexts=codes,
        image_shape=(1, int(images.shape[2]), int(images.shape[3])),
        public_images=images,
    )
    matching = attack(observation, context).matching
    if matching is None or sorted(matching.tolist()) != list(range(len(images))):
        raise DataError(f"attack '{attack.card.name}' matched images more than once.")
    found: list[int] = matching.tolist()
    return found


def _learnt(
    target: NeuralTarget,
    codes: Tensor,
    images: Tensor,
    matching: list[int],
    context: Context,
    steps: int,
) -> nn.Module:
    """An encoder trained on matched codes, their patches put in order first."""
    import torch

    from ppattack.solvers.neuracrypt import alternation, surrogate
    from ppattack.solvers.neuracrypt.case import Case
    from ppattack.solvers.neuracrypt.features import energies
    from ppattack.solvers.neuracrypt.own_keys import OwnEncoders, expected

    own = OwnEncoders(target, (1, int(images.shape[2]), int(images.shape[3])), context)
    case = Case.of(own, codes, images)
    matched = torch.tensor(matching, device=case.images.device)
    places = case.places
    if places is None:
        case = case.unshuffled()
        known = expected(own, case.images, PLACE_KEYS, case.landmarks()[:1]).energies
        views = alternation.Views(known[..., None], energies(case.codes)[..., None])
        places = alternation.places_of(views, matched)
    encoder = own.generate_encoder("second part")
    ordered = case.in_plain_order(places)
    surrogate.train(
        encoder, case.images[matched], ordered, steps, context, "second part", rate=ENCODER_RATE
    )
    return encoder


def _answer(
    encoder: Callable[[Tensor], Tensor],
    target: NeuralTarget,
    root: Path,
    paths: list[str],
    size: int,
    folder: Path,
    context: Context,
) -> None:
    """The mean code of every target's patches, one file each, and which file is whose."""
    import torch

    files = {f"{i}.npy": path for i, path in enumerate(paths)}
    step = int(target.config.batch_size)
    (folder / layout.TARGETS).mkdir()
    for start in range(0, len(paths), step):
        images = layout.read_images(root, paths[start : start + step], size).to(context.device)
        with torch.no_grad():
            codes = encoder(target.normalised(images)).mean(dim=1)
        for i, code in enumerate(codes, start):
            write_tokens(folder / layout.TARGETS / f"{i}.npy", code)
    layout.write_json(folder / layout.TARGETS_DICT, files)
