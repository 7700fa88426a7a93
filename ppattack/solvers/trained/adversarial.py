"""What sets the variants of the GAN attack apart, and the losses of its two networks.

The published variants are kept with their weaknesses, so that their figures can be reproduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from ppattack.attack import Context, Recovery
from ppattack.solvers.trained.display import Display
from ppattack.solvers.trained.image_moments import ImageMoments, image_moments
from ppattack.solvers.trained.naturalness import Naturalness
from ppattack.training.fit import (
    FitResult,
    Pictures,
    Player,
    TrainingData,
    Turns,
    fit_in_turns,
    frozen,
)
from ppattack.training.recipe import Recipe

N = TypeVar("N", bound=nn.Module)

WEIGHT_DEVIATION = 0.02
"""Standard deviation of initial weights, as published; also that of scales, around one."""
SHOWN = 64
"""Reconstructions per picture."""
JUDGED = 512
"""Reconstructions whose moments decide which epoch is kept."""


@dataclass(frozen=True)
class Variant:
    """What sets the variants apart.

    Args:
        rearranges: whether the generator is made of the scheme's own operations; if not, it sees
            one block (for ``pe`` one pixel) at a time and treats all alike.
        pool: what the discriminator looks at; see :class:`PatchDiscriminator`.
        hinge: whether the loss is the hinge loss; if not, it is the published code's cross-entropy.
        gradient_penalty: weight of the squared gradient at real images (R1), or 0.
        moments: weight of the distance to the means and covariances of public images, or 0.
        rates: learning rates of the generator and of the discriminator.
        betas: those of Adam, for both.
        ema: decay of the generator's moving average, or None.
        display: how reconstructions are shown.
        keeps_best: whether the epoch is kept whose reconstructions have the moments nearest to
            those of public images; if not, the last one is.
        epochs: passes over the images.
    """

    rearranges: bool
    pool: Literal["corner", "mean"]
    hinge: bool
    gradient_penalty: float
    moments: float
    rates: tuple[float, float]
    betas: tuple[float, float]
    ema: float | None
    display: Display
    keeps_best: bool
    epochs: int

    def recipes(self, epochs: int, batch_size: int, patience: int | None) -> tuple[Recipe, Recipe]:
        """How the generator and the discriminator are trained."""
        made = [
            Recipe(
                epochs=epochs,
                batch_size=batch_size,
                optimizer="adam",
                learning_rate=rate,
                betas=self.betas,
                validation_share=0.0,
                patience=patience,
                ema=ema,
            )
            for rate, ema in zip(self.rates, (self.ema, None), strict=True)
        ]
        return made[0], made[1]


_FIXED = Variant(
    rearranges=False,
    pool="mean",
    hinge=True,
    gradient_penalty=0.1,
    moments=1.0,
    rates=(2e-4, 4e-4),
    betas=(0.5, 0.999),
    ema=0.999,
    display=Display(),
    keeps_best=True,
    epochs=100,
)
VARIANTS: Mapping[str, Variant] = {
    "paper": Variant(
        rearranges=False,
        pool="corner",
        hinge=False,
        gradient_penalty=0.0,
        moments=0.0,
        rates=(2e-4, 2e-4),
        betas=(0.5, 0.999),
        ema=None,
        display=Display(truncates=True, batch_statistics=True),
        keeps_best=False,
        epochs=25,
    ),
    "fixed": _FIXED,
    "global": replace(_FIXED, rearranges=True, rates=(2e-3, 4e-4)),
}


def published_weights(network: N) -> N:
    """The network with weights drawn again as the published code does, by the global generator."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(_own_weight(layer), 0.0, WEIGHT_DEVIATION)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, WEIGHT_DEVIATION)
            nn.init.zeros_(layer.bias)
    return network


def _own_weight(layer: nn.Conv2d) -> Tensor:
    """The parameter itself, even behind spectral normalisation."""
    if not is_parametrized(layer, "weight"):
        return layer.weight
    return layer.get_parameter("parametrizations.weight.original")


