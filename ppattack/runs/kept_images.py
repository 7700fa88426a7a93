"""Images of public sources, kept in the user's cache as they were loaded.

Reading, cropping and resizing the photographs that come with the program takes longer than many an
attack. Only sources whose card says so are kept: anybody has their images. The newest few requests
are kept, the others deleted.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np

from ppattack.caches import user
from ppattack.config import as_dict
from ppattack.data.source import ImageRequest, ImageSets, ImageSource
from ppattack.plugins.source import own_hash, source_hash
from ppattack.runs import provenance

REQUESTS_KEPT = 8
BYTES_KEPT = 1 << 25
"""The largest set of images that is kept."""
PARTS = ("victims", "adversary", "distractors")


def load(source: ImageSource, wanted: ImageRequest) -> ImageSets:
    """The images of a source, from the cache if they are there.

    Args:
        source: the source.
        wanted: what is asked of it.

    Raises:
        DataError: if the source cannot give them.
    """
    place = _place(source, wanted) if source.card.public else None
    if place is None:
        return source.load(wanted)
    known = _read(user.kept(place))
    if known is not None:
        return known
    sets = source.load(wanted)
    content = _content(sets)
    if len(content) <= BYTES_KEPT and user.keep(place, content) is None:
        _delete_old(place.parent)
    return sets


def _place(source: ImageSource, wanted: ImageRequest) -> Path | None:
    """A name with a hash of all that decides the images; None if nothing can be kept."""
    folder, content = user.cache_folder("images"), source.fingerprint(labels=True)
    if folder is None or content is None:
        return None
    facts = [
        *(source.card.name, source.argument, content, as_dict(wanted)),
        *(provenance.versions(), own_hash(), source_hash(source)),
    ]
    text = json.dumps(facts, sort_keys=True, default=str)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def _content(sets: ImageSets) -> bytes:
    """The images and what is said of them; sources with classes are not kept."""
    arrays = {name: getattr(sets, name) for name in PARTS}
    found = {name: part.numpy() for name, part in arrays.items() if part is not None}
    written = io.BytesIO()
    np.savez(written, said=np.array([sets.name, *sets.notes]), **found)
    return written.getvalue()


def _read(content: bytes | None) -> ImageSets | None:
    """What was kept; None for nothing, or a damaged file."""
    import torch

    if content is None:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            name, *notes = file["said"].tolist()
            parts = {part: torch.from_numpy(file[part]) for part in PARTS if part in file}
    except Exception:  # a damaged archive makes its reader raise anything
        return None
    return ImageSets(
        name,
        parts["victims"],
        parts["adversary"],
        tuple(notes),
        distractors=parts.get("distractors"),
    )


def _delete_old(folder: Path) -> None:
    """Delete all but the newest requests; another process may be deleting them too."""
    try:
        files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)
        for file in files[:-REQUESTS_KEPT]:
            file.unlink(missing_ok=True)
    except OSError:
        return
