"""Images that are loaded once for many runs on them.

A matrix of runs asks for the same images again and again. While one is under way, its images are
taken to stay as they are, as its results are: their loaded form and the hashes of their files are
kept. A run of its own keeps nothing in memory, so that it sees what lies there now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ppattack.caches.memory import Recent
from ppattack.data.source import ImageRequest, ImageSets, ImageSource
from ppattack.errors import ConfigError
from ppattack.plugins import registry
from ppattack.runs import kept_images

SETS_KEPT = 3
"""Requests of one matrix differ in known pairs and in images to look among."""
Thing = TypeVar("Thing")
BYTES_KEPT = 1 << 28
"""Loading larger sets of images is a small part of what attacks on them cost."""


@dataclass
class _Kept:
    """What is kept for the matrix under way."""

    sets: Recent[tuple[ImageSets, str]] = field(default_factory=lambda: Recent(SETS_KEPT))
    fingerprints: dict[tuple[str, str, bool], str | None] = field(default_factory=dict)
    taken: dict[str, Any] = field(default_factory=dict)


_under_way: list[_Kept] = []


@contextmanager
def loaded_once() -> Iterator[None]:
    """A context in which equal requests load images once; sources must not change in it."""
    _under_way.append(_under_way[-1] if _under_way else _Kept())
    try:
        yield
    finally:
        _under_way.pop()


def images(source: str, wanted: ImageRequest) -> ImageSets:
    """The images of a source.

    Args:
        source: its name, with its argument if it has one.
        wanted: the request.

    Raises:
        PpattackError: if there is no such source, or it cannot give them.
    """

    def load() -> tuple[ImageSets, str]:
        sets = _load(source, wanted)
        return sets, _hash(sets) if _bytes(sets) <= BYTES_KEPT else ""

    if not _under_way:
        return _load(source, wanted)
    kept, key = _under_way[-1].sets, (source, wanted)
    sets, content = kept.get(key, load)
    if _bytes(sets) > BYTES_KEPT:
        kept.drop(key)
    elif _hash(sets) != content:  # an attack wrote into what it was given
        kept.drop(key)
        sets, _ = kept.get(key, load)
    return sets


def taken_once(name: str, take: Callable[[], Thing]) -> Thing:
    """What follows from files, found once while a matrix is under way.

    Args:
        name: what it is, of which files.
        take: finds it.
    """
    if not _under_way:
        return take()
    known = _under_way[-1].taken
    if name not in known:
        known[name] = take()
    found: Thing = known[name]
    return found


def _load(source: str, wanted: ImageRequest) -> ImageSets:
    return kept_images.load(source_for(source, wanted), wanted)


def source_for(name: str, wanted: ImageRequest) -> ImageSource:
    """The source of that name.

    Raises:
        PpattackError: if there is none, or a window is wanted of a source that takes none.
    """
    found = registry.dataset(name)
    if wanted.window is not None and not found.takes_window:
        raise ConfigError(
            f"--window is for files of more than 8 bits, and '{found.card.name}' has none: leave "
            "it out, or use --data dicom:DIR or folder:DIR."
        )
    return found


def fingerprint(source: ImageSource, *, labels: bool) -> str | None:
    """:meth:`.ImageSource.fingerprint`, taken once while a matrix is under way."""

    def take() -> str | None:
        return source.fingerprint(labels=labels)

    return take() if not _under_way else _remembered(source, take, labels=labels)


def _remembered(source: ImageSource, take: Callable[[], str | None], *, labels: bool) -> str | None:
    known, key = _under_way[-1].fingerprints, (source.card.name, source.argument, labels)
    if known.get(key) is None:  # None may change once the images have been fetched
        known[key] = take()
    return known[key]


def _hash(sets: ImageSets) -> str:
    others = "" if sets.distractors is None else sets.distractors.numpy().tobytes()
    return f"{sets.hash} {sets.label_hash} {hash(others)}"


def _bytes(sets: ImageSets) -> int:
    parts = (sets.victims, sets.adversary, sets.owner, sets.distractors)
    return sum(part.numel() for part in parts if part is not None)
