"""Optimisers without torch's compiler take the same steps."""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ppattack.training.optimisers import MARKED, uncompiled

STEPS = 5
SETTINGS = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}),
    (torch.optim.SGD, {"lr": 0.1}),
    (torch.optim.Adam, {"lr": 0.01, "weight_decay": 1e-3, "fused": True}),
    (torch.optim.AdamW, {"lr": 0.01, "betas": (0.8, 0.9)}),
    (torch.optim.LBFGS, {"max_iter": 3, "line_search_fn": "strong_wolfe"}),
]


@pytest.mark.parametrize(("kind", "settings"), SETTINGS)
def test_steps_are_the_same_to_the_last_bit(kind: Any, settings: dict[str, Any]) -> None:
    ours, theirs = trained(uncompiled(kind), settings), trained(kind, settings)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_state_passes_from_one_to_the_other() -> None:
    network = nn.Linear(3, 2)
    ours = uncompiled(torch.optim.Adam)(network.parameters(), 0.01)
    step(ours, network, 0)
    theirs = torch.optim.Adam(network.parameters(), 0.01)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    kept = ours.state_dict()["state"][0]
    assert kept["step"] == 1
    assert kept["exp_avg"].abs().sum() > 0


@pytest.mark.parametrize(("kind", "settings"), SETTINGS)
def test_no_compiler_is_loaded(
    kind: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MARKED:
        marked = inspect.unwrap(getattr(kind, name))
        monkeypatch.delattr(marked, "__dynamo_disable", raising=False)
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    with suppress(ImportError):
        trained(kind, settings)
        pytest.skip("optimisers of this version of torch load no compiler")
    assert trained(uncompiled(kind), settings)


def trained(kind: Any, settings: dict[str, Any]) -> list[Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = kind(network.parameters(), **settings)
    for number in range(STEPS):
        step(optimizer, network, number)
    return [each.detach() for each in network.parameters()]


def step(optimizer: torch.optim.Optimizer, network: nn.Module, number: int) -> None:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(number))

    def loss() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = network(inputs).square().mean()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[arg-type]
