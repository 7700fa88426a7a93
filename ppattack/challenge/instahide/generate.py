"""Make an InstaHide challenge of any images, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ppattack.challenge import layout
from ppattack.challenge.instahide import files
from ppattack.challenge.making import check_places, new_challenge, too_few
from ppattack.config import as_dict
from ppattack.errors import ConfigError
from ppattack.files import write_bytes
from ppattack.seeding import numpy_stream
from ppattack.target.key_file import KeyFile
from ppattack.target.mixing import soft_labels

if TYPE_CHECKING:
    from ppattack.attack import Progress


@dataclass(frozen=True)
class Wish:
    """What challenge to make.

    Args:
        images: folder of private images; subfolders are their classes.
        public: folder of public images; never read if all members are private.
        out: the challenge's folder, new.
        gold: a new folder for the answers and the key.
        size: edge of the images, pixels.
        count: private images.
        seed: of everything random.
        target_settings: of the scheme.
    """

    images: Path
    public: Path | None
    out: Path
    gold: Path
    size: int
    count: int
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
    target = files.scheme(wish.target_settings)
    paths = _chosen(wish)
    private = layout.read_images(wish.images, paths, wish.size, "RGB")
    public, public_paths = private[:0], list[str]()
    if target.law.private < target.law.members:
        if wish.public is None:
            raise ConfigError("public images are missing: name their folder as --public.")
        rng = numpy_stream(wish.seed, "public")
        public, public_paths = files.public_images(wish.public, wish.size, rng, but=private)
    shape = (3, wish.size, wish.size)
    key = target.generate_key(numpy_stream(wish.seed, "key"), shape)
    with progress.task("encoding", 1) as task:
        encodings = target.encodings(private, public, key)
        task.update(1)
    plan = target.plan(key, len(private), max(1, len(public)))
    names = sorted({_class_of(path) for path in paths})
    labels = np.array([names.index(_class_of(path)) for path in paths])
    settings = {name: value for name, value in as_dict(target.config).items() if name != "public"}
    facts = {
        "target": files.TARGET,
        "settings": settings,
        "images": len(paths),
        "classes": names,
    }
    with new_challenge(wish.out, wish.gold) as (shown, secret):
        files.write_array(shown / files.ENCRYPTION, files.channels_last(encodings))
        soft = soft_labels(plan, labels, len(names)).astype(np.float32)
        files.write_array(shown / files.LABEL, soft)
        layout.write_json(shown / files.SCHEME, facts)
        files.write_array(secret / files.PRIVATE, files.channels_last(private))
        files.write_array(secret / files.MEMBERS, plan.members)
        files.write_array(secret / files.WEIGHTS, plan.weights)
        held: dict[str, Any] = {"private": paths, "public": public_paths}
        held["count of private members"] = plan.private
        layout.write_json(secret / files.NAMES, held)
        data = KeyFile.new(target, key).to_bytes()
        write_bytes(secret / files.KEY, data, private=True)
    return (
        f"{len(encodings)} encodings of {len(paths)} images in {wish.out}; answers and key "
        f"{key.fingerprint}: {wish.gold}"
    )


def _chosen(wish: Wish) -> list[str]:
    """The private images' paths, in a random order."""
    if wish.count < 2:
        raise ConfigError(f"a challenge of {wish.count} images is none: it takes two at least.")
    found = layout.different_files(wish.images)
    if wish.count > len(found):
        raise too_few(wish.images, found, f"{wish.count}: use a smaller -n")
    order = numpy_stream(wish.seed, "choice").permutation(len(found))[: wish.count]
    return [found[i] for i in order]


def _class_of(path: str) -> str:
    """The first folder of a path; nothing for a file beside others."""
    first, slash, _ = path.partition("/")
    return first if slash else ""
