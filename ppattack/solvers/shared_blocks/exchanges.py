"""What exchanging two pixels, with all their channels, does to the likelihood of a block."""

from __future__ import annotations

import numpy as np

from ppattack.solvers.shared_blocks.statistics import Single


def changes(seen: Single, weights: Single, channels: int) -> Single:
    """``(P, P)``: how the product of two matrices changes if two pixels change places.

    Args:
        seen: ``(D, D)`` correlations of the bytes now at each place, channels first.
        weights: ``(D, D)``, the model's precisions.
        channels: of a pixel.
    """
    count = len(seen) // channels
    here, wanted = _by_pixels(seen, channels), _by_pixels(weights, channels)
    first = seen.reshape(channels, count, -1)
    second = weights.reshape(channels, count, -1)
    whole = np.sum([a @ b.T for a, b in zip(first, second, strict=True)], axis=0)
    each = np.arange(count)
    ours, theirs = here[each, each], wanted[each, each]
    alone = (ours * theirs).sum(1)
    both = np.einsum("ijk,ijk->ij", here, wanted)
    near = np.einsum("ijk,ik->ij", here, theirs) - both - alone[:, None]
    near += np.einsum("ik,ijk->ij", ours, wanted)
    crossed = ours @ theirs.T
    ends = crossed + crossed.T - alone[:, None] - alone
    ends += 2 * (np.einsum("ijk,ijk->ij", here.transpose(1, 0, 2), wanted) - both)
    own = whole.diagonal()
    found = 2 * (whole + whole.T - own[:, None] - own - near - near.T) + ends
    np.fill_diagonal(found, 0)
    return np.asarray(found)


def _by_pixels(of: Single, channels: int) -> Single:
    """``(P, P, C * C)``: the channels of each pair of pixels."""
    count = len(of) // channels
    cut = of.reshape(channels, count, channels, count)
    return cut.transpose(1, 3, 0, 2).reshape(count, count, channels**2)
