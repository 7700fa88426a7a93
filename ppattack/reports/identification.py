"""What a folder of ciphertexts is, as JSON."""

from __future__ import annotations

from typing import Any, Literal

from ppattack.reports.parts import Part, VersionedReport

SCHEMA_VERSION = "1.0"
Scope = Literal["dataset", "image", "undecided"]


class IdentifiedProperty(Part):
    """One property.

    Args:
        name: of the property.
        answer: whether it holds.
        what: the detail of a yes, such as a block size.
        words: one sentence.
        statistic: what was measured.
        value: its value.
        null: what it would be without the property.
        bar: from where on the answer changes.
        p: the chance of the value under the null, where that has a distribution.
        facts: further numbers.
    """

    name: str
    answer: Literal["yes", "no", "undecided"]
    what: Any = None
    words: str
    statistic: str
    value: float | None
    null: str
    bar: float | None
    p: float | None
    facts: dict[str, Any]


class FittingScheme(Part):
    """A registered scheme that nothing found rules out.

    Args:
        scheme: name of the target.
        settings: those that differ from its defaults.
        likely: whether it is the likeliest, or as likely.
        options: for the command line of ``run`` and ``audit``.
    """

    scheme: str
    settings: dict[str, Any]
    likely: bool
    options: str


class OddFile(Part):
    """A file that does not belong to the others, and why."""

    name: str
    why: str


class Identification(VersionedReport):
    """A folder that was looked at.

    Args:
        folder: its path.
        files: in the folder, that could be ciphertexts.
        looked_at: how many of them were looked at.
        shape: of a ciphertext, ``(C, H, W)`` or that of an array; of images of several sizes, that
            of the part which all have.
        sizes: how many sizes the images have.
        cropped: whether only a part of each image was looked at.
        remainder: whether blocks do not fit the images, and what they leave was left out.
        scheme: name of the likeliest target; None if none is known.
        words: what it is, in one line.
        block_size: pixels, or None.
        key_scope: ``dataset`` (one key), ``image`` (a key each) or ``undecided``.
        compression: ``75:420`` and the like, or None.
        compressed: when, in words.
        settings: of the likeliest target, those that differ from its defaults.
        schemes: all that fit, the likeliest first.
        attacks: to try, in order.
        properties: in the order in which they were tested.
        foreign: files that were named and left out.
    """

    schema_version: str = SCHEMA_VERSION
    folder: str
    files: int
    looked_at: int
    shape: tuple[int, ...]
    sizes: int = 1
    cropped: bool
    remainder: bool = False
    scheme: str | None
    words: str
    block_size: int | None
    key_scope: Scope
    compression: str | None
    compressed: str
    settings: dict[str, Any]
    schemes: tuple[FittingScheme, ...]
    attacks: tuple[str, ...]
    properties: tuple[IdentifiedProperty, ...]
    foreign: tuple[OddFile, ...]
