"""Which attacks to try on a scheme, those that need least first.

From files of ciphertexts only those run that need no pairs; the others are named with what they
need. A test compares the table with what the attacks themselves say of each scheme.
"""

from __future__ import annotations

from ppattack.card import KeyScope

FEW_BLOCKS = 4
"""Blocks whose every arrangement the exhaustive search tries."""
PAIRS = ("known-plaintext", "chosen-plaintext")
ALONE: dict[str, tuple[str, ...]] = {
    "pe": ("fr", "fold", "candidate-matching", "class-inference"),
    "etc": ("jigsaw", "candidate-matching", "class-inference"),
    "etc-gray": ("jigsaw", "candidate-matching", "class-inference"),
    "patch-shuffle": ("jigsaw", "candidate-matching", "class-inference"),
    "le": ("covariance-matching", "candidate-matching", "class-inference"),
    "ele": ("candidate-matching", "class-inference"),
    "block-defence": ("covariance-matching", "candidate-matching", "class-inference"),
    "block-defence-ffx": ("covariance-matching",),
    "vit-blocks": ("covariance-matching", "candidate-matching", "class-inference"),
    "neuracrypt": ("code-alignment", "neuracrypt-matching"),
    "color-neuracrypt": ("code-alignment", "neuracrypt-matching"),
    "rom": ("principal-components",),
}
"""Whatever the keys."""
ONE_KEY: dict[str, tuple[str, ...]] = {
    "pe": ("covariance-matching", *PAIRS),
    "etc": ("covariance-matching", *PAIRS),
    "etc-gray": PAIRS,
    "patch-shuffle": PAIRS,
    "le": PAIRS,
    "ele": ("covariance-matching", *PAIRS),
    "block-defence": PAIRS,
    "vit-blocks": PAIRS,
    "neuracrypt": ("encoder-regression",),
    "color-neuracrypt": ("encoder-regression",),
    "rom": ("linear-regression",),
    "rmt": ("linear-regression",),
    "patch-mix": ("linear-regression",),
}
"""On top, if all images have one key."""
UNKNOWN_ONE_KEY = ("ciphertext-only", *PAIRS)
"""On a scheme that is not registered, under one key."""


def attacks_on(scheme: str | None, scope: KeyScope | None, blocks: int | None) -> tuple[str, ...]:
    """Names of attacks in the order in which to try them.

    Args:
        scheme: name of the target; None if it is unknown.
        scope: one key or one each; None if that is undecided.
        blocks: of an image, if whole blocks were moved.
    """
    if scheme is None:
        return () if scope == "image" else UNKNOWN_ONE_KEY
    made = list(ALONE.get(scheme, ()))
    if blocks is not None and blocks <= FEW_BLOCKS and scheme in ("etc", "patch-shuffle"):
        made.insert(0, "exhaustive")
    if scope != "image":
        shared = ONE_KEY.get(scheme, ())
        statistics = [name for name in shared if name not in PAIRS]
        made = [*statistics, *made, *(name for name in shared if name in PAIRS)]
    return tuple(made)
