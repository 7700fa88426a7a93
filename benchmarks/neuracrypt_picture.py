"""The pictures for the page on the matching attack: accuracy by stage, and matched pairs.

Images are crops of photographs that are installed with scikit-image, 64 × 64 pixels, grey; the
schemes are the small ones of ``benchmarks/neuracrypt.py``::

    python benchmarks/neuracrypt_picture.py --out docs/images
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from neuracrypt import images_of
from torch import Tensor

from ppattack.attack import Context, Recovery
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate

IMAGES = 200
SHOWN = 8
DEPTHS = (3, 7, 15, 27)
QUICK_PAPER = {
    "embedding_steps": 3000,
    "embedding_batch": 256,
    "embedding_rate": 3e-3,
    "first": "bounded",
    "surrogate_steps": 300,
}
"""The paper's stages with less training, for one CPU."""


def main() -> int:
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    given = parser.parse_args()
    torch.set_num_threads(1)
    mpl.use("Agg")
    runs = {f"depth {depth}, geometry": _attacked(depth, "standard", {}) for depth in DEPTHS} | {
        "depth 7, paper": _attacked(7, "paper", QUICK_PAPER)
    }
    _draw_stages(runs, given.out / "neuracrypt_stages.png")
    _draw_pairs(*runs["depth 7, geometry"], given.out / "neuracrypt_pairs.png")
    return 0


def _attacked(depth: int, preset: str, settings: dict[str, object]) -> tuple[Scenario, Recovery]:
    sets = images_of(None, IMAGES, 64, 1, 0)
    attack = registry.attack("neuracrypt-matching")(preset=preset, **settings)
    target = registry.target("neuracrypt")(variant="small", depth=depth)
    scenario = simulate(attack, target, sets, "dataset", 0)
    return scenario, attack(scenario.observation, Context(torch.device("cpu"), 1))


def _draw_stages(runs: dict[str, tuple[Scenario, Recovery]], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for name, (scenario, recovery) in runs.items():
        truth = scenario.truth.matching
        if truth is None:
            raise SystemExit("the true matching is not known")
        shares = [float((found == truth).double().mean()) for found in recovery.stages.values()]
        print(name, dict(zip(recovery.stages, shares, strict=True)))
        axes.plot(range(1, len(shares) + 1), shares, marker="o", label=name)
    axes.axhline(1 / IMAGES, color="grey", linestyle=":", label="chance")
    axes.set_xlabel("stage: first matching, alternation, inner products or surrogates")
    axes.set_xticks(range(1, 6))
    axes.set_ylabel("codes matched")
    axes.set_ylim(0, 1.03)
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=110)


def _draw_pairs(scenario: Scenario, recovery: Recovery, path: Path) -> None:
    if recovery.matching is None or scenario.truth.images is None:
        raise SystemExit("the attack matched nothing")
    matched = scenario.observation.public_images[recovery.matching[:SHOWN]]
    rows = {
        "code": [_code_picture(code) for code in scenario.observation.ciphertexts[:SHOWN]],
        "matched": [image[0] for image in matched],
        "truth": [image[0] for image in scenario.truth.images[:SHOWN]],
    }
    figure, axes = plt.subplots(len(rows), SHOWN, figsize=(SHOWN, 3.2), layout="constrained")
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name)
        for place, picture in zip(line, pictures, strict=True):
            place.imshow(picture.numpy(), cmap="gray", aspect="auto")
            place.set_xticks([])
            place.set_yticks([])
    figure.savefig(path, dpi=75)


def _code_picture(code: Tensor) -> Tensor:
    """The first numbers of every patch's code, one row per patch."""
    return code[:, : len(code)]


if __name__ == "__main__":
    raise SystemExit(main())