def recovered(
    generator: nn.Module,
    players: Mapping[str, Player],
    turns: Turns,
    ciphertexts: Tensor,
    plain: Tensor,
    context: Context,
    name: str,
    *,
    labels: Tensor | None = None,
    display: Display,
    natural: Naturalness | None,
    picture_every: int | None,
) -> Recovery:
    """Train a generator against the other players, and show what it makes from ciphertexts.

    Args:
        generator: makes the images.
        players: the networks and how they are trained, first the one that contains the generator;
            one is called ``discriminator``.
        turns: their losses.
        ciphertexts: ``(N, C, H, W)`` uint8, the ones under attack.
        plain: ``(M, C, H, W)`` uint8, images of the same kind.
        context: device, seed, checkpoints, progress and pictures.
        name: the training's.
        labels: ``(N,)``, those of the ciphertexts, or None.
        display: how the generator's images are shown.
        natural: the epoch whose reconstructions are nearest to it is kept, and they are
            complemented if it says so; None keeps the last epoch as it is.
        picture_every: steps between pictures, or None.

    Returns:
        the images, and notes about the training.
    """
    data = unpaired(ciphertexts, plain, context.torch_stream(name, "order"), labels)
    judged = data.inputs[:JUDGED]

    def draw(network: nn.Module) -> Tensor:
        return display.reconstructions(network, judged[:SHOWN], context.device)

    def criterion(network: nn.Module) -> float:
        made = Display().reconstructions(network, judged, context.device)
        return 0.0 if natural is None else natural.distance(made)

    result = fit_in_turns(
        players,
        data,
        turns,
        context,
        name,
        pictures=Pictures(draw, picture_every) if picture_every else None,
        criterion=criterion if natural is not None else None,
    )
    images = display.reconstructions(generator, ciphertexts, context.device)
    notes = _notes(generator, result, len(plain))
    if natural is not None:
        images, found = natural.upright(images)
        notes |= found
    return Recovery(images=images, notes=notes, up_to_state=True)


def _notes(generator: nn.Module, result: FitResult, public: int) -> dict[str, Any]:
    """Facts for the report."""
    best = result.best_epoch - 1
    return {
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "public_images": public,
        "epochs": len(result.train_losses),
        "ended": result.ended,
        "best_epoch": result.best_epoch,
        "generator_loss": result.train_losses[best],
        "discriminator_loss": result.rival_losses["discriminator"][best],
    }


def unpaired(
    ciphertexts: Tensor, plain: Tensor, stream: torch.Generator, labels: Tensor | None = None
) -> TrainingData:
    """Ciphertexts and images side by side in random order; the smaller set is repeated.

    Args:
        ciphertexts: ``(N, C, H, W)`` uint8.
        plain: ``(M, C, H, W)`` uint8.
        stream: random stream for the order, on the CPU.
        labels: ``(N,)``, those of the ciphertexts, or None.
    """
    count = max(len(ciphertexts), len(plain))
    times = -(-count // len(ciphertexts))
    shuffles = [torch.randperm(len(ciphertexts), generator=stream) for _ in range(times)]
    rows = torch.cat(shuffles)[:count]
    images = plain[torch.arange(count) % len(plain)]
    return TrainingData(ciphertexts[rows], images, None if labels is None else labels[rows])


def game(
    generator: nn.Module, discriminator: nn.Module, variant: Variant, public: ImageMoments
) -> Turns:
    """The turns of a batch: first the discriminator's, then the generator's.

    Args:
        generator: makes reconstructions.
        discriminator: tells public images from reconstructions.
        variant: the losses.
        public: moments of public images, on the generator's device.
    """

    def turns(ciphertexts: Tensor, plain: Tensor) -> Iterator[tuple[str, Tensor]]:
        fake = generator(variant.display.pixels(ciphertexts))
        real = variant.display.pixels(plain)
        yield "discriminator", _discriminator_loss(discriminator, variant, real, fake.detach())
        with frozen(discriminator):
            judged = discriminator(fake).float()
            loss = -judged.mean() if variant.hinge else functional.softplus(-judged).mean()
            if variant.moments:
                loss = loss + variant.moments * public.distance(image_moments(fake))
            yield "generator", loss

    return turns


def _discriminator_loss(
    discriminator: nn.Module, variant: Variant, real: Tensor, fake: Tensor
) -> Tensor:
    penalised = bool(variant.gradient_penalty)
    real = real.requires_grad_(penalised)
    judged_real, judged_fake = discriminator(real).float(), discriminator(fake).float()
    if not variant.hinge:
        return functional.softplus(-judged_real).mean() + functional.softplus(judged_fake).mean()
    loss = functional.relu(1 - judged_real).mean() + functional.relu(1 + judged_fake).mean()
    if penalised:
        (slope,) = torch.autograd.grad(judged_real.sum(), real, create_graph=True)
        loss = loss + variant.gradient_penalty * slope.square().sum(dim=(1, 2, 3)).mean()
    return loss
