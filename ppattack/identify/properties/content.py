"""What was moved or changed: the kind of cipher, from the properties found before it.

No statistic of its own: the first row that holds is the answer. Each row has its own test, named.

| answer | holds if |
|---|---|
| one mask | ``common-mask``, and no key in blocks |
| whole blocks | ``smooth`` and ``block-edges`` |
| photographs | ``smooth`` without ``block-edges`` |
| shared blocks | ``shared-blocks`` |
| values in place | ``in-place`` |
| own blocks | ``own-blocks`` |
| noise | ``noise`` |
| undecided | ``jpeg``: compression hides the grid of what is shuffled inside its blocks |
| undecided | neighbours that are alike: ``correlation of neighbours`` of ``smooth`` |
| whole image | else |

Blocks that have one level each are undecided too: a coarse picture has them where they belong.
"""

from __future__ import annotations

from typing import Literal

from ppattack.identify.finding import Finding, Found
from ppattack.identify.sample import Sample

NAME = "content"
FLAT = 0.5
"""Levels of standard deviation below which a file holds nothing."""
COARSE = 0.95
"""Share of the steps inside blocks that are 0, above which the blocks have one level each."""
SHUFFLED = 0.1
"""Correlation of neighbours that values in any order do not reach: one small file has a standard
deviation of 0.02."""
UNDECIDED = {
    True: "shuffled, but compression hides how",
    False: "neither smooth as a photograph nor shuffled over the whole image",
}
"""By whether the files were compressed."""
Content = Literal[
    "one mask",
    "whole blocks",
    "photographs",
    "shared blocks",
    "values in place",
    "own blocks",
    "noise",
    "whole image",
]
WORDS: dict[str, str] = {
    "one mask": "one mask is combined with every file",
    "whole blocks": "blocks are moved or changed as a whole",
    "photographs": "photographs, plain or altered alike everywhere",
    "shared blocks": "what is inside a block is shuffled or complemented, alike in every block",
    "values in place": "values are complemented where they are",
    "own blocks": "what is inside a block is shuffled, in every block by its own key",
    "noise": "nothing can be told from noise",
    "whole image": "values are shuffled over the whole image",
}


def test(sample: Sample, found: Found) -> Finding:
    """The first row of the table above that holds."""
    if float(sample.images.std(axis=(1, 2, 3)).max()) < FLAT:
        words = "the files are flat: there is nothing to tell"
        statistic = "largest standard deviation"
        return Finding(NAME, "undecided", words, statistic, 0.0, "", FLAT, what="flat")
    content = kind(found)
    words = WORDS[content] if content else UNDECIDED[holds_in(found, "jpeg")]
    if content == "whole blocks" and found["block-edges"].facts["flat inside"] > COARSE:
        content, words = None, "blocks of one level each: a coarse picture, or moved blocks of one"
    reason = {"whole blocks": "block-edges", "photographs": "smooth", "one mask": "common-mask"}
    decided_by = reason.get(content or "", (content or "").replace(" ", "-"))
    known = found.get({"values-in-place": "in-place"}.get(decided_by, decided_by))
    return Finding(
        NAME,
        "undecided" if content is None else "yes",
        words,
        statistic="the first of the properties before it that holds",
        value=None if known is None else known.value,
        null="shuffled over the whole image",
        bar=None if known is None else known.bar,
        p=None if known is None else known.p,
        what=content,
    )


def holds_in(found: Found, name: str) -> bool:
    """Whether a property was asked for and holds."""
    return name in found and found[name].holds


def kind(found: Found) -> Content | None:
    """The answer alone; None if JPEG leaves it open, or neighbours are alike in some other way."""

    def holds(name: str) -> bool:
        return holds_in(found, name)

    in_blocks = holds("shared-blocks") or holds("own-blocks")
    if holds("common-mask") and not in_blocks:
        return "one mask"
    if holds("smooth"):
        return "whole blocks" if holds("block-edges") else "photographs"
    rows: tuple[tuple[str, Content], ...] = (
        ("shared-blocks", "shared blocks"),
        ("in-place", "values in place"),
        ("own-blocks", "own blocks"),
        ("noise", "noise"),
    )
    for name, content in rows:
        if holds(name):
            return content
    near = found["smooth"].facts["correlation of neighbours"]
    return None if holds("jpeg") or abs(near) > SHUFFLED else "whole image"


def block_of(found: Found) -> int | None:
    """The block size that goes with the content, pixels; None without blocks."""
    by = {"whole blocks": "block-edges", "shared blocks": "shared-blocks"}
    by["own blocks"] = "own-blocks"
    content = found[NAME].what if NAME in found else None
    name = by.get(str(content))
    return None if name is None else found[name].what
