"""Make a challenge of any images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ppattack.challenge import layout
from ppattack.challenge.making import check_places, new_challenge, too_few
from ppattack.config import as_dict
from ppattack.data.token_files import write_tokens
from ppattack.errors import ConfigError
from ppattack.files import write_bytes
from ppattack.seeding import numpy_stream
from ppattack.target.key_file import KeyFile

if TYPE_CHECKING:
    from ppattack.attack import Progress
    from ppattack.target.key import Key
    from ppattack.target.neural import NeuralTarget

AT_ONCE = 32
"""Images encoded at a time where they do not depend on each other."""
TARGET_SHARE = 10
"""One image in this many is a target of the second part, unless a number is given."""


@dataclass(frozen=True)
class Wish:
    """What challenge to make.

    Args:
        images: folder of image files, at any depth.
        out: the challenge's folder, new.
        gold: a new folder for what its solver must not see: the answers and the key.
        size: edge of the images, pixels.
        count: images to encode; None for all that are not targets.
        targets: images of the second part, apart from those to encode; None for a tenth.
        seed: of key, choice and orders.
        target_settings: of the scheme.
    """

    images: Path
    out: Path
    gold: Path
    size: int
    count: int | None
    targets: int | None
    seed: int
    target_settings: Mapping[str, Any] = field(default_factory=dict)


def generate(wish: Wish, progress: Progress) -> str:
    """Encode images under a fresh key and write the challenge and its answers.

    Returns:
        what was written, in one line.

    Raises:
        PpattackError: if anything in the wish is wrong; nothing half-written stays behind.
    """
    check_places(wish.out, wish.gold)
    target = layout.scheme(layout.TARGET, wish.target_settings)
    paths, targets = _chosen(wish)
    key = target.generate_key(numpy_stream(wish.seed, "key"), (1, wish.size, wish.size))
    with new_challenge(wish.out, wish.gold) as (public, secret):
        _encode(target, key, wish, paths, public / layout.CODES, progress)
        _encode(target, key, wish, targets, secret / layout.TARGETS, progress)
        rng = numpy_stream(wish.seed, "lists")
        for name, listed in ((layout.CODES_LIST, paths), (layout.TARGETS_LIST, targets)):
            layout.write_json(public / name, [listed[i] for i in rng.permutation(len(listed))])
        layout.write_json(public / layout.SCHEME, _scheme(target, wish.size))
        for name, listed in ((layout.GOLD, paths), (layout.GOLD_TARGETS, targets)):
            layout.write_json(secret / name, {path: f"{i}.npy" for i, path in enumerate(listed)})
        file = KeyFile.new(target, key)
        write_bytes(secret / layout.GOLD_KEY, file.to_bytes(), private=True)
    return (
        f"{len(paths)} codes in {wish.out}, {len(targets)} targets; "
        f"answers and key {key.fingerprint}: {wish.gold}"
    )


def _scheme(target: NeuralTarget, size: int) -> dict[str, object]:
    return {"target": target.card.name, "settings": as_dict(target.config), "size": size}


def _chosen(wish: Wish) -> tuple[list[str], list[str]]:
    """The paths to encode and those of the second part, in random orders."""
    found = layout.different_files(wish.images)
    targets = len(found) // TARGET_SHARE if wish.targets is None else wish.targets
    count = len(found) - targets if wish.count is None else wish.count
    if targets < 0 or count < 2:
        raise ConfigError(
            f"a challenge of {count} images and {targets} targets is none: "
            "it takes two images at least."
        )
    if count + targets > len(found):
        wanted = f"{count} and {targets} more: use a smaller -n or --targets"
        raise too_few(wish.images, found, wanted)
    order = numpy_stream(wish.seed, "choice").permutation(len(found))
    shuffled = [found[i] for i in order]
    return shuffled[targets : targets + count], shuffled[:targets]


def _encode(
    target: NeuralTarget, key: Key, wish: Wish, paths: list[str], folder: Path, progress: Progress
) -> None:
    """Write one code per image, in batches of the scheme's size."""
    rng: np.random.Generator = numpy_stream(wish.seed, "encryption", folder.name)
    folder.mkdir()
    step = AT_ONCE
    if target.config.batch_norm == "batch":
        step = target.config.batch_size
    with progress.task(f"encoding {folder.name}", len(paths)) as task:
        for start in range(0, len(paths), step):
            images = layout.read_images(wish.images, paths[start : start + step], wish.size)
            codes = target.encrypt(images, key, generator=rng)
            for i, code in enumerate(codes, start):
                write_tokens(folder / f"{i}.npy", code)
            task.update(start + len(codes))
