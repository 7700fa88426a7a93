"""Candidate matching: which of 10,000 images a single ciphertext is of, each under its own key.

Prints, for each scheme and alteration of the candidates, the share of ciphertexts that are named
(rank 1 and 10), the share of sure matches (p below .01), and the CPU seconds. Needs CIFAR-10 as a
folder with ``train/`` and ``test/``, or as ``npz:FILE``::

    python benchmarks/candidate_matching.py --data cifar10 [--schemes pe,ele] [--altered jpeg50]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import typing
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import machine

import ppattack
from ppattack.data.alterations import Alteration

SCHEMES: dict[str, tuple[str, dict[str, Any]]] = {
    "pe": ("pe", {"color_shuffle": True}),
    "le": ("le", {}),
    "ele": ("ele", {}),
    "etc4": ("etc", {"block_size": 4}),
    "etc16": ("etc", {"block_size": 16}),
    "pad": ("one-time-pad", {}),
}


def main() -> None:
    """Run every cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--altered", default=",".join(typing.get_args(Alteration)[:-1]))
    parser.add_argument("-n", type=int, default=500)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--views", choices=("true", "false"), default="true")
    asked = parser.parse_args()
    print(machine())
    print(f"{asked.n} ciphertexts, {asked.candidates} candidates, views {asked.views}")
    print("scheme  candidates  rank 1   [95 %]          rank 10  p < .01  CPU s")
    for scheme in asked.schemes.split(","):
        for altered in asked.altered.split(","):
            _cell(asked, scheme, altered)


def _cell(asked: argparse.Namespace, scheme: str, altered: str) -> None:
    target, settings = SCHEMES[scheme]
    others = asked.candidates - asked.n
    with tempfile.TemporaryDirectory() as out:
        start = time.process_time()
        report = ppattack.run(
            ppattack.RunRequest(
                "candidate-matching",
                target,
                data=asked.data,
                victims=asked.n,
                adversary=others,
                key_scope="image",
                seed=asked.seed,
                target_settings=settings,
                attack_settings={
                    "distractors": others,
                    "altered": altered,
                    "views": asked.views == "true",
                },
                out=Path(out),
                save_images=0,
            )
        ).report
        seconds = time.process_time() - start
    found = report.scores.matching
    if found is None or found.wilson95 is None:
        raise SystemExit(f"nothing was scored: {report.reason}")
    low, high = found.wilson95
    sure = report.attack.notes["sure matches"] / asked.n
    print(
        f"{scheme:7} {altered:11} {found.reconstruction.mean:.3f}   [{low:.3f}, {high:.3f}]  "
        f"{found.top['10']:.3f}    {sure:.3f}    {seconds:.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
