"""Whether a cipher is what its ``structure`` says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ppattack.images import ImageShape
from ppattack.probes.finding import Finding
from ppattack.probes.moves import confined, moved_whole
from ppattack.target.base import Target
from ppattack.target.representation import Representation
from ppattack.target.structure import Structure


def declares(target: Target) -> bool:
    """Whether a scheme says where symbols can have gone, of the images as they are."""
    plain = type(target.representation()) is Representation
    return plain and type(target).structure is not Target.structure


def contradiction(
    said: Structure,
    found: Mapping[str, Finding],
    sources: NDArray[np.intp] | None,
    shape: ImageShape,
) -> str | None:
    """What the answers say against a declared structure, in words; None if nothing.

    Args:
        said: the declaration; a lossy one promises nothing exact.
        found: the findings by name.
        sources: as :func:`ppattack.probes.moves.sources` gave them.
        shape: ``(C, H, W)``.
    """
    if said.lossy:
        return None
    reached = int(found["local"].facts["bytes"])
    allowed = 2 if said.unit == "nibble" else 1
    if reached > allowed:
        return (
            f"says that {said.unit}s are moved and complemented alone, but one byte of the image "
            f"reaches {reached} bytes of the ciphertext"
        )
    unit = found["unit"].facts["unit"]
    if not (found["xor-affine"].holds or found["real-affine"].holds):  # some codes truncate
        return (
            f"says that {said.unit}s are permuted and complemented, but exclusive-or of images is "
            "not exclusive-or of ciphertexts"
        )
    if sources is None or unit == "bit" or (unit == "nibble" and said.unit == "byte"):
        return f"says that {said.unit}s are moved as wholes, but their parts go apart"
    inside, whole = confined(sources, shape), moved_whole(sources, shape)
    words = found["moves"].words
    if said.kind == "none" and found["moves"].holds:
        return f"says 'none' (nothing is moved), but {words}"
    if said.kind == "pixels" and inside != 1:
        return f"says 'pixels' (bytes stay in their pixel), but {words}"
    edge = said.block_size
    stays = inside is not None and edge % inside == 0
    if said.kind == "shared-block" and not (said.moves_blocks or stays):
        return f"says 'shared-block' (symbols stay in their {edge}x{edge} block), but {words}"
    # Blocks of half the size that move as wholes are fine; of no size, or of another, are not.
    in_blocks = said.kind in ("shared-block", "blocks", "blocks-dihedral")
    if in_blocks and not stays and (whole is None or whole % edge):
        return f"says '{said.kind}' (blocks of {edge} pixels move as wholes), but {words}"
    return None
