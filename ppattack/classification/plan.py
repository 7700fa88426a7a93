"""What a request comes to: scheme, key, classifier and training, resolved and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ppattack.classification.models import InputForm, ModelConfig, family_of
from ppattack.classification.settings import (
    DEFAULT_MODELS,
    TrainingConfig,
    model_config,
    training_config,
)
from ppattack.config import as_dict
from ppattack.data.source import ImageSets
from ppattack.images import ImageShape
from ppattack.plugins.source import source_hash
from ppattack.runs import provenance
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target.base import Target
from ppattack.target.key import Key
from ppattack.threat import KeyScope

PLAIN = "plain"


@dataclass(frozen=True)
class Plan:
    """A classification, resolved.

    Args:
        id: 12 hexadecimal digits, the same for the same configuration, data and versions.
        target: the scheme; ``plain`` for none.
        key: one for all images, or None for a fresh one each time an image is encrypted.
        key_scope: whether there is one for all images.
        image_shape: ``(C, H, W)`` of the plain images.
        form: what the classifier is given.
        model: its name.
        model_config: its settings.
        training_config: of its training.
        versions: of the packages that the result depends on.
    """

    id: str
    target: Target
    key: Key | None
    key_scope: KeyScope
    image_shape: ImageShape
    form: InputForm
    model: str
    model_config: ModelConfig
    training_config: TrainingConfig
    versions: Mapping[str, str]

    @property
    def folder_name(self) -> str:
        """Of its run."""
        model = self.model.replace("/", "-")
        return f"classify-{self.target.card.name}-{model}-{self.id}"


def make_plan(
    target: Target,
    sets: ImageSets,
    *,
    preset: str,
    key_scope: KeyScope | None,
    model: str | None,
    model_settings: Mapping[str, Any],
    training_settings: Mapping[str, Any],
    seed: int,
) -> Plan:
    """Resolve names and settings, and draw the key of a data set.

    Args:
        target: the scheme.
        sets: images with classes, the victims' to test on.
        key_scope: ``dataset``, ``image`` or None for the scheme's default.
        preset: of the training; it names the model where none is named.
        model: name of the classifier, or None.
        model_settings: over its defaults.
        training_settings: over the preset.
        seed: of everything.

    Raises:
        ConfigError: for an unknown model or setting, a value out of range, or a key scope that
            the scheme does not have.
        ImageError: for images that the scheme does not take.
    """
    base: dict[str, Any] = {}
    if model is None:
        model, base = DEFAULT_MODELS[preset]
    family_of(model)
    described = model_config({**base, **model_settings})
    training = training_config(
        preset,
        model,
        training_settings,
        encrypted=target.card.name != PLAIN,
        images=len(sets.adversary),
    )
    channels, height, width = sets.victims.shape[1:]
    shape: ImageShape = (int(channels), int(height), int(width))
    scope = key_scope_of(target, key_scope)
    shared = scope == "dataset"
    key = target.generate_key(numpy_stream(seed, "key"), shape) if shared else None
    versions = {**provenance.versions(), "timm": _version("timm")}
    facts = {
        "target": [target.card.name, as_dict(target.config), source_hash(target)],
        "key scope": scope,
        "model": [model, as_dict(described)],
        "training": as_dict(training),
        "data": [sets.name, sets.hash, sets.label_hash],
        "seed": seed,
        "versions": versions,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return Plan(
        id=hashlib.sha256(text.encode()).hexdigest()[:12],
        target=target,
        key=key,
        key_scope=scope,
        image_shape=shape,
        form=InputForm(target.ciphertext_shape(shape), len(sets.classes)),
        model=model,
        model_config=described,
        training_config=training,
        versions=versions,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
