"""Known pairs needed for an exact key, for every fixed-key pixel scheme, beside a lower bound.

``python benchmarks/known_pairs.py [SOURCE]``: an image source as in ``ppattack run --data``.
Each round takes a fresh key and fresh images; the smallest sufficient number of pairs is found by
doubling and halving. ``pairs alone``: no other key is possible. ``with ciphertexts``: ties
are broken by 1,000 ciphertexts whose images are not known, and the key is exact. The bound is the
key's bits divided by those of a ciphertext, rounded up.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from torch import Tensor

from ppattack.data.source import ImageRequest
from ppattack.metrics.keys import key_agreement
from ppattack.permxor import permutation_bits
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.known_pairs.known_plaintext import match_key
from ppattack.solvers.known_pairs.tie_breaking import break_ties
from ppattack.target import PermXorTarget
from ppattack.target.structure import Structure

SCHEMES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("le", {}),
    ("ele", {}),
    ("pe", {}),
    ("pe", {"color_shuffle": True}),
    ("etc", {"block_size": 4}),
    ("etc", {"block_size": 16}),
    ("etc", {"variant": "ito", "block_size": 4}),
)
DRAWS = 20
MOST = 64
UNKNOWN = 1000
POOL = 2000


def pairs_needed(
    target: PermXorTarget,
    images: Tensor,
    structure: Structure,
    draw: int,
    least: int,
    *,
    more: bool,
) -> int:
    """The fewest of the first ``MOST`` images that suffice, in order; 0 for never.

    Args:
        target: the scheme.
        images: the known ones, followed by those that are not known.
        structure: what is known about the scheme.
        draw: number of the key.
        least: the search starts here.
        more: whether ciphertexts of unknown images break ties.
    """
    channels, height, width = images.shape[1:]
    key = target.generate_key(numpy_stream(draw, "key"), (channels, height, width))
    true, ciphertexts = target.permxor(key), target.encrypt(images, key)

    def suffices(count: int) -> bool:
        match = match_key(images[:count], ciphertexts[:count], structure)
        if not more:
            return match.certain == 1.0
        found = break_ties(match.key, match.ties, (images[:1], ciphertexts[:1]), ciphertexts[MOST:])
        return key_agreement(found, true).exact

    low, high = least - 1, least
    while not suffices(high):
        low, high = high, 2 * high
        if high > MOST:
            return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def spread(counts: list[int]) -> str:
    """Median and greatest; a dash if the pairs never sufficed."""
    reached = [count or math.inf for count in counts]
    median, most = float(np.median(reached)), max(reached)
    return " / ".join("-" if value == math.inf else f"{value:g}" for value in (median, most))


def main() -> None:
    """Print the table."""
    source = sys.argv[1] if len(sys.argv) > 1 else "photos"
    pool = registry.dataset(source).load(ImageRequest(victims=POOL, adversary=1)).victims
    bits = 8 * pool[0].numel()
    print(f"{source}, {DRAWS} keys: known pairs that suffice, median / most")
    print(f"{'scheme':36} {'known of it':12} bound {'pairs alone':>14} {'with ciphertexts':>18}")
    for name, settings in SCHEMES:
        target = registry.target(name)(**settings)
        assert isinstance(target, PermXorTarget)
        label = " ".join([name, *(f"{key}={value}" for key, value in settings.items())])
        for known in ("structure", "unit"):
            structure = target.structure()
            channels, height, width = pool.shape[1:]
            key_bits = target.key_space_bits((channels, height, width)) or 0.0
            if known == "unit":
                structure = Structure("any", structure.unit)
                symbols = bits // (8 if structure.unit == "byte" else 4)
                key_bits = permutation_bits(symbols) + symbols
            bound = math.ceil(key_bits / bits)
            columns = []
            for more in (False, True):
                counts = []
                for draw in range(DRAWS):
                    rng = numpy_stream(draw, "pairs")
                    chosen = pool[rng.choice(len(pool), MOST + UNKNOWN, replace=False)]
                    counts.append(pairs_needed(target, chosen, structure, draw, bound, more=more))
                columns.append(spread(counts))
            print(f"{label:36} {known:12} {bound:5} {columns[0]:>14} {columns[1]:>18}", flush=True)


if __name__ == "__main__":
    main()
