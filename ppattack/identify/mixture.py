"""Are the files of several kinds, in shares too large to be called odd?

Statistics of a whole folder are means over its files, and a mean of two ciphers can look like a
third. So some files are looked at one by one: their content and block size. Statistic: the share of
the second commonest answer. One file of a folder of one kind is rarely taken for another kind: of
150 files of 25 families each, training images, at most 3 % have the same wrong answer, and 11 %
between the contents that are near each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ppattack.identify.borders import best_as_they_lie, border_steps
from ppattack.identify.examination import examine_content
from ppattack.identify.finding import Finding
from ppattack.identify.foreign import SURELY_NOT_P
from ppattack.identify.properties.content import block_of
from ppattack.identify.sample import Bytes, Sample

NAME, KEY_SCOPE = "mixed", "key-scope"
FEWEST = 4
"""Files from which on a mix can be told."""
LOOKED_AT, PIXELS_AT_MOST = 32, 100_000
"""Files that are looked at one by one, and their pixels together."""
EDGE_AT_MOST = 112
"""Pixels of an edge of those: a multiple of blocks of 7, 8, 14 and 16 px."""
SHARE, LEAST = 0.2, 2
"""Share and number of the files of the second kind, at least."""
NEAR_SHARE, NEAR_LEAST = 0.4, 4
"""The same between contents that are near each other."""
NEAR = (
    {"own blocks", "whole image"},
    {"shared blocks", "whole image"},
    {"noise", "whole image"},
)
"""Contents for either of which a file of the other is taken now and then."""
MOST = 0.75
"""Share of the files of a kind that outvote the others."""
FEW_BLOCKS = 17
"""An image of fewer blocks may look plain though they moved, or moved though it is plain."""
QUARTERS_SHARE, QUARTERS_LEAST = 0.3, 5
"""The same between photographs and images whose quarters moved. Some orders of quarters make three
files in five look plain. Only those count that no other order fits better: three of four
photographs, and one of ten files under such a key (600 training images)."""
STRANGERS: dict[str, tuple[str, ...]] = {
    "photographs": ("whole blocks", "noise", "values in place"),
    "whole blocks": ("photographs", "noise", "values in place", "shared blocks"),
    "values in place": ("photographs", "whole blocks"),
    "own blocks": ("photographs", "whole blocks", "values in place", "shared blocks"),
    "shared blocks": ("photographs", "values in place"),
}
"""Contents for which no file of a folder was taken, of 150 training images of 25 families each."""
Kind = tuple[str, int | None]


def kinds_of(sample: Sample, *, every: bool = False) -> dict[int, Kind]:
    """Content and block size by the number of the file, of files spread over all.

    Files whose content is undecided are left out, and all if they are too few.

    Args:
        sample: all files.
        every: whether to look at each of them.
    """
    if sample.count < FEWEST:
        return {}
    cut = sample.images[:, :, :EDGE_AT_MOST, :EDGE_AT_MOST]
    number = max(FEWEST, min(LOOKED_AT, PIXELS_AT_MOST // (cut.shape[2] * cut.shape[3])))
    number = len(cut) if every else min(number, len(cut))
    numbers = np.linspace(0, len(cut) - 1, number).astype(int).tolist()
    found = {i: kind(cut[i]) for i in numbers}
    return _surely({i: known for i, known in found.items() if known is not None}, cut)


def mixture(kinds: Mapping[int, Kind], edges: tuple[int, int]) -> Finding | None:
    """The kinds of a mix with their shares; None if the files look alike.

    Args:
        kinds: of files that were looked at alone.
        edges: H and W of a file.
    """
    counts = Counter(kinds.values())
    (first, _), *others = counts.most_common() or [(("", None), 0)]
    second = next(((k, n) for k, n in others if n >= _least(first, k, len(kinds), edges)), None)
    if second is None:
        return None
    listed = ", ".join(
        f"{in_words(kind)} {many / len(kinds):.0%}"
        for kind, many in counts.most_common()
        if many >= LEAST
    )
    return Finding(
        NAME,
        "yes",
        f"files of several kinds: {listed}",
        statistic="share of files of the second kind, each looked at alone",
        value=second[1] / len(kinds),
        null="0 to 0.03, 0.11 if their contents are near each other",
        bar=_least(first, second[0], len(kinds), edges) / len(kinds),
        facts={"files looked at": len(kinds)},
    )


def told_of_all(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """The properties of a mix: undecided, as each is a mean over files of several kinds."""
    return {
        name: replace(
            each,
            answer="undecided",
            words="a mean over files of several kinds says nothing of either",
            what="undecided" if name == KEY_SCOPE else None,
            lean=0.0,
        )
        for name, each in found.items()
    }


def commonest(kinds: Mapping[int, Kind]) -> Kind | None:
    """Content and block size of most files; None if none of them is known."""
    return Counter(kinds.values()).most_common(1)[0][0] if kinds else None


def alike(one: Kind | None, other: Kind | None) -> bool:
    """Whether both have one content; of block sizes a multiple may have been taken."""
    return one is not None and other is not None and one[0] == other[0]


def dissenters(kinds: Mapping[int, Kind], found: Mapping[str, Finding]) -> list[int]:
    """Numbers of files that are not of the kind of most, if what was found of all is not either.

    A few files of another cipher can outweigh what the others have in common.

    Args:
        kinds: of files that were looked at alone.
        found: what was found of all.
    """
    counts = Counter(kinds.values())
    (first, many), *_ = counts.most_common() or [(("", None), 0)]
    agrees = (found["content"].what, block_of(found)) == first
    if agrees or found["content"].what == "one mask" or many < MOST * len(kinds):
        return []
    return [number for number, known in kinds.items() if known != first]


def others(
    kinds: Mapping[int, Kind], found: Mapping[str, Finding], edges: tuple[int, int]
) -> list[int]:
    """Numbers of files that do not belong to the rest: outvoted, or surely of another kind.

    Args:
        kinds: of files that were looked at alone.
        found: what was found of all.
        edges: H and W of a file.
    """
    outvoted = dissenters(kinds, found)
    if outvoted:
        return outvoted
    content = str(found["content"].what)
    all_are = (content, block_of(found))
    sure = STRANGERS.get(content, ())
    return [
        number
        for number, known in kinds.items()
        if known[0] in sure and not _near(all_are, known, edges)
    ]


def kind(image: Bytes) -> Kind | None:
    """Content and block size of one file, ``(C, H, W)``; None if they are undecided."""
    found = examine_content(Sample.of(image[None]))
    content, p = found["content"].what, found["noise"].p
    if not found["content"].holds or (content == "whole image" and (p or 0) > SURELY_NOT_P):
        return None
    return str(content), block_of(found)


def _surely(kinds: Mapping[int, Kind], images: Bytes) -> dict[int, Kind]:
    """Without photographs whose quarters fit better in another order, if quarters were moved."""
    edges = images.shape[2], images.shape[3]
    moved = {known for known in kinds.values() if _is_of_quarters(known, edges)}
    doubtful = {
        number
        for number, known in kinds.items()
        for _, block in moved
        if known[0] == "photographs" and block is not None
        if not best_as_they_lie(border_steps(Sample(images[number][None]).signed, block))
    }
    return {number: known for number, known in kinds.items() if number not in doubtful}


def _is_of_quarters(known: Kind, edges: tuple[int, int]) -> bool:
    """Whether whole blocks are the quarters of an image."""
    return known[0] == "whole blocks" and edges == (2 * (known[1] or 0),) * 2


def _blocks(edges: tuple[int, int], block: int) -> int:
    return math.prod(edge // block for edge in edges)


def _least(one: Kind, other: Kind, count: int, edges: tuple[int, int]) -> int:
    """How many files of the second kind make a mix."""
    near = _near(one, other, edges)
    share, least = (NEAR_SHARE, NEAR_LEAST) if near else (SHARE, LEAST)
    if near and any(_is_of_quarters(known, edges) for known in (one, other)):
        share, least = QUARTERS_SHARE, QUARTERS_LEAST
    return max(least, math.ceil(share * count))


def _near(one: Kind, other: Kind, edges: tuple[int, int]) -> bool:
    """Whether a file of the one kind is taken for the other now and then."""
    contents = {one[0], other[0]}
    if contents == {"whole blocks", "photographs"}:
        return _blocks(edges, one[1] or other[1] or 1) < FEW_BLOCKS
    return contents in NEAR or (one[0] == other[0] and _multiples(one[1] or 1, other[1] or 1))


def _multiples(one: int, other: int) -> bool:
    """Whether one block size is a multiple of the other, and is taken for it now and then."""
    return not max(one, other) % min(one, other)


def in_words(kind: Kind) -> str:
    """Content and block size for people."""
    return kind[0] if kind[1] is None else f"{kind[0]} of {kind[1]} px"
