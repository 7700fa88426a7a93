"""Checkpoints of a training: written whole or not at all, and checked when read.

One safetensors file holds weights and the optimisers' states; its header holds a JSON text of facts
and a SHA-256 over tensors and facts, so that a file that is truncated, altered or from another
training is detected. Nothing is pickled.
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
from torch import Tensor

Weights = dict[str, Tensor]


class UnusableCheckpoint(Exception):
    """A file from which training cannot continue; the message says why."""


def save(
    path: Path,
    fingerprint: str,
    weights: Mapping[str, Weights],
    optimizers: Mapping[str, torch.optim.Optimizer],
    facts: Mapping[str, Any],
) -> None:
    """Write a checkpoint; a reader finds the old file or the new one, never a part.

    Args:
        path: the file; its folder is made if it is missing.
        fingerprint: identifies the training.
        weights: weights by a name without a slash.
        optimizers: likewise, with their current states.
        facts: JSON-ready values.

    Raises:
        OSError: if the file cannot be written.
    """
    tensors = {
        f"weights/{part}/{name}": value
        for part, values in weights.items()
        for name, value in values.items()
    }
    for part, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer/{part}/{index}/{name}": value
                for name, value in state.items()
                if value is not None
            }
    _write(path, tensors, {"fingerprint": fingerprint, **facts})


def load(
    path: Path, fingerprint: str, optimizers: Mapping[str, torch.optim.Optimizer]
) -> tuple[dict[str, Weights], dict[str, Any]]:
    """Load a checkpoint's states into the optimisers; return its weights by name, and the facts.

    Raises:
        UnusableCheckpoint: if the file is damaged or from another training; nothing is changed.
    """
    tensors, facts = _read(path)
    if facts.get("fingerprint") != fingerprint:
        raise UnusableCheckpoint("it belongs to another training")
    weights: dict[str, Weights] = {}
    states: dict[str, dict[int, Weights]] = {part: {} for part in optimizers}
    for key, value in tensors.items():
        kind, part, name = key.split("/", 2)
        if kind == "weights":
            weights.setdefault(part, {})[name] = value
            continue
        index, _, name = name.partition("/")
        groups = optimizers[part].param_groups
        like = [item for group in groups for item in group["params"]][int(index)]
        same_layout = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        states[part].setdefault(int(index), {})[name] = same_layout
    for part, optimizer in optimizers.items():
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states[part]})
    return weights, facts


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
