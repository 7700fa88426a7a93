"""SIA-GAN, the scrambling inversion attack: a generator with a branch for every block.

Like the plain GAN attack, it is trained on ciphertexts under one key and on unpaired images. Its
generator has separate weights for every place of a block, so that it can undo keys that differ from
block to block. If the classes of the ciphertexts are known, a classifier keeps its images to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from typing_extensions import override

from ppattack.attack import Attack, AttackCard, Context, ControlTarget, Preset, Recovery
from ppattack.card import Reference
from ppattack.config import Doc, Interval, as_dict
from ppattack.threat import Observation, ThreatModel
from ppattack.training.settings import Patience, PictureEvery, PublicImages

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ppattack.images import ImageShape
    from ppattack.networks.sia import SiaGenerator
    from ppattack.solvers.trained.sia import Variant
    from ppattack.target.base import PublicScheme
    from ppattack.training.recipe import Recipe

DEFAULT_BLOCK = 4
SIZE_MULTIPLE = 8
"""The discriminator halves edges three times."""
CONTROL_SHARE = 0.5
CLASSIFIER_RATE = 1e-3


class SiaGan(Attack):
    """Scrambling inversion attack using a generative adversarial network.

    Variants:
        ``paper``: as published. Weights are normalised in place with one power iteration, the
        classifier is trained together with the generator and on its images alone,
        reconstructions are made in training mode, 128 at a time.
        ``fixed``: the generator first learns to return public images unchanged, so that its output
        stays related to its input. It has proper spectral normalisation, averaged weights,
        evaluation mode, moments of public images in the loss, and keeps the epoch whose
        reconstructions have the nearest moments. With labels, the classifier is trained on the
        adversary's own images first, and held fixed. ``global``: likewise, with a learnt doubly
        stochastic matrix that moves blocks.

    Threat model: ciphertexts under one key; images of the victims' distribution, unpaired; with
    ``labels``, also the class of every ciphertext and of every public image.

    Deviations: the published code takes images and ciphertexts from one pool, so that the plain
    image of every ciphertext is among the discriminator's; here no image is on both sides. It
    mirrors images before it encrypts them, which takes the key: here only the adversary's images
    are mirrored. Its mix-up, its runs under several keys and its masks are not implemented. The
    default classifier is a ResNet-18; ``shake-pyramid`` is the published one. ``width`` makes all
    layers of generator and discriminator narrower, for a CPU.

    Reference: K. Madono, M. Tanaka, M. Onishi, T. Ogawa: SIA-GAN: Scrambling Inversion Attack
    Using Generative Adversarial Network. IEEE Access 9, 2021. doi:10.1109/ACCESS.2021.3112684
    """

    card = AttackCard(
        name="sia-gan",
        title="SIA-GAN: a generator with a branch for every block, without any pair",
        reference=Reference(
            authors="K. Madono, M. Tanaka, M. Onishi, T. Ogawa",
            title="SIA-GAN: Scrambling Inversion Attack Using Generative Adversarial Network",
            venue="IEEE Access 9",
            year=2021,
            doi="10.1109/ACCESS.2021.3112684",
        ),
        recovers=("images",),
        requires=ThreatModel(public="unpaired"),
        seconds=200.0,
        level="trained",
    )

    @dataclass(frozen=True)
    class Config:
        """Settings of the attack."""

        variant: Annotated[
            Literal["paper", "fixed", "global"], Doc("networks and losses; see the class")
        ] = "fixed"
        labels: Annotated[
            bool, Doc("know the classes of ciphertexts and public images, and use them")
        ] = False
        classifier: Annotated[
            Literal["resnet-18", "shake-pyramid"], Doc("with labels: the classifier")
        ] = "resnet-18"
        classifier_epochs: Annotated[
            int,
            Interval(ge=1, le=10_000),
            Doc("passes over the public images if it is trained first"),
        ] = 20
        width: Annotated[
            float, Interval(gt=0, le=4), Doc("width of all layers, as a share of the published one")
        ] = 0.125
        epochs: Annotated[int, Interval(ge=1, le=10_000), Doc("passes over the images")] = 8
        batch_size: Annotated[
            int, Interval(ge=2, le=4096), Doc("ciphertexts per step at most, and as many images")
        ] = 32
        rate: Annotated[
            float,
            Interval(gt=0, le=100),
            Doc("learning rate, in units of the published 1e-4 and 4e-4"),
        ] = 2.0
        images: PublicImages = 2000
        patience: Patience = None
        picture_every: PictureEvery = None

    presets: ClassVar[Mapping[Preset, Mapping[str, Any]]] = {
        "smoke": {
            "epochs": 1,
            "images": 128,
            "width": 0.0625,
            "batch_size": 32,
            "classifier_epochs": 1,
        },
        "standard": {"picture_every": 100},
        "paper": {
            "variant": "paper",
            "labels": True,
            "classifier": "shake-pyramid",
            "width": 1.0,
            "epochs": 75,
            "batch_size": 256,
            "rate": 1.0,
            "images": 50_000,
            "picture_every": 1000,
        },
    }

    @override
    def requires(self) -> ThreatModel:
        return replace(self.card.requires, labels=self.config.labels)

    @override
    def positive_control(self, scheme: PublicScheme) -> ControlTarget | None:
        """A fixed transformation without any key, which photographs alone must suffice to undo."""
        return ControlTarget("keyless")

    @override
    def at_control_budget(self) -> SiaGan:
        """The same training, at half of its epochs."""
        fewer = math.ceil(self.config.epochs * CONTROL_SHARE)
        return type(self)(**(as_dict(self.config) | {"epochs": fewer}))

    @override
    def obstacle(self, scheme: PublicScheme, image_shape: ImageShape) -> str | None:
        if scheme.card.cipher == "image" and min(image_shape[1:]) < SIZE_MULTIPLE:
            return f"its discriminator halves edges three times: use {SIZE_MULTIPLE} pixels or more"
        return super().obstacle(scheme, image_shape)

    @override
    def run(self, observation: Observation, context: Context) -> Recovery:
        """Train on the ciphertexts and public images, then show what the generator makes."""
        from ppattack.networks.sia import SiaDiscriminator, SiaGenerator
        from ppattack.solvers.trained.adversarial import recovered
        from ppattack.solvers.trained.naturalness import Naturalness
        from ppattack.solvers.trained.sia import VARIANTS, copy_loss, game, warm_recipe
        from ppattack.training.fit import Player, TrainingData, fit, seeded
        from ppattack.training.public_images import as_transformed, sample_rows

        config, variant = self.config, VARIANTS[self.config.variant]
        chosen = sample_rows(observation, context, config.images)
        plain = as_transformed(observation, observation.public_images[chosen], self.card.name)
        natural = Naturalness(plain)
        channels, height, width = plain.shape[1:]
        shape, norm = (int(channels), int(height), int(width)), variant.published_norm
        generator = seeded(
            lambda: SiaGenerator(
                shape,
                block=_block(observation.scheme, shape),
                width=config.width,
                assigns=variant.assigns,
                published_norm=norm,
            ),
            context,
            "sia-gan",
        )
        judge = seeded(
            lambda: SiaDiscriminator(shape, width=config.width, published_norm=norm),
            context,
            "judge",
        )
        if variant.warm_epochs:
            fit(
                generator,
                TrainingData(plain, plain),
                copy_loss,
                warm_recipe(variant.warm_epochs, config.batch_size),
                context,
                "sia-copy",
            )
        classifier = self._classifier(observation, plain, chosen, context)
        recipes = variant.recipes(config.epochs, config.batch_size, config.patience, config.rate)
        return recovered(
            generator,
            {
                "generator": Player(_learning(generator, classifier, variant), recipes[0]),
                "discriminator": Player(judge, recipes[1]),
            },
            game(generator, judge, classifier, variant, natural.moments.to(context.device)),
            observation.ciphertexts,
            plain,
            context,
            f"sia-gan-{config.variant}",
            labels=observation.labels if config.labels else None,
            display=variant.display,
            natural=natural if variant.keeps_best else None,
            picture_every=config.picture_every,
        )

    def _classifier(
        self, observation: Observation, plain: Tensor, chosen: Tensor, context: Context
    ) -> nn.Module | None:
        """The classifier that keeps images to their labels, already trained in some variants."""
        if not self.config.labels:
            return None
        from ppattack.networks.resnet import resnet18
        from ppattack.networks.shake_pyramid import ShakePyramidNet
        from ppattack.solvers.trained.sia import VARIANTS, label_loss, mirrored_images
        from ppattack.training.fit import TrainingData, fit, seeded

        channels, classes = int(plain.shape[1]), len(observation.class_names)
        build = resnet18 if self.config.classifier == "resnet-18" else ShakePyramidNet
        classifier = seeded(lambda: build(channels, classes), context, "classifier")
        if VARIANTS[self.config.variant].classifier_first:
            labels = observation.public_labels[chosen]
            data = TrainingData(plain, labels)
            recipe = _classifier_recipe(self.config.classifier_epochs, self.config.batch_size)
            fit(classifier, data, label_loss, recipe, context, "sia-classifier", mirrored_images)
            classifier.requires_grad_(False)
        return classifier


def _block(scheme: PublicScheme, shape: tuple[int, int, int]) -> int:
    """The edge of the generator's blocks: the scheme's, or the published one if it fits."""
    _, height, width = shape
    for edge in (scheme.structure.block_size, DEFAULT_BLOCK, 2):
        if edge > 1 and height % edge == 0 and width % edge == 0:
            return edge
    return 1


def _learning(generator: SiaGenerator, classifier: nn.Module | None, variant: Variant) -> nn.Module:
    """What the generator's optimiser trains."""
    from ppattack.solvers.trained.sia import GeneratorWithClassifier

    if classifier is None or variant.classifier_first:
        return generator
    return GeneratorWithClassifier(generator, classifier)


def _classifier_recipe(epochs: int, batch_size: int) -> Recipe:
    from ppattack.training.recipe import Recipe

    return Recipe(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adamw",
        learning_rate=CLASSIFIER_RATE,
        weight_decay=1e-2,
        schedule="one-cycle",
    )
