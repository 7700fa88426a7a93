"""Which keys of blocks are too large to be found."""

from __future__ import annotations

from ppattack.block_states import states
from ppattack.blocks import COLOUR_ORDERS
from ppattack.images import ImageShape
from ppattack.permxor import Unit

MOST_MOMENTS = 1 << 28
"""Second moments within blocks, all of them, of those symbols that carry what can be seen."""


def obstacle(shape: ImageShape, block: int, unit: Unit) -> str | None:
    """Why a key cannot be found, or None.

    Args:
        shape: ``(C, H, W)`` of a ciphertext.
        block: edge of a block, pixels.
        unit: what is moved.
    """
    from ppattack.solvers.jigsaw.solve import too_many

    channels, height, width = shape
    count, symbols = height * width // block**2, channels * block**2
    if count * symbols**2 > MOST_MOMENTS:
        most = int((MOST_MOMENTS / count) ** 0.5) * (2 if unit == "nibble" else 1)
        given = symbols * (2 if unit == "nibble" else 1)
        return (
            f"blocks of {given} {unit}s are too large to be matched (at most {most} with "
            f"{count} blocks): use smaller images"
        )
    group = states(colours=channels == len(COLOUR_ORDERS[0]))
    most = too_many(count, group.count, "rebuilding")
    if most:
        return (
            f"{count} blocks are too many to be put in place (at most {most}): use smaller images"
        )
    return None
