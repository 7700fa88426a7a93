"""What passes between a run and the process that an attack is confined to.

A message is one safetensors text: arrays by name, and JSON facts in its header. Neither side can
make the other build anything but numbers and text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ppattack.attack import Recovery
from ppattack.config import as_dict
from ppattack.threat import Observation, ThreatModel

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.target.base import PublicScheme

Facts = dict[str, Any]
Tensors = dict[str, "Tensor"]
STAGE = "stage/"
MAP = "map/"
MODELS = ("public model", "transformed model")


def pack(facts: Mapping[str, Any], tensors: Mapping[str, Tensor | None] | None = None) -> bytes:
    """A message."""
    from safetensors.numpy import save

    given = {name: each for name, each in (tensors or {}).items() if each is not None}
    arrays = {name: each.detach().cpu().contiguous().numpy() for name, each in given.items()}
    return save(arrays, {"facts": json.dumps(facts, default=str)})


def unpack(data: bytes) -> tuple[Facts, Tensors]:
    """Facts and tensors of a message.

    Raises:
        ValueError: if it is not a message.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        facts: Facts = json.loads(header["__metadata__"]["facts"])
        arrays = load(data)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"not a message: {error}") from None
    return facts, {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def scheme_facts(scheme: PublicScheme, name: str) -> Facts:
    """What rebuilds a public scheme.

    Args:
        scheme: holds no secret.
        name: registered name of its target, or ``path/to/file.py:Class``.
    """
    return {"target": name, "config": as_dict(scheme.config), "own_keys": scheme.own_keys}


def scheme_of(facts: Mapping[str, Any]) -> PublicScheme:
    """Undo :func:`scheme_facts`."""
    from ppattack.plugins import registry

    target = registry.target(facts["target"])(**facts["config"])
    return target.public(own_keys=facts["own_keys"])


def observation_parts(observation: Observation) -> tuple[Facts, dict[str, Tensor | None]]:
    """Everything that an observation holds, except its scheme."""
    facts = {
        "threat": asdict(observation.threat),
        "image_shape": observation.image_shape,
        "jpeg": str(observation.jpeg) if observation.jpeg else None,
        "classes": observation.class_names if observation.threat.names_classes else None,
    }
    tensors: dict[str, Tensor | None] = {"ciphertexts": observation.ciphertexts}
    if observation.threat.public != "none":
        tensors["public"] = observation.public_images
    if observation.threat.labels:
        tensors["labels"] = observation.labels
    if observation.threat.names_classes and observation.threat.public != "none":
        tensors["public labels"] = observation.public_labels
    if observation.threat.model and observation._models is not None:
        for name, weights in zip(MODELS, observation.models, strict=True):
            tensors |= {f"{name}/{each}": weights[each] for each in weights}
    for name in ("known", "chosen"):
        if observation.threat.pairs if name == "known" else observation.threat.chosen:
            plain, cipher = getattr(observation, f"{name}_pairs")
            tensors |= {f"{name} plain": plain, f"{name} cipher": cipher}
    return facts, tensors


def observation_of(
    facts: Mapping[str, Any], tensors: Mapping[str, Tensor], scheme: PublicScheme
) -> Observation:
    """Undo :func:`observation_parts`."""
    from ppattack.jpeg import Jpeg

    def pairs(name: str) -> tuple[Tensor, Tensor] | None:
        if f"{name} plain" not in tensors:
            return None
        return tensors[f"{name} plain"], tensors[f"{name} cipher"]

    models = [
        {
            each.removeprefix(f"{name}/"): tensors[each]
            for each in tensors
            if each.startswith(f"{name}/")
        }
        for name in MODELS
    ]
    channels, height, width = facts["image_shape"]
    return Observation(
        threat=ThreatModel(**facts["threat"]),
        scheme=scheme,
        ciphertexts=tensors["ciphertexts"],
        image_shape=(channels, height, width),
        public_images=tensors.get("public"),
        known_pairs=pairs("known"),
        chosen_pairs=pairs("chosen"),
        jpeg=Jpeg.read(facts["jpeg"]) if facts["jpeg"] else None,
        labels=tensors.get("labels"),
        public_labels=tensors.get("public labels"),
        class_names=None if facts["classes"] is None else tuple(facts["classes"]),
        models=(models[0], models[1]) if models[0] else None,
    )


def recovery_parts(recovery: Recovery) -> tuple[Facts, dict[str, Tensor | None]]:
    """Everything that a recovery holds."""
    import torch

    facts = {
        "notes": dict(recovery.notes),
        "failures": list(recovery.failures.items()),
        "up_to_state": recovery.up_to_state,
        "limits": recovery.limits,
        "refuted": recovery.refuted,
        "unordered": recovery.unordered,
        "unit": recovery.key.unit if recovery.key is not None else None,
    }
    tensors: dict[str, Tensor | None] = {
        "images": recovery.images,
        "matching": recovery.matching,
        "ranking": recovery.ranking,
        "p-values": recovery.p_values,
        "classes": recovery.classes,
        "exact": recovery.exact,
        **{STAGE + name: matching for name, matching in recovery.stages.items()},
    }
    if recovery.key is not None:
        tensors["key index"] = torch.from_numpy(recovery.key.index)
        tensors["key mask"] = torch.from_numpy(recovery.key.mask)
    if recovery.map is not None:
        arrays = recovery.map.arrays().items()
        tensors |= {MAP + name: torch.from_numpy(array) for name, array in arrays}
    return facts, tensors


def recovery_of(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Recovery:
    """Undo :func:`recovery_parts`."""
    from ppattack.maps import CipherMap
    from ppattack.permxor import PermXor

    key = None
    arrays = {
        name.removeprefix(MAP): each.numpy()
        for name, each in tensors.items()
        if name.startswith(MAP)
    }
    if facts["unit"] is not None:
        index, mask = tensors["key index"].numpy(), tensors["key mask"].numpy()
        key = PermXor(index, mask, facts["unit"])
    return Recovery(
        images=tensors.get("images"),
        matching=tensors.get("matching"),
        key=key,
        notes=facts["notes"],
        failures={int(number): why for number, why in facts["failures"]},
        ranking=tensors.get("ranking"),
        p_values=tensors.get("p-values"),
        classes=tensors.get("classes"),
        exact=tensors.get("exact"),
        stages={
            name.removeprefix(STAGE): each
            for name, each in tensors.items()
            if name.startswith(STAGE)
        },
        up_to_state=facts["up_to_state"],
        limits=str(facts["limits"]),
        refuted=bool(facts["refuted"]),
        unordered=bool(facts["unordered"]),
        map=CipherMap.from_arrays(arrays) if arrays else None,
    )
