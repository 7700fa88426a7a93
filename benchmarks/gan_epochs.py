"""The published GAN attack by epoch: how its figures depend on training, overlap and display.

The publication gives a median of |SSIM| per scheme, but no epoch and no seed. The published code
gives the adversary the victims' own images and makes reconstructions in training mode, with the
statistics of each batch of them::

    python benchmarks/gan_epochs.py DATA [--images 5000] [--epochs 10] [--scheme le] [--seed 0]
        [--overlap yes]
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ppattack.attack import Context
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.metrics.ssim import ssim
from ppattack.networks.block_local import BlockLocalNet, PixelNet
from ppattack.networks.discriminators import PatchDiscriminator
from ppattack.plugins import registry
from ppattack.reports.robustness import BOXES
from ppattack.scenario import simulate
from ppattack.solvers.trained.adversarial import VARIANTS, game, published_weights, unpaired
from ppattack.solvers.trained.display import Display
from ppattack.solvers.trained.image_moments import moments_of_many
from ppattack.training.fit import Criterion, Player, fit_in_turns, seeded

SCHEMES = ("le", "pe")
JUDGED = 1000
BATCH = 64
VARIANT = VARIANTS["paper"]
DISPLAYS = {"as published": VARIANT.display, "evaluation mode": Display(truncates=True)}


def main() -> None:
    """Train on either scheme, with and without overlap, and print one row per epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="for example folder:CIFAR10")
    parser.add_argument("--images", type=int, default=5000, help="images per side")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="or both")
    parser.add_argument("--seed", type=int, action="append", help="0, 1 and so on; may be repeated")
    parser.add_argument("--overlap", choices=["yes", "no"], action="append", help="or both")
    given = parser.parse_args()
    torch.set_num_threads(1)
    asked = ImageRequest(victims=given.images, adversary=given.images, size=32)
    sets = registry.dataset(given.data).load(asked)
    print(f"median |SSIM| (mean SSIM) of {min(JUDGED, given.images)} images after each epoch")
    print(f"| target | overlap | seed | epoch | {' | '.join(DISPLAYS)} | published |")
    for scheme in given.scheme or SCHEMES:
        for overlap in given.overlap or ("yes", "no"):
            shown = sets.overlapping(0) if overlap == "yes" else sets
            _trained(scheme, overlap, shown, given.epochs, given.seed or [0])


def _trained(scheme: str, overlap: str, sets: ImageSets, epochs: int, seeds: Iterable[int]) -> None:
    settings = {} if scheme == "pe" else {"block_size": 4}
    target = registry.target(scheme)(variant="ito", legacy_seed=0, **settings)
    attack = registry.attack("gan")(variant="paper")
    scenario = simulate(attack, target, sets, "dataset", seed=0)
    ciphertexts, truth = scenario.observation.ciphertexts, scenario.truth.images
    if truth is None:
        raise SystemExit("there is nothing to compare with")
    plain = scenario.observation.public_images
    for seed in seeds:
        rows: list[list[str]] = []

        def criterion(network: nn.Module, seed: int = seed, rows: list[list[str]] = rows) -> float:
            cells = []
            for display in DISPLAYS.values():
                shown = copy.deepcopy(network)  # in training mode it would change
                made = display.reconstructions(shown, ciphertexts[:JUDGED], torch.device("cpu"))
                found = ssim(made, truth[:JUDGED])
                cells.append(f"{float(found.abs().median()):.4f} ({float(found.mean()):+.3f})")
            rows.append(cells)
            values = " | ".join(cells)
            line = f"| {scheme} | {overlap} | {seed} | {len(rows)} | {values} "
            print(f"{line}| {BOXES['gan', scheme].median} |", flush=True)
            return 0.0

        context = Context(torch.device("cpu"), seed=seed)
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
    main()
