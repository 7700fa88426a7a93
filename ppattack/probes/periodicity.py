"""Whether the same is done at all positions, or in all blocks."""

from __future__ import annotations

import numpy as np

from ppattack.probes.box import Box
from ppattack.probes.finding import Finding
from ppattack.probes.footprints import block_edges

IMAGES = 4


def periodicity(box: Box) -> Finding:
    """Whether images that repeat themselves have ciphertexts that repeat themselves as often.

    Statistic: the edge of the smallest tile for which that holds, without remainder, for grey
    images of one level (1) and for tiles of noise (2 and more). A mask or order of its own at
    every place breaks it. None: nothing is the same everywhere.
    """
    edges = [edge for edge in block_edges(box.shape) if edge == 1 or edge >= 2]
    rng, shape = box.stream("periodicity"), (IMAGES, *box.shape)
    same = tuple(box.cipher_shape[1:]) == tuple(box.shape[1:])
    for edge in edges if same else []:
        if edge == 1:
            plain = np.broadcast_to(rng.integers(0, 256, (IMAGES, 1, 1, 1)), shape)
        else:
            tile = rng.integers(0, 256, (IMAGES, box.shape[0], edge, edge))
            plain = np.tile(tile, (1, 1, shape[2] // edge, shape[3] // edge))
        cipher = box(plain.astype(np.uint8).reshape(IMAGES, -1)).reshape(-1, *box.cipher_shape)
        if edge == 1:
            repeated = (cipher == cipher[:, :1, :1, :1]).all()
        else:
            own = cipher[:, :, :edge, :edge]
            repeated = (cipher == np.tile(own, (1, 1, shape[2] // edge, shape[3] // edge))).all()
        if repeated:
            where = "position" if edge == 1 else f"{edge}x{edge} block"
            words = f"the same is done at every {where}"
            return Finding("same-everywhere", True, words, float(edge), None, {"edge": edge})
    words = "every position has a secret of its own"
    return Finding("same-everywhere", False, words, None, None, {"edge": None})
