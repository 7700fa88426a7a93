"""A device that is not the CPU, for machines that have no other.

Tensors of the device ``pretended`` are held and computed on the CPU, but torch treats them as it
treats those of a GPU: they cannot be mixed with tensors of the CPU or drawn with its generators,
and NumPy cannot see them. The device has no generators of its own. What is on the wrong device is
found, not what a kernel computes wrongly.

:func:`prepare` changes torch for the rest of the process: use it in a process of its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

NAME = "pretended"
ran: set[str] = set()
"""Operators that ran on the device."""

_ATEN = torch.ops.aten
_COPIES = {_ATEN._to_copy.default, _ATEN.copy_.default}
_INDEXING = {_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._unsafe_index}


class OnDevice(Tensor):
    """A tensor of the device, around one of the CPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> OnDevice:
        """The view from outside: everything but the values."""
        made: OnDevice = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        """Written without any call of torch that would come back here."""
        return f"OnDevice({tuple(self.shape)}, {self.dtype})"

    def tolist(self) -> Any:
        """The values as a list; torch offers this for its own devices only."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Every operator with a tensor of the device among its arguments."""
        return _run(func, args, kwargs or {})


class _Everything(TorchDispatchMode):
    """Every operator at all, for those that make a tensor of the device from nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


def prepare() -> torch.device:
    """Register the device, which torch wants before the first gradient of the process."""
    backend_registration._setup_privateuseone_for_python_backend(
        rename=NAME, backend_module=_Backend()
    )
    torch.__future__.set_swap_module_params_on_conversion(True)
    torch._C._set_only_lift_cpu_tensors(True)
    torch.inference_mode = torch.no_grad  # type: ignore[misc, assignment]  # needs no versions
    return torch.device(NAME)


def followed() -> AbstractContextManager[Any]:
    """Follow every operator while this is entered; tensors of the device are for there only."""
    return _Everything()  # type: ignore[no-untyped-call]


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors: list[Tensor] = []
    held_args, held_kwargs = _held(args, tensors), _held(kwargs, tensors)
    ours = [each for each in tensors if isinstance(each, OnDevice)]
    asked = kwargs.get("device")
    result_is_ours = bool(ours) if asked is None else torch.device(asked).type == NAME
    if func is _ATEN.copy_.default:
        result_is_ours = isinstance(args[0], OnDevice)
    _refuse_mixtures(func, args, tensors)
    if result_is_ours and kwargs.get("generator") is not None:
        raise RuntimeError(f"{func}: expected a generator of the device")
    if ours or result_is_ours:
        ran.add(str(func))
    held_kwargs.pop("pin_memory", None)
    if asked is not None:
        held_kwargs["device"] = torch.device("cpu")
    made = func(*held_args, **held_kwargs)
    if not result_is_ours:
        return made
    known = {id(each.held): each for each in ours}  # in-place operators give their argument back

    def outside(value: Any) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, OnDevice):
            return value
        return known[id(value)] if id(value) in known else OnDevice(value)

    return tree_map(outside, made)


def _refuse_mixtures(func: Any, args: Any, tensors: list[Tensor]) -> None:
    """As a GPU does: single numbers may come from the CPU, and so may indices."""
    here = [each for each in tensors if not isinstance(each, OnDevice) and each.dim()]
    if func in _COPIES or len(here) in (0, len(tensors)):
        return
    if func.overloadpacket in _INDEXING and isinstance(args[0], OnDevice):
        here = [each for each in here if each.dtype.is_floating_point]
    if here and any(isinstance(each, OnDevice) for each in tensors):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device")


def _held(value: Any, tensors: list[Tensor]) -> Any:
    """An argument with what its tensors hold; the tensors themselves are added to a list."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return value.held if isinstance(value, OnDevice) else value
    if isinstance(value, list | tuple):
        return type(value)([_held(each, tensors) for each in value])
    if isinstance(value, dict):
        return {name: _held(each, tensors) for name, each in value.items()}
    return value
