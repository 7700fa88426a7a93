"""Ciphertexts that are no images: arrays of numbers, as networks and secret matrices make them.

Two-dimensional arrays are read as ``(tokens, values)``, three-dimensional ones as an image of
numbers. Statistics:

* *positions*: the share of the variance that lies in the mean over the files of each place. An
  embedding of positions makes it 0.4 and more, a secret matrix of photographs 0.06 to 0.3, if all
  files have one key. Null: ``1 / N`` of the rest for N files.
* *shuffled*: each token of a file against the mean of the tokens at its place in the others, and
  against the best token of another file. Shuffled positions match elsewhere.
* *few-values*: how many different numbers there are. A table of levels, scaled, gives at most
  512 (256 in the clear and 256 others); networks and matrices hardly give one twice.
* *channels*: the correlation of the channels of an image of numbers.

The bars part the registered schemes on photographs of 32 px (``tests/identify``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppattack.identify.finding import Answer, Finding, Found
from ppattack.identify.properties import shared_blocks, smooth
from ppattack.identify.sample import common_blocks

Floats = NDArray[np.float32]
POSITIONS = 0.35
"""Share of the variance from which on positions are embedded."""
MATCHED = 0.5
"""Correlation of tokens of two files at one place, or at the best place."""
CHANNELS = 0.5
LEVELS = 255
LARGEST_BLOCK = 32
FEW_VALUES = 512
"""Different numbers that one table of levels beside levels in the clear gives, at most."""
FEWEST = 3
"""Files that are needed to see positions."""
RIVAL_RATIO = 1.5


def examine_codes(codes: Floats) -> dict[str, Finding]:
    """The properties of codes ``(N, T, D)`` or ``(N, C, H, W)``."""
    tokens = codes.ndim == 3
    shape = "x".join(map(str, codes.shape[1:]))
    if float(codes.std()) == 0:
        words = "all numbers are the same: there is nothing to tell"
        flat = Finding("content", "undecided", words, "standard deviation", 0.0, "", what="flat")
        none = Finding("key-scope", "undecided", words, "none", None, "", what="undecided")
        return {"content": flat, "key-scope": none}
    found = {
        "content": Finding(
            "content", "yes", f"numbers of shape {shape}, no bytes", "type of the files", None, "",
            what="codes" if tokens else "image of numbers",
        )
    }  # fmt: skip
    made = [_positions(codes)]
    if tokens:
        made.append(_shuffled(codes))
        made.append(_embedded(*made))
    else:
        made += [_levels(codes), _few_values(codes), _smooth(codes)]
        made += [_channels(codes), _blocks(codes)]
    found.update({finding.name: finding for finding in made})
    found["key-scope"] = _scope(found)
    return found


def _positions(codes: Floats) -> Finding:
    statistic = "share of variance in the means of places over files"
    if len(codes) < FEWEST:
        return Finding("positions", "undecided", "too few files", statistic, None, "0")
    value = position_share(codes)
    holds = value > POSITIONS
    words = "each position has a code of its own" if holds else "no position has its own code"
    return Finding("positions", "yes" if holds else "no", words, statistic, value, "0", POSITIONS)


def position_share(codes: Floats) -> float:
    """Share of the variance in the means of places, less what chance gives."""
    total = float(codes.var())
    within = float(codes.var(axis=0, ddof=1).mean())
    return max(0.0, 1 - within / max(total, 1e-12))


def _shuffled(codes: Floats) -> Finding:
    statistic = "correlation of tokens of two files at one place, and at the best place"
    if len(codes) < 2:
        return Finding("shuffled", "undecided", "one file does not tell", statistic, None, "0")
    same, best = token_matches(codes)
    shuffled = best > MATCHED and same < best / RIVAL_RATIO
    in_order = best > MATCHED and not shuffled
    answer = "yes" if shuffled else "no" if in_order else "undecided"
    words = {
        "yes": "the tokens of each file are in an order of their own",
        "no": "the tokens of all files are in one order",
    }.get(answer, "tokens of different files do not resemble each other")
    return Finding(
        "shuffled", answer, words, statistic, same, "0 if each file has its own order",  # type: ignore[arg-type]
        MATCHED, facts={"at the best place": round(best, 3)},
    )  # fmt: skip


def _embedded(positions: Finding, shuffled: Finding) -> Finding:
    """Whether positions leave their mark in tokens, in whatever order."""
    yes = positions.holds or shuffled.answer != "undecided"
    answer: Answer = "yes" if yes else "undecided" if positions.answer == "undecided" else "no"
    words = {"yes": "tokens carry their position", "no": "tokens do not carry their position"}
    return Finding(
        "embedded", answer, words.get(answer, "too few files to tell"), "see positions, shuffled",
        None, "",
    )  # fmt: skip


def token_matches(codes: Floats) -> tuple[float, float]:
    """Mean correlation of tokens of neighbouring files at the same place, and at the best one."""
    rows = codes - codes.mean(axis=(0, 1), keepdims=True)
    rows = rows / (np.linalg.norm(rows, axis=2, keepdims=True) + 1e-9)
    same, best = [], []
    for first, second in zip(rows[:-1][:16], rows[1:], strict=False):
        products = first @ second.T
        same.append(float(np.diag(products).mean()))
        best.append(float(products.max(axis=1).mean()))
    return float(np.mean(same)), float(np.mean(best))


def _levels(codes: Floats) -> Finding:
    low, high = float(codes.min()), float(codes.max())
    holds = low >= 0 and 2 < high <= LEVELS
    return Finding(
        "levels", "yes" if holds else "no",
        f"values from {low:.3g} to {high:.3g}, " + ("levels of an image" if holds else "no levels"),
        "largest value", high, "any number", float(LEVELS),
    )  # fmt: skip


def _few_values(codes: Floats) -> Finding:
    each = max(len(np.unique(code)) for code in codes)
    many = codes[0].size > FEW_VALUES
    holds = many and each <= FEW_VALUES
    return Finding(
        "few-values", "yes" if holds else "no" if many else "undecided",
        "numbers of a table of levels" if holds else "hardly a number occurs twice",
        "different numbers of a file, at most", float(each), "nearly all", float(FEW_VALUES),
        facts={"of all files": len(np.unique(codes))},
    )  # fmt: skip


def _smooth(codes: Floats) -> Finding:
    near, ratio = smooth.neighbour_correlation(codes), smooth.growth(codes)
    holds = near > smooth.CORRELATION and ratio > smooth.GROWTH
    return Finding(
        "smooth", "yes" if holds else "no", "smooth as a photograph" if holds else "not smooth",
        "squared difference two apart over that of neighbours", ratio, "1 if shuffled",
        smooth.GROWTH,
    )  # fmt: skip


def _channels(codes: Floats) -> Finding:
    value = channel_correlation(codes)
    holds = value > CHANNELS
    words = "channels are changed alike" if holds else "channels are mixed"
    return Finding(
        "channels-alike", "yes" if holds else "no", words,
        "mean correlation of channels over files", value, "0 if they are mixed", CHANNELS,
    )  # fmt: skip


def channel_correlation(codes: Floats) -> float:
    """Mean absolute correlation of two channels at the same place, over all files."""
    rows = np.moveaxis(codes, 1, 0).reshape(codes.shape[1], -1)
    if len(rows) < 2 or float(rows.std(axis=1).min()) == 0:
        return 0.0
    table = np.abs(np.atleast_2d(np.corrcoef(rows)))
    return float(table[np.triu_indices(len(rows), 1)].mean())


def _blocks(codes: Floats) -> Finding:
    edges = int(codes.shape[2]), int(codes.shape[3])
    values = {}
    for size in common_blocks(edges, LARGEST_BLOCK):
        values[size] = min(
            shared_blocks.agreement(codes, size, window, centred=False)
            for window in shared_blocks.windows(size)
        )
    passing = [block for block, value in values.items() if value > RIVAL_RATIO]
    block = max(passing) if passing else None
    return Finding(
        "shared-blocks", "yes" if passing else "no",
        f"one matrix in every block of {block} px" if passing else "no block size shows",
        "squared products of windows at equal places of blocks over unequal places",
        values.get(block or 0), "1", RIVAL_RATIO, what=block,
    )  # fmt: skip


def _scope(found: Found) -> Finding:
    """One key if places agree over the files, or one table fits all; otherwise nothing tells."""
    table = found.get("few-values")
    if table is not None and table.holds and table.facts["of all files"] > FEW_VALUES:
        return Finding(
            "key-scope", "no", "a key for each file: more numbers than one table has",
            "different numbers of all files", float(table.facts["of all files"]),
            f"at most {FEW_VALUES} under one key", float(FEW_VALUES), what="image",
        )  # fmt: skip
    one = found["positions"].holds or (
        "shuffled" in found and found["shuffled"].answer != "undecided"
    )
    return Finding(
        "key-scope", "yes" if one else "undecided",
        "one key for all files" if one else "nothing tells one key from a key each",
        "see positions", found["positions"].value, "0", what="dataset" if one else "undecided",
    )  # fmt: skip
