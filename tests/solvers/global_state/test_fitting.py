"""Fitting what is natural needs no compiler."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import pytest
import torch

from ppattack.solvers.global_state import choice, fitting
from tests.support.natural import natural_images


def test_torch_compiler_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loading takes longer than most of these fits."""
    marked: Any = torch.optim.Optimizer.add_param_group
    monkeypatch.delattr(getattr(marked, "__wrapped__", marked), "__dynamo_disable", raising=False)
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    with suppress(ImportError):
        torch.optim.LBFGS([torch.zeros(1)])
        pytest.skip("optimisers of this version of torch load no compiler")
    images = natural_images(12, 16)
    found = fitting.fit(images, choice.group_for(3), 16, 16)
    assert torch.isfinite(found.weights).all()
