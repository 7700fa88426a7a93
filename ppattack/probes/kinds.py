"""The kind of cipher that findings amount to, in one word for programs and one line for people."""

from __future__ import annotations

from collections.abc import Mapping

from ppattack.probes.finding import Finding

Findings = Mapping[str, Finding]
KINDS = (
    "fresh", "repeating", "noisy", "permutation", "addition", "substitution", "chained",
    "gf2-linear", "modular-linear", "real-linear", "local", "keyed-by-contents", "avalanche",
    "unknown", "tokens",
)  # fmt: skip
"""Kinds of ciphers.

``fresh``: no two encryptions are alike. ``repeating``: some are equal, or
those at one place of a call. ``noisy``: they are alike in
part. ``permutation``: of bits, nibbles or bytes, with a mask or none. ``addition``: a permutation
of bytes and a sum with a mask.
``substitution``: one or many tables of bytes or nibbles, and a permutation or none. ``chained``:
one of these, then one chain of bytes. ``gf2-linear``, ``modular-linear``, ``real-linear``: affine.
``local``: blocks or runs of bytes that nothing linear describes. ``keyed-by-contents``: a key that
follows from the levels of an image, such as their sum. ``avalanche``: every bit depends on every
bit. ``unknown``: none of these. ``tokens``: ciphertexts are no images.
"""
STRUCTURED = frozenset(
    {"permutation", "addition", "substitution", "chained"}
    | {"gf2-linear", "modular-linear", "real-linear"}
)
"""Kinds of which a few chosen or known pairs tell the whole map."""

HIDING = frozenset({"fresh", "avalanche", "keyed-by-contents"})
"""Kinds under which ciphertexts alone can be noise."""


def weakness_of(kind: str) -> str:
    """Why a cipher of this kind cannot count as resisting, in a sentence; empty if it can."""
    if kind in STRUCTURED:
        return "A few pairs tell such a map."
    if kind == "repeating":
        return "Images that meet the same randomness tell of each other."
    if kind == "keyed-by-contents":
        return "Whoever has images encrypted that agree with an image in that number reads it."
    return "Equal blocks have equal ciphertexts there." if kind == "local" else ""


def hides(kind: str, found: Findings) -> bool:
    """Whether there is nothing for any attack here: every ciphertext is noise of its own."""
    return kind in HIDING and _holds(found, "noise")


def kind_of(found: Findings) -> str:
    """The kind of cipher; ``found`` holds every property by its name."""
    if not found["deterministic"].holds:
        facts = found["deterministic"].facts
        if facts["different"] is not None or facts["by_place"]:
            return "repeating"
        return "fresh" if facts["anew"] else "noisy"
    if _holds(found, "keyed-by-contents"):
        return "keyed-by-contents"
    if found["local"].facts["bytes"] <= 1 or found["unit"].facts["unit"] in ("bit", "nibble"):
        return _of_symbols(found)
    chained = _holds(found, "chained")
    for linear, kind in (("xor-affine", "gf2-linear"), ("modular-affine", "modular-linear")):
        if _holds(found, linear):
            return "chained" if chained else kind
    if chained:
        return "chained" if found["chained"].facts["combine"] != "mixed" else "unknown"
    for name, kind in (("real-affine", "real-linear"), ("local", "local")):
        if _holds(found, name):
            return kind
    return "avalanche" if _holds(found, "avalanche") else "unknown"


def _of_symbols(found: Findings) -> str:
    """The kind of a cipher of which every symbol decides one symbol."""
    if _holds(found, "xor-affine"):
        return "permutation"
    if _holds(found, "modular-affine"):
        return "addition" if found["local"].facts["by_one"] else "substitution"
    return "substitution" if _holds(found, "separate") else "unknown"


def in_words(kind: str, found: Findings) -> str:
    """One line that says what the cipher is."""
    again = found["deterministic"].words if "deterministic" in found else ""
    unit = found["unit"].facts["unit"] if "unit" in found else ""
    many = {"nibble": "nibbles", "bit": "bits"}.get(unit, "bytes")
    edge = found["local"].facts["block"] if "local" in found else None
    where = "" if edge is None else " in pixels" if edge == 1 else f" in {edge}x{edge} blocks"
    if edge is None and "local" in found and found["local"].facts["run"]:
        where = f" in runs of {found['local'].facts['run']} bytes"
    one = "same-everywhere" in found and found["same-everywhere"].facts["edge"] == 1
    sentences = {
        **dict.fromkeys(("fresh", "repeating", "noisy"), again),
        "permutation": _permutation(many, found) if kind == "permutation" else "",
        "addition": "a permutation of bytes, with a mask that is added",
        "substitution": _tables(many, found, one=one),
        "chained": "one round of chaining over bytes that change places or values",
        "gf2-linear": "affine over GF(2): exclusive-or and permutations, in any number of rounds",
        "modular-linear": _modular(where),
        "real-linear": f"a linear map over the reals{where}",
        "local": f"a map of its own{where}, not linear",
        "keyed-by-contents": _keyed(found),
        "avalanche": "every bit depends on every bit: no generic attack applies",
        "unknown": f"none of the models here: {_instead(found)}",
        "tokens": "ciphertexts are tokens, not images: these probes say nothing of them",
    }
    return sentences[kind]


def _tables(many: str, found: Findings, *, one: bool) -> str:
    words = f"{'one table' if one else 'tables'} of {many}, with a permutation or none"
    return f"{words}; not one to one" if merges(found) else words


def merges(found: Findings) -> bool:
    """Whether tables make different levels the same, so that they cannot be inverted."""
    return "separate" in found and bool(found["separate"].facts.get("loses"))


def _modular(where: str) -> str:
    if where:
        return f"a linear map modulo 256{where}, as in Hill's cipher"
    return "affine modulo 256: sums and permutations, in any number of rounds"


def _keyed(found: Findings) -> str:
    return found["keyed-by-contents"].words if "keyed-by-contents" in found else ""


def _permutation(many: str, found: Findings) -> str:
    kept = {"histogram", "ones"} & set(found["contents"].facts["kept"])
    if "moves" in found and found["moves"].holds is False:
        return (
            "nothing is changed" if kept else f"an exclusive-or mask; {many} stay in their places"
        )
    return f"a permutation of {many}" + ("" if kept else " and an exclusive-or mask")


def _instead(found: Findings) -> str:
    if _holds(found, "chained"):
        return "chained, but through something that is not linear"
    if "separate" in found and found["local"].facts["bytes"] <= 1:
        return f"a byte decides one byte, but {found['separate'].words}"
    return "neither linear nor local nor chained"


def _holds(found: Findings, name: str) -> bool:
    return bool(name in found and found[name].holds)
