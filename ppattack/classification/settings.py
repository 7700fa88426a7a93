"""How a classifier is trained: the papers' settings, and smaller ones for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ppattack.classification.models import Family, ModelConfig, family_of
from ppattack.config import Doc, Interval, as_dict, resolve

if TYPE_CHECKING:
    from ppattack.training.recipe import Recipe

DEFAULT_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "smoke": ("convmixer-32/2", {"patch_size": 4, "kernel_size": 5}),
    "standard": ("convmixer-64/4", {"patch_size": 2, "kernel_size": 5}),
    "paper": ("convmixer-256/8", {}),
}
COUNTS: dict[str, tuple[int, int]] = {
    "smoke": (200, 1000),
    "standard": (2000, 10_000),
    "paper": (10_000, 50_000),
}
"""Test and training images."""
VIT_STEPS = {"plain": 10_000, "encrypted": 20_000}


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training.

    Images are mirrored, moved, cut and changed in colour before they are encrypted; ciphertexts
    are partly erased, blended and pasted into one another afterwards.
    """

    epochs: Annotated[int, Interval(ge=1, le=100_000), Doc("passes over the training images")] = 10
    batch_size: Annotated[int, Interval(ge=2, le=65_536), Doc("images per step")] = 64
    optimizer: Annotated[Literal["adamw", "sgd"], Doc("sgd: with Nesterov's momentum of .9")] = (
        "adamw"
    )
    learning_rate: Annotated[float, Interval(gt=0, le=10), Doc("at the peak")] = 0.01
    weight_decay: Annotated[float, Interval(ge=0, le=1), Doc("of every weight")] = 0.01
    schedule: Annotated[
        Literal["triangular", "one-cycle", "multistep"],
        Doc("multistep: a tenth from half of the epochs on, and again from three quarters on"),
    ] = "triangular"
    warm_up: Annotated[
        float, Interval(ge=0, lt=1), Doc("share of a one-cycle schedule in which the rate rises")
    ] = 0.05
    clip_norm: Annotated[
        float | None, Interval(gt=0), Doc("bound on the norm of the gradient; none: no bound")
    ] = 1.0
    epsilon: Annotated[float, Interval(gt=0, le=1), Doc("of AdamW")] = 1e-3
    label_smoothing: Annotated[float, Interval(ge=0, lt=1), Doc("of the cross-entropy")] = 0.0
    flip: Annotated[bool, Doc("mirror half of the images")] = True
    crop: Annotated[
        Literal["none", "shift", "resized"],
        Doc("move by up to 4 pixels, or cut out 5 to 100 % and resize"),
    ] = "shift"
    rand_augment: Annotated[bool, Doc("two random changes of colour or shape per image")] = False
    erasing: Annotated[
        float, Interval(ge=0, le=1), Doc("chance that a rectangle of an image is erased")
    ] = 0.0
    mixup: Annotated[
        float,
        Interval(ge=0, le=10),
        Doc("parameter of the Beta by which two images blend; 0: none"),
    ] = 0.0
    cutmix: Annotated[
        float,
        Interval(ge=0, le=10),
        Doc("parameter of the Beta by which an image is pasted; 0: none"),
    ] = 0.0

    def recipe(self) -> Recipe:
        """The settings of the training loop."""
        from ppattack.training.recipe import Recipe

        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            milestones=(self.epochs // 2, 3 * self.epochs // 4),
            validation_share=0.0,
            clip_norm=self.clip_norm,
            epsilon=self.epsilon,
            nesterov=self.optimizer == "sgd",
            warm_up=self.warm_up,
        )


SMALL = TrainingConfig()
SMALL_VIT = replace(SMALL, learning_rate=1e-3, epsilon=1e-8, schedule="one-cycle", warm_up=0.2)
SMALL_DEEP = replace(SMALL, learning_rate=3e-3, epsilon=1e-8, schedule="one-cycle", warm_up=0.2)
CONVMIXER = TrainingConfig(epochs=300, mixup=0.5, cutmix=0.5, label_smoothing=0.1)
VIT = TrainingConfig(
    batch_size=512,
    optimizer="sgd",
    learning_rate=0.03,
    weight_decay=0.0,
    schedule="one-cycle",
    crop="resized",
    flip=False,
)
RESNET = TrainingConfig(
    epochs=200,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    schedule="one-cycle",
    warm_up=0.0,
    clip_norm=None,
)
SHAKEDROP = replace(RESNET, epochs=300, batch_size=512, schedule="multistep")


def training_config(
    preset: str, model: str, settings: Mapping[str, Any], *, encrypted: bool, images: int
) -> TrainingConfig:
    """The settings of a preset for a model, with changes.

    Args:
        preset: ``paper`` is what the papers of the model's family did, which augment plain images
            more than encrypted ones; the others treat both alike and suit a CPU.
        model: its name.
        settings: changes by name.
        encrypted: whether the images are encrypted.
        images: number of training images; if a paper counts steps, it decides the epochs.

    Raises:
        ConfigError: for an unknown setting or a value out of range.
    """
    family = family_of(model)
    base = _paper(family, images, encrypted=encrypted) if preset == "paper" else _small(family)
    if preset == "smoke":
        base = replace(base, epochs=3)
    return resolve(TrainingConfig, {**as_dict(base), **settings}, "training")


def model_config(settings: Mapping[str, Any]) -> ModelConfig:
    """The settings of a model.

    Raises:
        ConfigError: for an unknown setting or a value out of range.
    """
    return resolve(ModelConfig, settings, "model")


def _small(family: Family) -> TrainingConfig:
    return {"convmixer": SMALL, "vit": SMALL_VIT}.get(family, SMALL_DEEP)


def _paper(family: Family, images: int, *, encrypted: bool) -> TrainingConfig:
    if family == "convmixer":
        if encrypted:
            return replace(CONVMIXER, flip=False, crop="none")
        return replace(CONVMIXER, rand_augment=True, erasing=0.25)
    if family == "vit":
        steps = VIT_STEPS["encrypted" if encrypted else "plain"]
        return replace(VIT, epochs=max(1, round(steps * VIT.batch_size / images)))
    return RESNET if family == "resnet" else SHAKEDROP
