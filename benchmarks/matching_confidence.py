"""How well ``neuracrypt-matching`` knows how many of its matches are right.

Every row attacks fresh codes and sets the share of right matches beside the one that the attack
expects without the truth: over depths, one key or many, other images, wrong settings. ``fit``
takes every second photograph, ``report`` the others and other keys::

    python benchmarks/matching_confidence.py --photographs DIR [--half fit|report]
        [--images 200] [--seeds 1] [--only TEXT]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import torch
from side_by_side import machine
from torch import Tensor

from ppattack.attack import Context
from ppattack.attacks.neuracrypt_matching import NeuraCryptMatching
from ppattack.challenge import layout
from ppattack.plugins import registry
from ppattack.seeding import numpy_stream
from ppattack.solvers.neuracrypt.case import Case
from ppattack.solvers.neuracrypt.own_keys import OwnEncoders
from ppattack.threat import KeyScope

SIZE = 64
SHAPE = (1, SIZE, SIZE)


@dataclass(frozen=True)
class Row:
    """One case.

    Args:
        title: of the row.
        victims: settings of the scheme.
        told: settings that the attack is told, over the victims'.
        scope: of the keys.
        decoys: share of the victims whose image is not among the candidates.
        zero: whether the codes are all zero.
    """

    title: str
    victims: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    scope: KeyScope = "dataset"
    decoys: float = 0.0
    zero: bool = False


ROWS = (
    Row("linear", {"depth": 1}),
    Row("depth 3", {"depth": 3}),
    Row("depth 7", {"depth": 7}),
    Row("depth 7, batch statistics", {"batch_norm": "batch"}),
    Row("depth 15", {"depth": 15}),
    Row("depth 27", {"depth": 27}),
    Row("depth 27, batch statistics", {"batch_norm": "batch", "depth": 27}),
    Row("depth 47", {"depth": 47}),
    Row("depth 7, half of the images are others", {"depth": 7}, decoys=0.5),
    Row("depth 15, half of the images are others", {"depth": 15}, decoys=0.5),
    Row("depth 3, other images", {"depth": 3}, decoys=1.0),
    Row("depth 7, other images", {"depth": 7}, decoys=1.0),
    Row("depth 27, other images", {"depth": 27}, decoys=1.0),
    Row("linear, a key for each image", {"depth": 1}, scope="image"),
    Row("depth 3, a key for each image", {"depth": 3}, scope="image"),
    Row("depth 7, a key for each image", {"depth": 7}, scope="image"),
    Row("depth 27, a key for each image", {"depth": 27}, scope="image"),
    Row("depth 7, taken for 3", {"depth": 7}, {"depth": 3}),
    Row("depth 7, taken for 27", {"depth": 7}, {"depth": 27}),
    Row("depth 7, taken for linear", {"depth": 7}, {"depth": 1}),
    Row("depth 27, taken for 7", {"depth": 27}, {"depth": 7}),
    Row("depth 7, shuffled, taken for not", {"depth": 7}, {"shuffle": False}),
    Row("codes of zeros", {"depth": 7}, zero=True),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder of image files")
    parser.add_argument("--half", choices=("fit", "report"), default="report")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="rows whose title contains this text")
    given = parser.parse_args()
    torch.set_num_threads(1)
    paths = layout.different_files(given.photographs)[given.half == "report" :: 2]
    print("| codes | right | expected | right in the rehearsal |")
    print("|---|---|---|---|")
    for row in (row for row in ROWS if given.only in row.title):
        for seed in range(given.seeds):
            print(_measured(row, given.photographs, paths, given.images, seed), flush=True)
    print(machine())
    return 0


def _measured(row: Row, root: Path, paths: list[str], count: int, seed: int) -> str:
    rng = numpy_stream(seed, row.title)
    others = round(row.decoys * count)
    chosen = [paths[i] for i in rng.permutation(len(paths))[: count + others]]
    images = layout.read_images(root, chosen, SIZE)
    order = torch.from_numpy(rng.permutation(count))
    candidates = images[others:][order]
    told = layout.scheme("neuracrypt", {"variant": "small", **row.victims, **row.told})
    own = OwnEncoders(told, SHAPE, Context(torch.device("cpu"), seed))
    case = Case.of(own, _codes(row, images[:count], seed), candidates)
    found = NeuraCryptMatching().matched(case)
    assert found.matching is not None
    right = (order[found.matching] + others == torch.arange(count)).double().mean().item()
    notes, share = found.notes, found.notes["expected_share_right"]
    expected = "not known" if share is None else f"{share:.3f}"
    return f"| {row.title} | {right:.3f} | {expected} | {notes['rehearsal_right']:.3f} |"


def _codes(row: Row, images: Tensor, seed: int) -> Tensor:
    target = registry.target("neuracrypt")(variant="small", **row.victims)
    streams = [numpy_stream(seed, row.title, "key", i) for i in range(len(images))]
    if row.scope == "image":
        key = target.generate_keys(streams, SHAPE)
    else:
        key = target.generate_key(streams[0], SHAPE)
    codes = target.encrypt(images, key, generator=numpy_stream(seed, "order"))
    return torch.zeros_like(codes) if row.zero else codes


if __name__ == "__main__":
    sys.exit(main())
