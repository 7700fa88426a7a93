"""Products and inverses of large NumPy matrices, computed on the device that is available.

Solvers whose other steps are sorting and assignment keep their matrices in NumPy. A product takes
time in the cube of their size, moving them to a GPU and back in the square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Number = TypeVar("Number", np.float32, np.float64)


@dataclass(frozen=True)
class Products:
    """Dense linear algebra of NumPy arrays.

    Args:
        device: where torch computes; None leaves it to NumPy.
    """

    device: torch.device | None = None

    @classmethod
    def on(cls, device: torch.device) -> Products:
        """Compute on a device; NumPy is as good on the CPU."""
        return cls(None if device.type == "cpu" else device)

    def product(self, first: NDArray[Number], second: NDArray[Number]) -> NDArray[Number]:
        """``first @ second``: matrices, or stacks of them along the first axis."""
        if self.device is None:
            return first @ second
        out: NDArray[Number] = (self._moved(first) @ self._moved(second)).cpu().numpy()
        return out

    def inverse(self, matrix: NDArray[Number]) -> NDArray[Number]:
        """The inverse of ``(S, S)``.

        Raises:
            numpy.linalg.LinAlgError: if there is none.
        """
        if self.device is None:
            return np.linalg.inv(matrix).astype(matrix.dtype, copy=False)
        inverse, failed = torch.linalg.inv_ex(self._moved(matrix))
        if int(failed):
            raise np.linalg.LinAlgError("the matrix is singular.")
        out: NDArray[Number] = inverse.cpu().numpy()
        return out

    def inverse_of_positive(self, matrix: NDArray[Number]) -> NDArray[Number]:
        """:meth:`inverse` of a symmetric matrix, in half the time if it is positive definite."""
        if self.device is not None:
            return self.inverse(matrix)
        root, failed = torch.linalg.cholesky_ex(torch.from_numpy(matrix).double())
        if int(failed):
            return self.inverse(matrix)
        out: NDArray[Number] = torch.cholesky_inverse(root).numpy().astype(matrix.dtype)
        return out

    def _moved(self, matrix: NDArray[Number]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(matrix)).to(self.device)


BY_NUMPY = Products()
