"""Photographs up to 224 pixels: blocks under one key, and puzzles under a key for each image.

``ele`` has one key for all ciphertexts; in the other rows every image has a key of its own. N_c is
the share of seams at which the right blocks meet; SSIM is that in the best global state. Seconds
are those of the processor, the adversary's preparations included. The folder has ``train/`` (the
adversary's) and ``test/`` (the victims')::

    python benchmarks/photographs.py DIR [--only "ele, 4 px"] [--public 100]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from ppattack.attack import Context, Recovery
from ppattack.block_states import states_of
from ppattack.data.source import ImageRequest
from ppattack.metrics.puzzle import from_keys, scores
from ppattack.metrics.states import best_state_ssim
from ppattack.plugins import registry
from ppattack.scenario import Scenario, simulate
from ppattack.target import PermXorTarget, Target
from ppattack.threat import KeyScope

DEVICE = torch.device("cpu")
GOOD = 0.99
"""SSIM above which an image counts as recovered."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        title: what is attacked.
        attack: name of the attack.
        target: name of the scheme.
        settings: the scheme's.
        size: edge of the images, pixels.
        count: ciphertexts.
        scope: one key, or one per image.
        public: images of the adversary.
        options: the attack's settings.
    """

    title: str
    attack: str
    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    size: int = 224
    count: int = 24
    scope: KeyScope = "image"
    public: int = 100
    options: Mapping[str, Any] = field(default_factory=dict)


def rows() -> Iterator[Row]:
    """All lines."""
    for size in (64, 128, 224):
        title = f"ele, 4 px, {size} px, one key"
        yield Row(title, "covariance-matching", "ele", {}, size, 200, "dataset", 500)
    settings = {"block_size": 16, "transformation": "shf-np"}
    title = "block-defence shf-np, 16 px, one key"
    yield Row(title, "covariance-matching", "block-defence", settings, 224, 12, "dataset", 400)
    for gap, drop in ((0, 0.0), (1, 0.0), (2, 0.0), (0, 0.1)):
        settings = {"gap": gap, "drop": drop}
        yield Row(f"patch-shuffle, gap {gap}, drop {drop}", "jigsaw", "patch-shuffle", settings)
    for block, count in ((16, 12), (8, 4), (4, 1)):
        yield Row(f"etc, {block} px", "jigsaw", "etc", {"block_size": block}, count=count)
    settings, options = {"block_size": 16}, {"attempts": 38}
    yield Row("etc, 16 px, 38 attempts", "jigsaw", "etc", settings, count=12, options=options)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--only", default="", help="rows whose title contains this text")
    parser.add_argument("--public", type=int, help="images of the adversary, if not the row's")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| case | ciphertexts | N_c | SSIM, mean | median | above .99 | s an image | MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows():
        if given.only in row.title:
            row = row if given.public is None else replace(row, public=given.public)
            print(_measured(row, given.folder), flush=True)
    return 0


def _measured(row: Row, folder: str) -> str:
    request = ImageRequest(row.count, row.public, row.size)
    drawn = registry.dataset(f"folder:{folder}").load(request)
    target = registry.target(row.target)(**row.settings)
    attack = registry.attack(row.attack)(**row.options)
    scenario = simulate(attack, target, drawn, row.scope, 0)
    started = time.process_time()
    recovery = attack(scenario.observation, Context(DEVICE, 0))
    seconds = (time.process_time() - started) / row.count
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    plain = scenario.truth.images
    if recovery.images is None or plain is None:
        raise SystemExit("there are no images to compare")
    found = best_state_ssim(recovery.images, plain, shared=row.scope == "dataset").numpy()
    return (
        f"| {row.title} | {row.count} | {_neighbours(recovery, scenario, target)} "
        f"| {found.mean():.3f} | {np.median(found):.3f} | {(found > GOOD).sum()} "
        f"| {seconds:.2f} | {memory:,} |"
    )


def _neighbours(recovery: Recovery, scenario: Scenario, target: Target) -> str:
    """The mean N_c, if whole blocks were put in place."""
    structure, key = target.structure(), scenario.truth.key
    if structure.kind != "blocks-dihedral" or recovery.key is None or key is None:
        return "–"
    if not isinstance(target, PermXorTarget):
        return "–"
    shape = scenario.observation.scheme.representation.shape(scenario.observation.image_shape)
    group = states_of(structure, shape[0])
    made = from_keys(recovery.key, target.permxor(key), shape, structure.block_size, group)
    return f"{scores(made, group).neighbour.mean():.3f}"


if __name__ == "__main__":
    sys.exit(main())
