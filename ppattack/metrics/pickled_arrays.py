"""Read a pickle of dictionaries of NumPy float32 arrays, and nothing else.

A pickle is a program that calls what it names. Here the four names that an array needs stand for
small classes that check what they are given; every other name is refused, and NumPy itself sees
only the final bytes and shapes.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, Any]
"""Name to float32 array or to another dictionary."""


def read_arrays(path: Path) -> Arrays:
    """The dictionaries of float32 arrays in a pickle file.

    Raises:
        pickle.UnpicklingError: if the pickle asks for anything else; a damaged file can raise
            other exceptions too.
    """
    with path.open("rb") as file:
        found = _ArrayUnpickler(file).load()
    if not isinstance(found, dict):
        raise pickle.UnpicklingError(f"it holds a {type(found).__name__}, not a dictionary")
    return _unwrapped(found)


def _unwrapped(tree: dict[Any, Any]) -> Arrays:
    arrays: Arrays = {}
    for name, value in tree.items():
        if not isinstance(value, dict | _Array):
            raise pickle.UnpicklingError(f"{name!r} is a {type(value).__name__}, not an array")
        arrays[str(name)] = _unwrapped(value) if isinstance(value, dict) else value.array
    return arrays


class _ArrayName:
    """``numpy.ndarray``, which is only named."""

    def __init__(self, *arguments: object) -> None:
        raise pickle.UnpicklingError("an array is built in an unknown way")


class _Array:
    """``numpy.core.multiarray._reconstruct``: an empty array, then its state."""

    def __init__(self, kind: object, shape: object, code: object) -> None:
        if kind is not _ArrayName or shape != (0,) or code != b"b":
            raise pickle.UnpicklingError("an array is built in an unknown way")
        self.array: NDArray[np.float32] = np.empty(0, np.float32)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        version, shape, dtype, fortran, data = state
        if version != 1 or not isinstance(dtype, _Dtype) or fortran or type(data) is not bytes:
            raise pickle.UnpicklingError("an array has an unknown state")
        self.array = np.frombuffer(data, "<f4").reshape(shape).copy()  # type: ignore[call-overload]


class _Dtype:
    """``numpy.dtype``, little-endian float32 only."""

    def __init__(self, code: object, align: object, copy: object) -> None:
        if code != "f4":
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not admitted")

    def __setstate__(self, state: tuple[object, ...]) -> None:
        if state != (3, "<", None, None, None, -1, -1, 0):
            raise pickle.UnpicklingError("an array type has an unknown state")


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _ArrayName,
    ("numpy", "dtype"): _Dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for."""
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted")
        return _ADMITTED[module, name]
