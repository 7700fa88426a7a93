"""Which kind of cipher is one small file from, if it was compressed with JPEG afterwards?

Compression hides most of what the other tests look at in a file of 32 px: half-bytes are gone,
windows of shuffled blocks are quantised, halved colours smooth what was complemented. What is left
is spread over many weak statistics, so one fitted likelihood weighs them all
(see ``jpeg_kinds``, ``jpeg_statistics``). Statistic: the chance of the likeliest of 23 kinds, if
all are equally likely beforehand. Null: 0.04 if nothing tells them apart. ``in-place``,
``shared-blocks``, ``own-blocks`` and the properties of these take their chances from here.

It is asked of files of colours that are not smooth, of so few pixels that it has more to go by than
the other tests, after the qualities that it was fitted to; up to four files, or one of 64 px.
"""

from __future__ import annotations

from collections.abc import Callable

from ppattack.identify.finding import Answer, Finding, Found
from ppattack.identify.jpeg_kinds import KINDS, QUALITIES, Kind, chances
from ppattack.identify.properties.jpeg import halves_colours
from ppattack.identify.sample import Sample

NAME = "after-jpeg"
BAR = 0.5
"""Chance from which on a content is named: it is likelier than all others together."""
SURE = 0.8
"""Chance from which on a detail of it is."""
STATISTIC = "chance among kinds of ciphers, fitted to compressed files of 32 px"
EQUAL = 1 / len(KINDS)


def test(sample: Sample, found: Found) -> Finding:
    """The likeliest kind, where it is asked for."""
    shares = None
    if found["jpeg"].holds and not found["smooth"].holds and _quality(found) in QUALITIES:
        shares = chances(sample, halved=halves_colours(found))
    if shares is None:
        words = "only small files that were compressed are looked at in this way"
        return Finding(NAME, "undecided", words, "none", None, "")
    likeliest = max(shares, key=lambda name: shares[name])
    holds = shares[likeliest] > BAR
    return Finding(
        NAME,
        "yes" if holds else "undecided",
        f"statistics of compressed files fit {likeliest}"
        if holds
        else "statistics of compressed files fit several kinds of ciphers",
        statistic=STATISTIC,
        value=shares[likeliest],
        null=f"{EQUAL:.2f} if nothing tells kinds apart",
        bar=BAR,
        what=likeliest if holds else None,
        facts=shares,
    )


def _quality(found: Found) -> int:
    return int(str(found["jpeg"].what).partition(":")[0])


def chance(
    found: Found, wanted: Callable[[Kind], bool], given: Callable[[Kind], bool] | None = None
) -> float | None:
    """The chance of the kinds that are wanted, among given ones; None if it was not asked for."""
    if NAME not in found or not found[NAME].facts:
        return None
    shares: dict[str, float] = dict(found[NAME].facts)
    among = {name: share for name, share in shares.items() if given is None or given(KINDS[name])}
    total = sum(among.values())
    return sum(share for name, share in among.items() if wanted(KINDS[name])) / max(total, 1e-9)


def of_content(
    found: Found, name: str, content: str, words: str, bar: float = BAR
) -> Finding | None:
    """The finding of the property that a content, and a block size, is told by.

    Args:
        found: what was found before.
        name: of the property.
        content: see ``content``.
        words: what it means, ``{}`` for the block size.
        bar: chance from which on it holds.
    """
    value = chance(found, lambda kind: kind.content == content)
    if value is None:
        return None
    sizes = {kind.block for kind in KINDS.values() if kind.content == content}
    by = {b: chance(found, lambda k, b=b: (k.content, k.block) == (content, b)) for b in sizes}  # type: ignore[misc]
    block = max(sizes, key=lambda b: by[b] or 0)
    holds = (by[block] or 0) > bar
    answer: Answer = "yes" if holds else "no" if value < 1 - SURE else "undecided"
    made = words.format(block) if holds else f"not told: {words.format('some')}"
    null = f"{EQUAL:.2f} for each kind if nothing tells them apart"
    what = block if holds else None
    return Finding(name, answer, made, STATISTIC, by[block], null, bar, what=what)


def of_detail(
    found: Found, name: str, wanted: Callable[[Kind], bool], yes: str, no: str
) -> Finding | None:
    """The finding of a detail of the content and block size that were found.

    Args:
        found: what was found before.
        name: of the property.
        wanted: kinds that have it.
        yes: what it means.
        no: what the opposite means.
    """
    content = found["content"].what
    by = {"shared blocks": "shared-blocks", "own blocks": "own-blocks"}.get(content)
    if by is None:
        return None
    of = (content, found[by].what)
    value = chance(found, wanted, lambda kind: (kind.content, kind.block) == of)
    if value is None:
        return None
    answer: Answer = "yes" if value > SURE else "no" if value < 1 - SURE else "undecided"
    words = {"yes": yes, "no": no}.get(answer, f"{yes}, or not: compression hides it")
    null = "0.5 if nothing tells"
    return Finding(name, answer, words, STATISTIC, value, null, SURE, lean=2 * value - 1)
