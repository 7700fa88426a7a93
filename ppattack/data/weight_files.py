"""The weights of a network from a file: safetensors, or a state dict that holds tensors only."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

NESTED = ("state_dict", "model_state_dict", "model", "net")
"""Where training programs keep the weights inside what they save."""
ZIP, PICKLE = b"PK", b"\x80"
"""How files of torch.save begin today, and pickles of Python 3."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights; nothing in it is run.

    Args:
        path: a safetensors file if its name ends so, else what ``torch.save`` made of a state
            dict, alone or under a usual name beside other things.

    Returns:
        tensors by name, on the CPU.

    Raises:
        DataError: if the file is missing, damaged, holds other objects than tensors, or none.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            import torch

            with warnings.catch_warnings():  # torch warns of pickles that it then refuses
                warnings.simplefilter("ignore")
                found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # a foreign file can make its reader raise anything
        raise _unusable(path, error) from None
    weights = _tensors(found)
    for name in NESTED:
        if not weights and isinstance(found, Mapping):
            weights = _tensors(found.get(name))
    if not weights:
        raise DataError(
            f"{path} holds no tensors by name: save the state dict, torch.save(model.state_dict(), "
            "FILE), or use safetensors."
        )
    return weights


def _tensors(found: object) -> dict[str, Tensor]:
    import torch

    if not isinstance(found, Mapping):
        return {}
    return {str(name): each for name, each in found.items() if isinstance(each, torch.Tensor)}


def _unusable(path: Path, error: Exception) -> DataError:
    """One line: a pickle of objects, which could run code, or no file of weights at all."""
    line = " ".join(str(error).split())[:120] or type(error).__name__
    if type(error).__name__ == "UnpicklingError":  # torch's advice is to run the file: leave it out
        with path.open("rb") as content:
            start = content.read(len(ZIP))
        if start == ZIP or start[:1] == PICKLE:
            return DataError(
                f"{path} is a pickle of other objects than tensors, which could run code and is "
                "not opened: save the state dict, torch.save(model.state_dict(), FILE), or use "
                "safetensors."
            )
        line = "its first bytes are those of no such file"
    return DataError(
        f"{path} is no file of weights ({line}): give a safetensors file or a state dict."
    )
