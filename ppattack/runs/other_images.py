"""Images of any kind that an attack's settings name must not be the attacked ones.

Both are compared as thumbnails, as which the others are read: equal files give equal ones, in
whatever folder they are. Copies that were compressed again or cut are not found, as among public
images.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.caches import user
from ppattack.data.selection import select
from ppattack.data.source import ImageRequest, ImageSource, content_hashes
from ppattack.errors import DataError
from ppattack.plugins import registry
from ppattack.plugins.source import own_hash, source_hash
from ppattack.runs import provenance
from ppattack.runs.inputs import load_images

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.attack import Attack
    from ppattack.request import RunRequest


def check_other_images(attack: Attack, request: RunRequest, victims: Tensor) -> None:
    """Refuse sources that hold one of the victims' images.

    Args:
        attack: its settings name sources.
        request: says where the attacked images come from.
        victims: ``(N, C, H, W)`` uint8, these images; none if they are unknown.

    Raises:
        PpattackError: if one does, or there is no such source.
    """
    if not attack.sources() or not len(victims):
        return
    from ppattack.solvers.global_state.others import WANTED

    if request.ciphertexts is None:  # read from their files once more: shrunk once, not twice
        pairs = attack.requires().pairs
        victims = load_images(request, WANTED.size, request.victims, pairs).victims
    else:
        victims = _shrunk(victims, WANTED)
    ours = set(content_hashes(_in_colour(victims)))
    for name in attack.sources():
        count = len(ours & _contents(registry.dataset(name), WANTED))
        if count:
            raise DataError(
                f"{name} holds {count} of the images that are attacked, and would teach the attack "
                "what they look like: name a source without them, or leave the setting out."
            )


def _contents(source: ImageSource, wanted: ImageRequest) -> set[str]:
    """Hashes of a source's images, which are read once for the same files."""
    place = _place(source, wanted)
    known = None if place is None else user.kept(place)
    if known:
        return set(known.decode("ascii", "replace").split())
    found = content_hashes(_in_colour(source.load(wanted).adversary))
    if place is not None:
        user.keep(place, "\n".join(found).encode())
    return set(found)


def _place(source: ImageSource, wanted: ImageRequest) -> Path | None:
    """Where the hashes are kept; None if the files do not tell what the images are."""
    folder, content = user.cache_folder("contents"), source.fingerprint(labels=False)
    if folder is None or content is None:
        return None
    facts = [source.card.name, source_hash(source), own_hash(), content, str(wanted)]
    text = json.dumps([*facts, provenance.versions()], sort_keys=True, default=str)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.txt"


def _shrunk(images: Tensor, wanted: ImageRequest) -> Tensor:
    """Images as a source would give them at the size that is wanted."""
    rows = images.permute(0, 2, 3, 1).numpy()
    every = ((str(number), row) for number, row in enumerate(rows))
    return select("the plain images", ImageRequest(0, len(rows), wanted.size), (), every).adversary


def _in_colour(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
