"""The name of an experiment: the same for the same configuration, data and versions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ppattack.config import as_dict
from ppattack.plugins.source import source_hash
from ppattack.runs import provenance

if TYPE_CHECKING:
    import torch

    from ppattack.attack import Attack
    from ppattack.request import RunRequest
    from ppattack.scenario import Scenario
    from ppattack.target.base import Target


def identity(request: RunRequest, attack: Attack, target: Target, scenario: Scenario) -> str:
    """12 hexadecimal digits: the same for the same configuration, data and versions."""
    facts = {
        "attack": [attack.card.name, as_dict(attack.config), source_hash(attack)],
        "target": [target.card.name, as_dict(target.config), source_hash(target)],
        "data": [scenario.sets.name, scenario.sets.hash],
        "ciphertexts": _hash(scenario.observation.ciphertexts) if request.ciphertexts else "",
        "threat": scenario.observation.threat.in_words(),
        "seed": request.seed,
        "lpips": request.lpips_net,
        "versions": provenance.versions(),
    }
    if scenario.observation.jpeg is not None:
        facts["jpeg"] = str(scenario.observation.jpeg)
    if scenario.observation.threat.labels:
        facts["labels"] = scenario.sets.label_hash
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _hash(images: torch.Tensor) -> str:
    return hashlib.sha256(images.contiguous().numpy().data).hexdigest()
