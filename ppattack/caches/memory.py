"""The last few results of something slow, kept in memory by what decided them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Result = TypeVar("Result")


class Recent(Generic[Result]):
    """A few results, the ones used last.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Result] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Result]) -> Result:
        """The result of a key, made now unless it is kept."""
        found = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = found
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found

    def drop(self, key: Hashable) -> None:
        """Forget one."""
        self._kept.pop(key, None)


def content_of(tensor: Tensor) -> tuple[str, str]:
    """What tells a tensor from others: its kind, shape and device, and the SHA-256 of its bytes."""
    content = tensor.detach().cpu().contiguous().numpy()
    kind = f"{tensor.dtype} {tuple(tensor.shape)} {tensor.device}"
    return kind, hashlib.sha256(content.data).hexdigest()
