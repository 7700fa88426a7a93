"""The published GAN attack, epoch by epoch: what its figures owe to training, overlap and display.

Published are a median of |SSIM| a scheme and no epoch. The published code gives the adversary the
victims' own images and makes reconstructions in training mode, with the statistics of each batch
of them. ``python benchmarks/gan_epochs.py DATA [IMAGES] [EPOCHS]``, for example ``folder:CIFAR10``.
"""

from __future__ import annotations

import copy
import sys

import torch
from torch import Tensor, nn

from ppattack import registry
from ppattack.attack import Context
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.networks.block_local import BlockLocalNet, PixelNet
from ppattack.networks.discriminators import PatchDiscriminator
from ppattack.scenario import simulate
from ppattack.solvers.adversarial import VARIANTS, game, published_weights, unpaired
from ppattack.solvers.display import Display
from ppattack.solvers.image_moments import moments_of_many
from ppattack.training import Criterion, Player, fit_in_turns, seeded

PUBLISHED = {"le": 0.6568, "pe": 0.1183}
JUDGED = 1000
BATCH = 64
VARIANT = VARIANTS["paper"]
DISPLAYS = {"as published": VARIANT.display, "evaluation mode": Display(truncates=True)}


def main(data: str, images: int, epochs: int) -> None:
    """Train on either scheme, with and without overlap, and print a row an epoch."""
    torch.set_num_threads(1)
    asked = ImageRequest(victims=images, adversary=images, size=32)
    sets = registry.dataset(data).load(asked)
    print(f"median |SSIM| (mean SSIM) of {min(JUDGED, images)} images after each epoch")
    print(f"| target | adversary's images | epoch | {' | '.join(DISPLAYS)} | published |")
    for scheme in PUBLISHED:
        for held in ("the victims'", "others"):
            given = sets.overlapping(0) if held == "the victims'" else sets
            _trained(scheme, held, given, epochs)


def _trained(scheme: str, held: str, sets: ImageSets, epochs: int) -> None:
    settings = {} if scheme == "pe" else {"block_size": 4}
    target = registry.target(scheme)(variant="ito", legacy_seed=0, **settings)
    attack = registry.attack("gan")(variant="paper")
    scenario = simulate(attack, target, sets, "dataset", seed=0)
    ciphertexts, truth = scenario.observation.ciphertexts, scenario.truth.images
    if truth is None:
        raise SystemExit("there is nothing to compare with")
    context = Context(torch.device("cpu"), seed=0)
    plain = scenario.observation.public_images

    def criterion(network: nn.Module) -> float:
        cells = []
        for display in DISPLAYS.values():
            shown = copy.deepcopy(network)  # in training mode it would change
            made = display.reconstructions(shown, ciphertexts[:JUDGED], context.device)
            found = ssim(made, truth[:JUDGED])
            cells.append(f"{float(found.abs().median()):.4f} ({float(found.mean()):+.3f})")
        rows.append(cells)
        line = f"| {scheme} | {held} | {len(rows)} | {' | '.join(cells)} | {PUBLISHED[scheme]} |"
        print(line, flush=True)
        return 0.0

    rows: list[list[str]] = []
    _fit(scheme, ciphertexts, plain, epochs, context, criterion)


def _fit(
    scheme: str,
    ciphertexts: Tensor,
    plain: Tensor,
    epochs: int,
    context: Context,
    criterion: Criterion,
) -> None:
    build = PixelNet if scheme == "pe" else BlockLocalNet
    generator = seeded(lambda: published_weights(build()), context, "gan")
    judge = seeded(lambda: published_weights(PatchDiscriminator()), context, "judge")
    recipes = VARIANT.recipes(epochs, BATCH, None)
    fit_in_turns(
        {"generator": Player(generator, recipes[0]), "discriminator": Player(judge, recipes[1])},
        unpaired(ciphertexts, plain, context.torch_stream("gan-paper", "order")),
        game(generator, judge, VARIANT, moments_of_many(plain)),
        context,
        "gan-paper",
        criterion=criterion,
    )


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "photos",
        int(sys.argv[2]) if len(sys.argv) > 2 else 256,
        int(sys.argv[3]) if len(sys.argv) > 3 else 8,
    )
