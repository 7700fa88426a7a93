"""One key for the whole data set: every scheme against ciphertext-only key recovery.

Prints, for each scheme and number of ciphertexts, the mean SSIM over the victims' images (raw),
how much of the key was recovered, and the seconds. Needs CIFAR-10 (and, for the last rows,
photographs of 256 × 256 pixels or more) as folders with ``train/`` and ``test/``::

    python benchmarks/one_key.py --cifar DIR [--photographs DIR]
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import machine

import ppattack
from ppattack.threat import KeyScope


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        title: the scheme.
        target: its name.
        ciphertexts: how many the adversary sees; all are scored.
        settings: the target's.
        attack: name of the attack.
        attack_settings: changes to its standard preset.
        keys: how many keys are tried, one run each.
        photographs: 256 × 256 photographs instead of CIFAR-10.
        public: how many images the adversary has.
        key_scope: one key, or one per image; then ``keys`` counts images.
    """

    title: str
    target: str
    ciphertexts: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    attack: str = "covariance-matching"
    attack_settings: Mapping[str, Any] = field(default_factory=dict)
    keys: int = 1
    photographs: bool = False
    public: int = 20_000
    key_scope: KeyScope = "dataset"


SHUFFLED = {"color_shuffle": True}
BLOCKS_4 = {"block_size": 4}
ANY = {"structure": "any-byte"}
ANY_NIBBLE = {"structure": "any-nibble"}
ROWS = (
    Row("PE", "pe", 20),
    Row("PE", "pe", 100),
    Row("PE, colour shuffle", "pe", 500, SHUFFLED),
    Row("LE", "le", 5, keys=5),
    Row("LE", "le", 100),
    Row("EtC, blocks of 4", "etc", 50, BLOCKS_4),
    Row("EtC, blocks of 4", "etc", 200, BLOCKS_4),
    Row("EtC, blocks of 16", "etc", 10, keys=50),
    Row("ELE", "ele", 30),
    Row("ELE", "ele", 50),
    Row("ELE", "ele", 100),
    Row("ELE", "ele", 200),
    Row("ELE", "ele", 1000),
    Row("ELE", "ele", 5000),
    Row("EtC 4 as any byte permutation", "etc", 1000, BLOCKS_4, attack_settings=ANY),
    Row("EtC 4 as any byte permutation", "etc", 5000, BLOCKS_4, attack_settings=ANY),
    Row("ELE as any nibble permutation", "ele", 1000, attack_settings=ANY_NIBBLE),
    Row("EtC, blocks of 16, 256 px", "etc", 50, photographs=True, public=500),
    Row("EtC 16, one key per image", "etc", 1000, attack="exhaustive", key_scope="image"),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--only", help="rows whose title contains this text")
    parser.add_argument("--keys", type=int, help="keys per row, at most")
    given = parser.parse_args()
    print("| scheme | ciphertexts | SSIM | places | high nibbles | masks | exact | s per key |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as out:
        for row in ROWS:
            data = given.photographs if row.photographs else given.cifar
            if data is not None and (given.only or "") in row.title:
                keys = min(row.keys, given.keys or row.keys)
                print(_measured(row, data, keys, Path(out)), flush=True)
    print(machine())
    return 0


def _measured(row: Row, data: Path, keys: int, out: Path) -> str:
    if row.key_scope == "image":
        return _alone(row, data, out)
    reports = [_run(row, data, seed, out).report for seed in range(keys)]
    ssim = [report.scores.ssim.reconstruction.mean for report in reports if report.scores.ssim]
    found = [report.scores.key for report in reports if report.scores.key]
    exact = sum(key.index == key.mask == 1.0 for key in found)
    seconds = sorted(report.timing["attack"] for report in reports)[keys // 2]
    return (
        f"| {row.title} | {row.ciphertexts} | {_mean(ssim):.4f} "
        f"| {_mean([key.index for key in found]):.1%} "
        f"| {_mean([key.high_index for key in found]):.1%} "
        f"| {_mean([key.mask for key in found]):.1%} "
        f"| {exact} of {keys} | {seconds:.1f} |"
    )


def _alone(row: Row, data: Path, out: Path) -> str:
    """One key per image: exact images count, and the seconds are per image."""
    finished = _run(row, data, 0, out)
    ssim = finished.report.scores.ssim
    with (finished.folder / "scores.csv").open(newline="") as file:
        errors = [float(line["mse.reconstruction"]) for line in csv.DictReader(file)]
    return (
        f"| {row.title} | 1 | {ssim.reconstruction.mean if ssim else float('nan'):.4f} | – | – | – "
        f"| {errors.count(0.0)} of {len(errors)} "
        f"| {finished.report.timing['attack'] / len(errors):.2f} |"
    )


def _run(row: Row, data: Path, seed: int, out: Path) -> ppattack.Finished[ppattack.Report]:
    request = ppattack.RunRequest(
        attack=row.attack,
        target=row.target,
        target_settings=row.settings,
        attack_settings=row.attack_settings,
        data=f"folder:{data}",
        size=256 if row.photographs else None,
        victims=row.ciphertexts,
        adversary=row.public,
        seed=seed,
        out=out,
        save_images=0,
        key_scope=row.key_scope,
    )
    return ppattack.run(request)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


if __name__ == "__main__":
    sys.exit(main())
