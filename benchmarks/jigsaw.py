"""The jigsaw solver: neighbours found (N_c), the largest right part (L_c), and seconds.

Every row scrambles pieces under random keys and solves them. N_c, L_c and D_c are strict: side,
orientation, complement and colour order of both pieces must be right. The first rows use the
photographs that are installed with scikit-image. Folders are searched for images at any depth::

    python benchmarks/jigsaw.py [--cifar DIR] [--photographs DIR] [--large DIR]

``--photographs`` have 256 × 256 pixels or more (their middle is used), ``--large`` at least 560 ×
756 pixels: they are cut to the right shape in their middle and scaled down, never up.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from side_by_side import machine

from ppattack.block_states import Arrangement, states
from ppattack.blocks import split
from ppattack.metrics.puzzle import from_arrangements, scores
from ppattack.seeding import numpy_stream
from ppattack.solvers import jigsaw
from ppattack.solvers.jigsaw.canonical import in_state
from ppattack.solvers.jigsaw.solve import Assembly

Pixels = NDArray[np.uint8]
Operations = dict[str, Any]
KNOWN: Operations = {"turns": False, "flips": False, "negatives": False, "colours": False}
TURNED: Operations = {**KNOWN, "turns": True}
RECOLOURED: Operations = {"flips": False, "negatives": False}
ALL: Operations = {}
ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Puzzle:
    """Images ``(N, C, H, W)`` under one key, and how they are scrambled and solved."""

    images: Pixels
    size: int
    operations: Operations
    assembly: Assembly
    key: int


@dataclass(frozen=True)
class Solved:
    """Scores of one puzzle; seconds that passed, and seconds that the processor spent on it."""

    neighbour: float
    largest: float
    direct: float
    seconds: float
    busy: float


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, help="images of 32 × 32 pixels")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--large", type=Path)
    parser.add_argument("--only", default="", help="rows whose title contains this text")
    parser.add_argument("--single", type=int, default=50, help="photographs solved one by one")
    parser.add_argument("--keys", type=int, default=10, help="keys for the rows of many images")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(
        "| puzzle | solved | N_c mean | median | L_c | D_c | exact "
        "| seconds, median | most | of the processor, median | most |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for title, puzzles in _rows(given):
        if given.only in title:
            _print(title, [_solved(puzzle) for puzzle in puzzles])
    print(machine())
    return 0


def _rows(given: argparse.Namespace) -> Iterator[tuple[str, Iterator[Puzzle]]]:
    """Title and puzzles of each row; nothing is read before a row is asked for."""
    for name in ("astronaut", "coffee", "chelsea"):
        for size in (28, 16):
            title = f"{name}, {size} px, known orientation"
            yield (
                title,
                (Puzzle(_example(name, size), size, KNOWN, "rebuilding", k) for k in range(3)),
            )
    for assembly in jigsaw.ASSEMBLIES:
        yield f"all six, {assembly}", _six(assembly)
    if given.large:
        for shape in ((18, 24), (20, 27)):
            for operations, words in ((KNOWN, "known orientation"), (TURNED, "turned")):
                for assembly in jigsaw.ASSEMBLIES:
                    title = f"{shape[0] * shape[1]} pieces, 28 px, {words}, {assembly}"
                    yield title, _large(given.large, shape, operations, assembly)
    if given.photographs:
        for assembly in jigsaw.ASSEMBLIES:
            title = f"256 pieces, 16 px, all operations, 1 image, {assembly}"
            yield title, _pooled(given.photographs, 16, 1, given.single, 256, assembly)
        for count in (2, 10, 50):
            title = f"256 pieces, 16 px, all operations, {count} images"
            yield title, _pooled(given.photographs, 16, count, given.keys, 256)
        title = "1024 pieces, 8 px, turns and colours, 1 image"
        yield title, _pooled(given.photographs, 8, 1, given.single, 256, operations=RECOLOURED)
    if given.cifar:
        for count in (1, 2, 3, 5, 10, 50):
            title = f"64 pieces, 4 px, all operations, {count} images"
            yield title, _pooled(given.cifar, 4, count, given.keys, 32)
    yield "256 pieces of noise, all operations", _noise()


def _six(assembly: Assembly) -> Iterator[Puzzle]:
    for name in ("astronaut", "coffee", "chelsea"):
        for size in (28, 16):
            for key in range(3):
                yield Puzzle(_example(name, size), size, KNOWN, assembly, key)


def _example(name: str, size: int) -> Pixels:
    """A photograph of scikit-image: all of it in 28 px pieces, its middle 256 × 256 in 16 px."""
    import skimage.data

    image = np.asarray(getattr(skimage.data, name)())
    height, width = (256, 256) if size == 16 else image.shape[:2]
    return _middle(image, height // size * size, width // size * size)


def _middle(image: Pixels, height: int, width: int) -> Pixels:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    part = image[top : top + height, left : left + width]
    return np.ascontiguousarray(part.transpose(2, 0, 1)[None])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _large(
    folder: Path, shape: tuple[int, int], operations: Operations, assembly: Assembly
) -> Iterator[Puzzle]:
    for path in _files(folder):
        image = _read(path)
        rows, columns = shape if image.width >= image.height else shape[::-1]
        height, width = 28 * rows, 28 * columns
        scale = max(height / image.height, width / image.width)
        if scale > 1:
            continue
        cut = (width / scale, height / scale)
        box = ((image.width - cut[0]) / 2, (image.height - cut[1]) / 2)
        resized = image.resize(
            (width, height), Image.Resampling.LANCZOS, (*box, box[0] + cut[0], box[1] + cut[1])
        )
        yield Puzzle(np.asarray(resized).transpose(2, 0, 1)[None], 28, operations, assembly, 0)


def _pooled(
    folder: Path,
    size: int,
    count: int,
    keys: int,
    edge: int,
    assembly: Assembly = "rebuilding",
    operations: Operations = ALL,
) -> Iterator[Puzzle]:
    """Puzzles of ``count`` images each; if that is one, every image occurs at most once."""
    files = _files(folder)
    order = numpy_stream(0, "benchmark").permutation(len(files))
    for key in range(keys):
        drawn = order[key : key + 1]
        if count > 1:
            drawn = numpy_stream(key, "benchmark").choice(len(files), count, replace=False)
        images = [_middle(np.asarray(_read(files[i])), edge, edge) for i in drawn.tolist()]
        yield Puzzle(np.concatenate(images), size, operations, assembly, key)


def _noise() -> Iterator[Puzzle]:
    noise = numpy_stream(0, "noise").integers(0, 256, (1, 3, 256, 256), dtype=np.uint8)
    yield Puzzle(noise, 16, ALL, "rebuilding", 0)


def _solved(puzzle: Puzzle) -> Solved:
    group = states(**{"colours": True, **puzzle.operations})
    _, _, height, width = puzzle.images.shape
    rows, columns = height // puzzle.size, width // puzzle.size
    rng = numpy_stream(puzzle.key, "key")
    origin = rng.permutation(rows * columns)
    state = rng.integers(0, group.count, rows * columns)
    plain = torch.from_numpy(split(puzzle.images, puzzle.size)[:, origin].copy())
    pieces = in_state(plain, state, group)
    started, busy = time.perf_counter(), time.process_time()
    found = jigsaw.solve(pieces, rows, columns, assembly=puzzle.assembly, **puzzle.operations)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    home = np.argsort(origin).reshape(rows, columns)
    true = Arrangement(home, group.inverse[state[home]])
    score = scores(from_arrangements([found.arrangement], [true], group), group)
    return Solved(
        float(score.neighbour[0]), float(score.largest[0]), float(score.direct[0]), seconds, busy
    )


def _print(title: str, found: Sequence[Solved]) -> None:
    if not found:
        return
    neighbour = [each.neighbour for each in found]
    seconds = [each.seconds for each in found]
    busy = [each.busy for each in found]
    exact = sum(each.direct == 1.0 for each in found)
    print(
        f"| {title} | {len(found)} | {statistics.mean(neighbour):.3f} "
        f"| {statistics.median(neighbour):.3f} "
        f"| {statistics.mean(each.largest for each in found):.3f} "
        f"| {statistics.mean(each.direct for each in found):.3f} | {exact} "
        f"| {statistics.median(seconds):.2f} | {max(seconds):.2f} "
        f"| {statistics.median(busy):.2f} | {max(busy):.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
