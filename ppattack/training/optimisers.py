"""Torch's optimisers without torch's compiler, whose loading takes a second of the processor.

Torch marks methods of its optimisers as not to be compiled, and loads the compiler for that when
they are called. The methods below the marks are the same, so steps are the same to the last bit.
"""

from __future__ import annotations

import inspect
from typing import Any, TypeVar, cast

import torch

MARKED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict", "step")
Kind = TypeVar("Kind", bound=type[torch.optim.Optimizer])


def uncompiled(kind: Kind) -> Kind:
    """An optimiser of torch without the marks, to be started like the original.

    Args:
        kind: one whose steps are not differentiated.
    """
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in MARKED}
    methods["step"] = torch.no_grad()(methods["step"])  # which the mark of this one does
    return cast("Kind", type(kind.__name__, (kind,), methods))
