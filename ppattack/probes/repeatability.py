"""Whether the same image always gives the same ciphertext."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box, Rows
from ppattack.probes.finding import Finding

ALIKE = 0.1
"""How much more two answers to one image are alike than answers to two, if they are not drawn anew
as a whole. A pad has 0, to a few hundredths; noise in the two lowest bits has .98."""
OFTEN = 256
"""Encryptions of one image, among which equal ones are sought if randomness is fresh: there are
some with a probability of 99 % if there are 2^12 different ones, and 39 % if there are 2^16."""


def repeatability(box: Box) -> Finding:
    """Two images, each twice in one call and once alone, with other randomness each time.

    Statistic: the share of bytes that are the same in all answers to an image; a deterministic
    cipher has exactly 1, a keystream drawn anew 1/256 or less. If it is not 1, ``facts`` say how
    much the answers are alike (``alike``), whether they depend on the images of the call
    (``by_call``) or only on the place among them (``by_place``), and how many different ones there
    are if some come again (``different``).
    """
    images = box.stream("repeatability").integers(0, 256, (2, int(np.prod(box.shape))), np.uint8)
    call = np.concatenate([images, images])
    together = box(call)
    alone = np.concatenate([box(images[:1]), box(images[1:])])
    value = float(((together[:2] == together[2:]) & (together[:2] == alone)).mean())
    if value == 1:
        words = "the same image gives the same ciphertext"
        return Finding("deterministic", True, words, 1.0, 1.0)
    between = _distance(together[0], alone[1]) + _distance(together[1], alone[0])
    alike = 1 - (_distance(together[0], alone[0]) + _distance(together[1], alone[1])) / between
    shared = bool(np.array_equal(together, box(call)))
    anew = box.scope == "image" or (alike < ALIKE and not shared)
    different = None
    by_place = shared and bool(np.array_equal(together[2:], box(call[[1, 1, 2, 3]])[2:]))
    if box.scope == "image":
        words = "every image has a key of its own: pairs say nothing of others"
    elif by_place:
        words = "a ciphertext depends on the place of its image in the call, as under a counter"
    elif shared:
        words = "a ciphertext depends on the other images that are encrypted with it"
    elif anew:
        words = "fresh randomness for every image: pairs say nothing of others"
        different = _different(box(np.repeat(images[:1], OFTEN, axis=0)))
        if different is not None:
            words = (
                f"fresh randomness that comes again: an image has about {different:,} ciphertexts"
            )
    else:
        words = "a part of every ciphertext is drawn anew each time, the rest stays as it was"
    facts = {
        "alike": round(alike, 3),
        "by_call": shared,
        "by_place": by_place,
        "anew": anew,
        "different": different,
    }
    return Finding("deterministic", False, words, round(value, 4), 1.0, facts)


def _different(made: Rows) -> int | None:
    """About how many ciphertexts an image has, by the pairs that are equal; None if none are."""
    _, counts = np.unique(made, axis=0, return_counts=True)
    equal = int((counts * (counts - 1)).sum())
    return None if equal == 0 else round(len(made) * (len(made) - 1) / equal)


def _distance(first: Rows, second: Rows) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean())
