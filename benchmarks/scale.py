"""Growth with the number of ciphertexts and of candidates: seconds, memory, and what is found.

Images are made when they are read: image k is one of the source, cut and brightened as a hash of
(seed, k) says, so that any number of them needs no room. ``making`` is the time that making and
encrypting alone take on the same workers, twice since ciphertexts are read twice; it is contained
in ``s``. Memory is the largest sum of the proportional shares (PSS) of all processes, pages of
files included. The last line of each table is the exponent of the CPU seconds between the last two
rows: on a shared machine seconds tell little.

Needs images of 32 pixels with two disjoint sides, such as CIFAR-10::

    python benchmarks/scale.py key --data cifar10 --counts 10000,100000,1000000 --workers 2
    python benchmarks/scale.py candidates --data cifar10 --target etc --counts 10000,1000000
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from numpy.typing import NDArray
from side_by_side import machine
from torch import Tensor
from torch.nn import functional

from ppattack.attack import Context
from ppattack.attacks.candidate_matching import CandidateMatching
from ppattack.attacks.covariance_matching import CovarianceMatching
from ppattack.context import Alone, Workers
from ppattack.data.alterations import altered
from ppattack.data.array_files import UNNAMED, Arrays
from ppattack.data.source import ImageRequest, ImageSets
from ppattack.data.stacks import Made, Mapped, Stack
from ppattack.metrics.keys import key_agreement
from ppattack.permxor import PermXor
from ppattack.plugins import registry
from ppattack.scenario import simulate
from ppattack.seeding import torch_stream
from ppattack.threat import Observation

SMALLEST_CUT = 0.75
GAINS = (0.8, 1.2)
DECRYPTED = 256
"""Ciphertexts that are decrypted to see how alike images are."""
SURE = 0.01
AT_ONCE = 2048


def main() -> None:
    """Run the rows of one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("key", "candidates"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--target", default="ele")
    parser.add_argument("--counts", default="10000,100000")
    parser.add_argument("-n", type=int, default=1000, help="ciphertexts that are matched")
    parser.add_argument("--altered", default="jpeg50", help="how candidates differ; none: exact")
    parser.add_argument("--public", type=int, default=2000)
    parser.add_argument("--plain", type=int, default=8000, help="images that others are made from")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ray", nargs="?", const="", help="on a cluster; ADDRESS or a new one")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(machine())
    print(vars(asked), flush=True)
    wanted = ImageRequest(
        victims=asked.plain, adversary=asked.public, size=32, seed=asked.seed, distractors=0
    )
    sets = registry.dataset(asked.data).load(wanted)
    workers = _workers(asked)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.npy"
        np.save(plain, sets.victims.numpy())
        table = _key if asked.table == "key" else _candidates
        table(asked, sets, plain, workers)


def _workers(asked: argparse.Namespace) -> Workers:
    if asked.ray is not None:
        from ppattack.sweeps.ray_executor import Ray

        return Ray(asked.ray or None)
    if asked.workers == 1:
        return Alone()
    from ppattack.sweeps.executors import LocalProcesses

    return LocalProcesses(asked.workers)


def _key(asked: argparse.Namespace, sets: ImageSets, plain: Path, workers: Workers) -> None:
    """Covariance matching, whose ciphertexts are made and encrypted as they are read."""
    target = registry.target(asked.target)()
    seen = simulate(
        CovarianceMatching(), target, sets.first_victims(DECRYPTED), "dataset", asked.seed
    )
    assert seen.truth.key is not None
    key = target.permxor(seen.truth.key)  # type: ignore[attr-defined]
    print("ciphertexts    making s        s  CPU s  MiB    key right", flush=True)
    seconds = []
    counts = [int(each) for each in asked.counts.split(",")]
    for count in counts:
        make = partial(_encrypted, plain, asked.seed, key.index, key.mask, key.unit)
        stack = Made(make, tuple(sets.victims.shape[1:]), count)  # type: ignore[arg-type]
        making = 2 * _making(stack, workers)
        observation = Observation(
            threat=seen.observation.threat,
            scheme=seen.observation.scheme,
            ciphertexts=stack[:DECRYPTED],
            image_shape=seen.observation.image_shape,
            public_images=seen.observation.public_images,
            stack=stack,
        )
        context = Context(torch.device("cpu"), seed=1, workers=workers)
        with _watched() as used:
            found = CovarianceMatching()(observation, context)
        assert found.key is not None
        right = key_agreement(found.key, key).index
        print(
            f"{count:11,}  {making:10.1f}  {used['s']:7.1f}  {used['cpu']:5.0f}  "
            f"{used['mib']:5.0f}  {right:9.4f}",
            flush=True,
        )
        seconds.append(used["cpu"])
    _exponent(counts, seconds)


def _candidates(asked: argparse.Namespace, sets: ImageSets, plain: Path, workers: Workers) -> None:
    """Candidate matching: each ciphertext under its own key, candidates in a file."""
    attack = CandidateMatching(altered=asked.altered, distractors=1)
    target = registry.target(asked.target)()
    seen = simulate(attack, target, sets.first_victims(asked.n), "image", asked.seed).observation
    copies = altered(sets.victims[: asked.n], asked.altered, torch_stream(asked.seed, "copies"))
    np.save(plain, sets.victims[asked.n :].numpy())  # what the others are made from
    print(f"{asked.n} ciphertexts; candidates are copies: {asked.altered}")
    print("candidates        s  CPU s  MiB    named  p <= .01", flush=True)
    seconds = []
    counts = [int(each) for each in asked.counts.split(",")]
    for count in counts:
        rows = np.random.default_rng(asked.seed).permutation(count)[: asked.n]
        candidates = _written(plain, asked.seed, copies, rows, count)
        observation = Observation(
            threat=seen.threat,
            scheme=seen.scheme,
            ciphertexts=seen.ciphertexts,
            image_shape=seen.image_shape,
            public_images=candidates.tensor(),
            public_stack=candidates,
        )
        with _watched() as used:
            found = attack(observation, Context(torch.device("cpu"), seed=1, workers=workers))
        assert found.matching is not None
        assert found.p_values is not None
        right = float((found.matching == torch.from_numpy(rows)).float().mean())
        sure = float((found.p_values <= SURE).float().mean())
        print(
            f"{count:10,}  {used['s']:7.1f}  {used['cpu']:5.0f}  {used['mib']:5.0f}  "
            f"{right:7.3f}  {sure:8.3f}",
            flush=True,
        )
        seconds.append(used["cpu"])
    _exponent(counts, seconds)


def _written(plain: Path, seed: int, copies: Tensor, rows: NDArray[np.intp], count: int) -> Mapped:
    """``(count, C, H, W)`` candidates in a file, the copies at those rows."""
    path = plain.with_name(f"{count}.npy")
    shape = (count, *copies.shape[1:])
    images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    for start in range(0, count, AT_ONCE):
        stop = min(start + AT_ONCE, count)
        images[start:stop] = made(plain, seed, start, stop)
    images[rows] = copies.numpy()
    images.flush()
    return Arrays(path).stack(UNNAMED)


def _making(stack: Stack, workers: Workers) -> float:
    """Seconds that reading a stack takes, and nothing else."""
    size = max(stack.shard_size, -(-len(stack) // (4 * workers.count)))
    start = time.perf_counter()
    assert sum(workers.map(_read, stack.split(size))) == len(stack)
    return time.perf_counter() - start


def _read(part: Stack) -> int:
    return sum(len(shard.read()) for shard in part.shards())


def _encrypted(
    plain: Path,
    seed: int,
    index: NDArray[np.integer],
    mask: NDArray[np.uint8],
    unit: Any,
    start: int,
    stop: int,
) -> NDArray[np.uint8]:
    images = torch.from_numpy(made(plain, seed, start, stop))
    ciphertexts: NDArray[np.uint8] = PermXor(index, mask, unit)(images).numpy()
    return ciphertexts


def made(plain: Path, seed: int, start: int, stop: int) -> NDArray[np.uint8]:
    """``(stop - start, C, H, W)`` uint8, each determined by its number and the seed."""
    parts = [
        _made(plain, seed, first, min(first + AT_ONCE, stop))
        for first in range(start, stop, AT_ONCE)
    ]
    return np.concatenate(parts)


def _made(plain: Path, seed: int, start: int, stop: int) -> NDArray[np.uint8]:
    source = _opened(plain)
    number, edge, down, right, gain = _drawn(seed, start, stop, 5)
    images = torch.from_numpy(source[(number * len(source)).astype(np.int64)]).float()
    scale = SMALLEST_CUT + (1 - SMALLEST_CUT) * edge
    matrix = torch.zeros(len(images), 2, 3)
    matrix[:, 0, 0] = torch.from_numpy(scale)
    matrix[:, 1, 1] = torch.from_numpy(scale)
    matrix[:, 0, 2] = torch.from_numpy((2 * right - 1) * (1 - scale))
    matrix[:, 1, 2] = torch.from_numpy((2 * down - 1) * (1 - scale))
    shape = [len(images), *images.shape[1:]]
    grid = functional.affine_grid(matrix, shape, align_corners=False)
    cut = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    bright = torch.from_numpy(GAINS[0] + (GAINS[1] - GAINS[0]) * gain).float()
    found: NDArray[np.uint8] = (
        (cut * bright[:, None, None, None]).round().clamp(0, 255).byte().numpy()
    )
    return found


@lru_cache(maxsize=1)
def _opened(path: Path) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return found


def _drawn(seed: int, start: int, stop: int, count: int) -> NDArray[np.float64]:
    """``(count, stop - start)`` uniform numbers below 1 (SplitMix64 of seed and place)."""
    place = np.arange(start, stop, dtype=np.uint64) * np.uint64(count)
    x = place[None] + np.arange(count, dtype=np.uint64)[:, None] + np.uint64(seed << 48)
    x = x * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return (x ^ (x >> np.uint64(31))) / 2.0**64 * (1 - 2**-53)


@contextmanager
def _watched() -> Iterator[dict[str, float]]:
    """Seconds, CPU seconds and the most memory of this process and those below it."""
    used: dict[str, float] = {"mib": 0.0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            used["mib"] = max(used["mib"], sum(_pss(each) for each in _tree(os.getpid())))

    thread = threading.Thread(target=watch, daemon=True)
    before, start = _processor(), time.perf_counter()
    thread.start()
    try:
        yield used
    finally:
        used["s"], used["cpu"] = time.perf_counter() - start, _processor() - before
        over.set()
        thread.join()


def _tree(process: int) -> list[int]:
    found = [process]
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def _pss(process: int) -> float:
    """Mebibytes, pages that are shared counted in part."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _processor() -> float:
    """CPU seconds of this process and those below it."""
    total = 0.0
    for process in _tree(os.getpid()):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _exponent(counts: list[int], seconds: list[float]) -> None:
    if len(counts) > 1:
        (first, last), (short, long) = counts[-2:], seconds[-2:]
        print(f"exponent {math.log(long / short) / math.log(last / first):.2f}")


if __name__ == "__main__":
    main()
