"""What sets the variants of SIA-GAN apart, and the losses of its three networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ppattack.networks.sia import SiaGenerator
from ppattack.solvers.trained.display import Display
from ppattack.solvers.trained.image_moments import ImageMoments, image_moments
from ppattack.training.fit import Turns, frozen
from ppattack.training.recipe import Recipe

RATE, DISCRIMINATOR_RATE = 1e-4, 4e-4
BETAS, DISCRIMINATOR_BETAS = (0.5, 0.9), (0.0, 0.9)
WARM_RATE = 3e-3
VARIATION_WEIGHT = 1e-3
VARIATION_CHANNELS = 3
"""Channels of the feature whose variation counts; the published code sums over 3 of 16."""


@dataclass(frozen=True)
class Variant:
    """What sets the variants apart.

    Args:
        published_norm: whether weights are normalised in place, with one power iteration.
        assigns: whether the generator can move blocks to other places.
        classifier_first: whether the classifier is trained on the adversary's images and held
            fixed; if not, it is trained together with the generator, on reconstructions alone.
        moments: weight of the distance to the moments of public images, or 0.
        ema: decay of the generator's moving average, or None.
        display: how reconstructions are shown.
        keeps_best: whether the epoch with the nearest moments is kept; if not, the last one is.
        warm_epochs: passes over the public images in which the generator learns to return images
            unchanged, before it sees a ciphertext: a generator with that many weights may otherwise
            make photographs that have nothing to do with their ciphertexts.
    """

    published_norm: bool = False
    assigns: bool = False
    classifier_first: bool = True
    moments: float = 1.0
    ema: float | None = 0.999
    display: Display = Display()  # noqa: RUF009 - frozen
    keeps_best: bool = True
    warm_epochs: int = 4

    def recipes(
        self, epochs: int, batch_size: int, patience: int | None, rate: float
    ) -> tuple[Recipe, Recipe]:
        """How the generator and the discriminator are trained.

        Args:
            epochs: passes over the images.
            batch_size: ciphertexts per step, and as many images.
            patience: epochs without nearer moments before it stops, or None.
            rate: the generator's, in units of the published one; the discriminator's follows.
        """
        generator = Recipe(
            epochs=epochs,
            batch_size=batch_size,
            optimizer="adam",
            learning_rate=RATE * rate,
            betas=BETAS,
            validation_share=0.0,
            patience=patience,
            ema=self.ema,
        )
        judge = replace(
            generator, learning_rate=DISCRIMINATOR_RATE * rate, betas=DISCRIMINATOR_BETAS, ema=None
        )
        return generator, judge


VARIANTS: Mapping[str, Variant] = {
    "paper": Variant(
        published_norm=True,
        moments=0.0,
        classifier_first=False,
        ema=None,
        display=Display(truncates=True, batch_statistics=True),
        keeps_best=False,
        warm_epochs=0,
    ),
    "fixed": Variant(),
    "global": Variant(assigns=True),
}


class GeneratorWithClassifier(nn.Module):
    """A generator and the classifier that is trained with it, by one optimiser.

    Args:
        generator: what callers see of the pair.
        classifier: classifies its images.
    """

    def __init__(self, generator: SiaGenerator, classifier: nn.Module) -> None:
        super().__init__()
        self.generator, self.classifier = generator, classifier

    def forward(self, x: Tensor) -> Tensor:
        """The generator's images."""
        images: Tensor = self.generator(x)
        return images


def game(
    generator: SiaGenerator,
    discriminator: nn.Module,
    classifier: nn.Module | None,
    variant: Variant,
    public: ImageMoments,
) -> Turns:
    """The turns of a batch: the discriminator's hinge loss, then the generator's.

    Args:
        generator: makes reconstructions.
        discriminator: tells public images from reconstructions.
        classifier: classifies reconstructions, which must have their ciphertexts' labels; or None.
        variant: what else is in the generator's loss.
        public: moments of public images, on the generator's device.
    """

    def turns(
        ciphertexts: Tensor, plain: Tensor, labels: Tensor | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        feature = generator.feature(variant.display.pixels(ciphertexts))
        fake = generator.image(feature)
        judged_fake = discriminator(fake.detach()).float()
        judged_real = discriminator(variant.display.pixels(plain)).float()
        hinge = functional.relu(1 + judged_fake).mean() + functional.relu(1 - judged_real).mean()
        yield "discriminator", hinge
        with frozen(discriminator):
            loss = -discriminator(fake).float().mean()
            loss = loss + VARIATION_WEIGHT * variation(feature.float())
            if classifier is not None and labels is not None:
                loss = loss + functional.cross_entropy(classifier(fake).float(), labels)
            if variant.moments:
                loss = loss + variant.moments * public.distance(image_moments(fake))
            yield "generator", loss

    return turns


def variation(feature: Tensor) -> Tensor:
    """Squared differences of neighbours in the first three channels, over the size of all.

    Summed over the batch, as published; ``(N, F, H, W)`` to a scalar.
    """
    part = feature[:, :VARIATION_CHANNELS]
    down = (part[:, :, 1:] - part[:, :, :-1]).square().sum()
    right = (part[:, :, :, 1:] - part[:, :, :, :-1]).square().sum()
    return (down + right) / feature[0].numel()


def copy_loss(network: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference of what a generator makes of uint8 images from the same images."""
    display = Display()
    made = network(display.pixels(images)).float()
    error: Tensor = (made - display.pixels(targets)).abs().mean()
    return error


def warm_recipe(epochs: int, batch_size: int) -> Recipe:
    """How a generator learns to return images unchanged."""
    return Recipe(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adamw",
        learning_rate=WARM_RATE,
        schedule="one-cycle",
        validation_share=0.0,
    )


def label_loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a classifier of uint8 images."""
    logits = network(Display().pixels(images)).float()
    return functional.cross_entropy(logits, labels)


def mirrored_images(
    images: Tensor, labels: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Half of the images mirrored left to right, which does not change a class."""
    chosen = torch.rand(len(images), generator=generator) < 0.5
    chosen = chosen.to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(-1), images), labels
