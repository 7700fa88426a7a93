"""Checkpoints of a training: written whole or not at all, and checked when read.

One safetensors file holds the weights now, the best weights and the optimiser's state; its
header holds a JSON text of facts and a SHA-256 over tensors and facts, so that a file cut
short, altered or of another training is found out. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

Weights = dict[str, Tensor]


class UnusableCheckpoint(Exception):
    """A file that training cannot go on from; the message says why."""


def save(
    path: Path,
    fingerprint: str,
    network: nn.Module,
    best: Weights,
    optimizer: torch.optim.Optimizer,
    facts: Mapping[str, Any],
) -> None:
    """Write a checkpoint; a reader finds the old file or the new one, never a part.

    Args:
        path: the file; its folder is made where it is missing.
        fingerprint: of the training.
        network: with the weights now.
        best: the best weights so far.
        optimizer: with its state now.
        facts: JSON-ready values.

    Raises:
        OSError: where the file cannot be written.
    """
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {
            f"optimizer/{index}/{name}": value for name, value in state.items() if value is not None
        }
    _write(path, tensors, {"fingerprint": fingerprint, **facts})


def load(
    path: Path, fingerprint: str, network: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[Weights, dict[str, Any]]:
    """Put a checkpoint's state into network and optimiser; the best weights and the facts.

    Raises:
        UnusableCheckpoint: where the file is damaged or of another training; nothing is changed.
    """
    tensors, facts = _read(path)
    if facts.get("fingerprint") != fingerprint:
        raise UnusableCheckpoint("it belongs to another training")
    parts: dict[str, Weights] = {"network": {}, "best": {}, "optimizer": {}}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    network.load_state_dict(parts["network"])
    parameters = [item for group in optimizer.param_groups for item in group["params"]]
    states: dict[int, Weights] = {}
    for key, value in parts["optimizer"].items():
        index, _, name = key.partition("/")
        like = parameters[int(index)]
        same_layout = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        states.setdefault(int(index), {})[name] = same_layout
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    return parts["best"], facts


def digest(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """The SHA-256 of a text and of named tensors: names, types, shapes and contents."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _write(path: Path, tensors: Weights, facts: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(stored, temporary, {"facts": text, "sha256": digest(stored, text)})
        temporary.replace(path)
    except SafetensorError as error:
        raise OSError(str(error)) from None
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["sha256"] != digest(tensors, header["facts"]):
            raise UnusableCheckpoint("its contents do not match their checksum")
        facts: dict[str, Any] = json.loads(header["facts"])
    except KeyError as error:
        raise UnusableCheckpoint(f"its header has no {error}") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise UnusableCheckpoint(str(error)) from None
    return tensors, facts
