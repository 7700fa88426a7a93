"""Whether keys are few enough to try them all."""

from __future__ import annotations

from ppattack.probes.finding import Finding, not_measured

MOST_BITS = 24.0
"""2^24 decryptions of a small image take minutes."""


def key_space(bits: float | None, *, drawn: bool) -> Finding:
    """The size that the scheme states for its key space.

    Args:
        bits: log2 of the number of keys, as the scheme says; None if it does not.
        drawn: whether keys can be drawn, so that they can be tried.
    """
    name = "few-keys"
    if not drawn:
        return not_measured(name, "the key lies in the cipher's code: no other can be tried")
    if bits is None:
        return not_measured(name, "how many keys there are is not stated (key_space_bits)")
    if bits == 0:
        return Finding(name, True, "there is no key", 0.0, MOST_BITS)
    few = bits <= MOST_BITS
    words = f"2^{bits:,.1f} keys, " + ("few enough to try them all" if few else "too many to try")
    return Finding(name, few, words, round(bits, 1), MOST_BITS)
