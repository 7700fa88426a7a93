"""The jigsaw attack through the whole program: ciphertexts, JPEG in between, grey components.

Every row encrypts images under its own keys and attacks the ciphertexts alone, with public images
for the global state. N_c, L_c and D_c are strict; ``raw`` is D_c of the images as the attack
returned them, so that the global state counts. The last rows follow the published protocol: ten
keys per image, of which the best or the mean counts. Folders have ``train/`` and ``test/``::

    python benchmarks/jigsaw_attack.py [--cifar DIR] [--photographs DIR]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from side_by_side import machine
from torch import Tensor

from ppattack.attack import Context
from ppattack.block_states import states_of
from ppattack.blocks import split
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.evaluation.scores import evaluate
from ppattack.jpeg import Jpeg
from ppattack.metrics.images import ImageScorer
from ppattack.metrics.puzzle import PuzzleScores, from_keys, over_keys, scores
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.solvers.blocks.component_separation import UNTAUGHT, learn
from ppattack.target import PermXorTarget
from ppattack.threat import KeyScope

Select = Literal["max", "mean"]
EDGE = 8
"""Edge of the blocks of etc-gray, pixels."""
DEVICE = torch.device("cpu")
PAPER = {"compatibility": "mgc", "assembly": "gallagher"}
IMAGES, KEYS = 5, 10
"""The numbers of the protocol of ten keys per image."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        title: what is attacked.
        size: edge of the images, pixels; 32 for CIFAR-10, more for the middle of photographs.
        target: name of the scheme.
        settings: the scheme's.
        ciphertexts: how many, under one key unless there is one key per image.
        keys: how many runs, each under another key and with other images.
        scope: one key, or one per image.
        jpeg: what the ciphertexts go through.
        attack: the attack's settings.
        public: how many images the adversary has.
    """

    title: str
    size: int
    target: str
    settings: Mapping[str, Any]
    ciphertexts: int
    keys: int = 1
    scope: KeyScope = "dataset"
    jpeg: str | None = None
    attack: Mapping[str, Any] = field(default_factory=dict)
    public: int = 2000


def rows() -> Iterator[Row]:
    """All lines."""
    small = {"block_size": 4}
    for count in (1, 2, 3, 5, 10, 50):
        yield Row("etc, 4 px", 32, "etc", small, count, 10)
    large: dict[str, Any] = {"size": 256, "target": "etc", "settings": {}, "public": 300}
    for title, attack in (("etc, 16 px", {}), ("etc, 16 px, paper", PAPER)):
        yield Row(title, ciphertexts=10, scope="image", attack=attack, **large)
    for count in (2, 5, 10):
        yield Row("etc, 16 px", ciphertexts=count, keys=3, **large)
    for subsampling in ("444", "420"):
        for quality in (95, 85, 75):
            through = f"{quality}:{subsampling}"
            title = f"etc, 16 px, JPEG {through}"
            yield Row(title, ciphertexts=5, scope="image", jpeg=through, **large)
            yield Row(title, ciphertexts=5, jpeg=through, **large)
    for subsampling in ("444", "420"):
        chroma = {"subsampling": subsampling}
        for components in ("apart", "together"):
            setting = {"components": components}
            title = f"etc-gray {subsampling}, {components}"
            for count in (1, 2, 5, 10, 20):
                yield Row(title, 32, "etc-gray", chroma, count, 10, attack=setting)
    for quality in (95, 85, 75):
        yield Row(f"etc-gray, JPEG {quality}", 32, "etc-gray", {}, 20, 10, jpeg=str(quality))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, help="images of 32 × 32 pixels")
    parser.add_argument("--photographs", type=Path, help="of 256 × 256 pixels or more")
    parser.add_argument("--only", default="", help="rows whose title contains this text")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| scheme | ciphertexts | keys | N_c | L_c | D_c | raw | SSIM | in the best state | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows():
        folder = given.cifar if row.size == 32 else given.photographs
        if folder is not None and given.only in row.title:
            print(_measured(row, folder), flush=True)
    for folder, size in ((given.cifar, 32), (given.photographs, 256)):
        if folder is not None and given.only in "etc-gray separation":
            _print_separation(folder, size)
    if given.photographs is not None and given.only in "ten keys per image":
        _print_ten_keys(given.photographs)
    print(machine())
    return 0


def _print_separation(folder: Path, size: int) -> None:
    """The share of the blocks taken for brightness that are brightness."""
    drawn = registry.dataset(f"folder:{folder}").load(ImageRequest(100, 200, size))
    for subsampling in ("444", "420"):
        form = registry.target("etc-gray")(subsampling=subsampling).representation()
        blocks, public = (
            torch.from_numpy(split(form.prepare(images).numpy(), EDGE))
            for images in (drawn.victims, drawn.adversary)
        )
        shape = form.shape((3, size, size))
        luma = torch.arange(blocks.shape[1]) % (shape[2] // EDGE)
        luma = luma < form.panels(shape)[0].width // EDGE
        counts = [int(luma.sum()), int((~luma).sum())]
        taught = learn(public[:, luma].flatten(0, 1), public[:, ~luma].flatten(0, 1))
        for name, separator in (("untaught", UNTAUGHT), ("taught", taught)):
            for count in (1, 2, 5, 10):
                groups = blocks.split(count)[:20]
                right = [
                    luma[separator.separate(part, counts)[0]].double().mean() for part in groups
                ]
                share = float(sum(right)) / len(right)
                print(f"separation {subsampling}, {size} px, {name}, {count}: {share:.1%}")


def _print_ten_keys(folder: Path) -> None:
    """Each image under its own keys, by the best key and by the mean."""
    drawn = registry.dataset(f"folder:{folder}").load(ImageRequest(IMAGES, 300, 256))
    paper: dict[str, Any] = PAPER
    for title, attack in (("etc, 16 px", {}), ("etc, 16 px, paper", paper)):
        found = [_under_keys(image[None], drawn, attack) for image in drawn.victims]
        by_image = PuzzleScores(
            *(
                np.stack([getattr(each, part.name) for each in found])
                for part in fields(PuzzleScores)
            )
        )
        for select in get_args(Select):
            one = over_keys(by_image, select)
            values = (one.neighbour, one.largest, one.direct, one.raw_direct)
            shown = " | ".join(f"{value.mean():.3f}" for value in values)
            print(f"| {title} | {IMAGES} × {KEYS} | {select} | {shown} |", flush=True)


def _under_keys(image: Tensor, drawn: ImageSets, settings: Mapping[str, Any]) -> PuzzleScores:
    """The scores of one image ``(1, C, H, W)`` under each of its keys."""
    sets = ImageSets(drawn.name, image.expand(KEYS, -1, -1, -1).contiguous(), drawn.adversary)
    target = registry.target("etc")()
    attack = registry.attack("jigsaw")(**settings)
    scenario = simulate(attack, target, sets, "image", 0)
    found = attack(scenario.observation, Context(DEVICE, 0)).key
    key = scenario.truth.key
    if found is None or key is None or not isinstance(target, PermXorTarget):
        raise SystemExit("there are no keys to compare")
    shape, structure = scenario.observation.image_shape, target.structure()
    group = states_of(structure, shape[0])
    true = target.permxor(key)
    return scores(from_keys(found, true, shape, structure.block_size, group), group)


def _measured(row: Row, folder: Path) -> str:
    request = ImageRequest(row.ciphertexts * row.keys, row.public, row.size)
    drawn = registry.dataset(f"folder:{folder}").load(request)
    found = [_run(row, drawn, seed) for seed in range(row.keys)]
    neighbour, largest, direct, raw, ssim, best, seconds = (
        statistics.mean(column) for column in zip(*found, strict=True)
    )
    keys = row.keys if row.scope == "dataset" else row.ciphertexts
    count = row.ciphertexts if row.scope == "dataset" else 1
    return (
        f"| {row.title} | {count} | {keys} | {neighbour:.3f} | {largest:.3f} | {direct:.3f} "
        f"| {raw:.3f} | {ssim:.3f} | {best:.3f} | {seconds * count / row.ciphertexts:.1f} |"
    )


def _run(row: Row, drawn: ImageSets, seed: int) -> tuple[float, ...]:
    own = slice(seed * row.ciphertexts, (seed + 1) * row.ciphertexts)
    sets = ImageSets(drawn.name, drawn.victims[own], drawn.adversary)
    target = registry.target(row.target)(**row.settings)
    attack = registry.attack("jigsaw")(**row.attack)
    jpeg = Jpeg.read(row.jpeg) if row.jpeg else None
    scenario = simulate(attack, target, sets, row.scope, seed, jpeg=jpeg)
    started = time.perf_counter()
    recovery = attack(scenario.observation, Context(DEVICE, seed))
    seconds = time.perf_counter() - started
    evaluated = evaluate(recovery, scenario, target, ImageScorer(DEVICE, "not needed here"), seed)
    puzzle, ssim, best = evaluated.scores.puzzle, evaluated.scores.ssim, evaluated.best_state_ssim
    if puzzle is None or ssim is None or best is None:
        raise SystemExit(f"nothing was scored: {evaluated.absent}")
    return (
        puzzle.neighbour,
        puzzle.largest,
        puzzle.direct,
        puzzle.raw_direct,
        ssim.reconstruction.mean,
        best.mean,
        seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
