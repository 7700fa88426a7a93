"""Where the true candidate stands among all, for each query; and who is named with what chance.

Reference: P. J. Phillips, H. Moon, S. A. Rizvi, P. J. Rauss: The FERET evaluation methodology for
face-recognition algorithms. IEEE TPAMI 22(10), 1090-1104 (2000). doi:10.1109/34.879790 (its rank-k
identification rate over a closed gallery).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ppattack.errors import ImageError


@dataclass(frozen=True)
class Ranks:
    """Where the true candidates stand.

    Args:
        above: ``(n,)`` float64, for each query how many others are more similar than the true one.
        equal: ``(n,)`` float64, how many others are equally similar.
        candidates: how many there are, the true one included.
    """

    above: Tensor
    equal: Tensor
    candidates: int

    def hits(self, most: int) -> Tensor:
        """``(n,)`` float64: the chance that the true one is among the first so many.

        Equal candidates stand in random order, so that a query to which all are equal hits with
        exactly ``most`` over ``candidates``.
        """
        return ((most - self.above) / (self.equal + 1)).clamp(0.0, 1.0)

    def reciprocal(self) -> Tensor:
        """``(n,)`` float64: one over the rank, the mean rank if some are equal."""
        return 1.0 / (1.0 + self.above + self.equal / 2)

    def percentile(self) -> Tensor:
        """``(n,)`` float64 in [0, 1]: the share of the others that are more similar.

        0 if the true one is the most similar of all; the mean is a half if a query tells nothing.
        Half of the equal ones count.
        """
        return (self.above + self.equal / 2) / max(1, self.candidates - 1)


def ranks(similarity: Tensor, true: Tensor) -> Ranks:
    """Ranks of the true candidates.

    Args:
        similarity: ``(n, N)`` of each query with each candidate, the higher the more alike.
        true: ``(n,)`` int64, for each query the number of its candidate.

    Raises:
        ImageError: if a similarity is not a number, or numbers and queries differ in count.
    """
    if len(similarity) != len(true):
        raise ImageError(f"{len(similarity)} queries have {len(true)} true candidates: one each.")
    if bool(torch.isnan(similarity).any()):
        raise ImageError("a similarity is not a number: the images or features hold NaN.")
    own = similarity.gather(1, true[:, None].to(similarity.device))
    above = (similarity > own).sum(dim=1)
    equal = (similarity == own).sum(dim=1) - 1
    return Ranks(above.double().cpu(), equal.double().cpu(), similarity.shape[1])
