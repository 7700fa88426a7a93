"""What a request resolves to: scheme, key, classifier, training and the name of the run."""

from __future__ import annotations

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
from ppattack.runs.store import identity
from ppattack.scenario import key_scope_of
from ppattack.seeding import numpy_stream
from ppattack.target import contract
from ppattack.target.base import Target
from ppattack.target.key import Key
from ppattack.target.trained import refuse_untrained
from ppattack.threat import KeyScope

PLAIN = "plain"


@dataclass(frozen=True)
class Choice:
    """What a classification is asked to be, resolved as far as it can be without its images.

    Args:
        target: the scheme; ``plain`` for none.
        key_scope: whether there is one key for all images.
        model: name of the classifier.
        model_config: its settings.
        preset: of the training.
        training_settings: over the preset.
        seed: of everything.
        versions: of the packages that the result depends on.
    """

    target: Target
    key_scope: KeyScope
    model: str
    model_config: ModelConfig
    preset: str
    training_settings: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]

    def training(self, images: int) -> TrainingConfig:
        """The settings of a training on so many images.

        Raises:
            ConfigError: for an unknown setting or a value out of range.
        """
        return training_config(
            self.preset,
            self.model,
            self.training_settings,
            encrypted=self.target.card.name != PLAIN,
            images=images,
        )

    def identity(self, images: int, data: Mapping[str, Any]) -> str:
        """12 hexadecimal digits, the same for the same configuration, data and versions.

        Args:
            images: to train on, as many as are asked for.
            data: what decides the images and their classes.
        """
        return identity(
            {
                "target": [
                    self.target.card.name,
                    as_dict(self.target.config),
                    source_hash(self.target),
                ],
                "key scope": self.key_scope,
                "model": [self.model, as_dict(self.model_config)],
                "training": as_dict(self.training(images)),
                "data": data,
                "seed": self.seed,
                "versions": self.versions,
            }
        )

    def folder_name(self, identity: str) -> str:
        """The name of its run's folder."""
        model = self.model.replace("/", "-")
        return f"classify-{self.target.card.name}-{model}-{identity}"


def choose(
    target: Target,
    *,
    preset: str,
    key_scope: KeyScope | None,
    model: str | None,
    model_settings: Mapping[str, Any],
    training_settings: Mapping[str, Any],
    seed: int,
) -> Choice:
    """Resolve names and settings.

    Args:
        target: the scheme.
        preset: of the training; it names the model if none is named.
        key_scope: ``dataset``, ``image`` or None for the scheme's default.
        model: name of the classifier, or None.
        model_settings: over its defaults.
        training_settings: over the preset.
        seed: of everything.

    Raises:
        ConfigError: for an unknown model or setting, a value out of range, or a key scope that
            the scheme does not have.
    """
    base: dict[str, Any] = {}
    if model is None:
        model, base = DEFAULT_MODELS[preset]
    family_of(model)
    return Choice(
        target=target,
        key_scope=key_scope_of(target, key_scope),
        model=model,
        model_config=model_config({**base, **model_settings}),
        preset=preset,
        training_settings=training_settings,
        seed=seed,
        versions={**provenance.versions(), "timm": _version("timm")},
    )


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


def make_plan(name: str, choice: Choice, sets: ImageSets) -> Plan:
    """Fit a choice to its images, and draw the key of a data set.

    Args:
        name: its identity.
        choice: scheme, classifier and training.
        sets: images with classes, the victims' to test on.

    Raises:
        ImageError: for images that the scheme does not take.
    """
    channels, height, width = sets.victims.shape[1:]
    shape: ImageShape = (int(channels), int(height), int(width))
    refuse_untrained(choice.target)
    contract.check(choice.target, shape, choice.key_scope)
    key = None
    if choice.key_scope == "dataset":
        key = choice.target.generate_key(numpy_stream(choice.seed, "key"), shape)
    return Plan(
        id=name,
        target=choice.target,
        key=key,
        key_scope=choice.key_scope,
        image_shape=shape,
        form=InputForm(choice.target.ciphertext_shape(shape), len(sets.classes)),
        model=choice.model,
        model_config=choice.model_config,
        training_config=choice.training(len(sets.adversary)),
        versions=choice.versions,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
