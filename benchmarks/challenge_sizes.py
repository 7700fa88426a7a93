"""What ``ppattack challenge neuracrypt solve`` takes, by the number of codes.

Crops of 64 × 64 pixels are cut from photographs, encoded with the ``small`` encoder of depth 7, and
matched, each size in processes of its own::

    python benchmarks/challenge_sizes.py --photographs DIR [--codes 1000 2000 4000 8300]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import machine

from ppattack.challenge import layout
from ppattack.data.image_files import read_image, write_png
from ppattack.seeding import numpy_stream

SIZE = 64
CHALLENGE = [sys.executable, "-m", "ppattack_cli", "challenge", "neuracrypt"]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder of image files")
    parser.add_argument("--codes", type=int, nargs="*", default=[1000, 2000, 4000, 8300])
    given = parser.parse_args()
    print("| codes | right | expected | seconds | CPU seconds | peak GiB |")
    print("|---|---|---|---|---|---|")
    for count in given.codes:
        with tempfile.TemporaryDirectory() as place:
            print(_measured(given.photographs, count, Path(place)), flush=True)
    print(machine())
    return 0


def _measured(photographs: Path, count: int, place: Path) -> str:
    _cut(photographs, count, place / "images")
    images, challenge = ["--images", str(place / "images")], str(place / "challenge")
    sizes = ["--size", str(SIZE), "--targets", "0", "--set", "target.variant=small", "--seed", "1"]
    made = ["generate", *images, "--out", challenge, "--gold", str(place / "gold"), *sizes, "-q"]
    subprocess.run([*CHALLENGE, *made], check=True)
    start = time.perf_counter()
    solve = ["solve", *images, "--challenge", challenge, "--out", str(place / "submission")]
    process = subprocess.Popen([*CHALLENGE, *solve], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read().splitlines()[-1]
    _, _, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    score = ["score", "--submission", str(place / "submission"), "--gold", str(place / "gold")]
    text = subprocess.run(
        [*CHALLENGE, *score, "--json"], check=True, capture_output=True, text=True
    ).stdout
    right = json.loads(text)[0]["right"]
    expected = said.partition("about ")[2].partition(" ")[0]
    return (
        f"| {count} | {right} | {expected} | {seconds:.0f} | "
        f"{used.ru_utime + used.ru_stime:.0f} | {used.ru_maxrss / 2**20:.1f} |"
    )


def _cut(photographs: Path, count: int, folder: Path) -> None:
    """Crops of photographs in turn, grey."""
    paths = layout.different_files(photographs)
    rng = numpy_stream(5, "crops")
    for i in range(count):
        image = read_image(photographs / paths[i % len(paths)], mode="L")
        top, left = (int(rng.integers(edge - SIZE + 1)) for edge in image.shape[1:])
        write_png(folder / f"{i}.png", image[:, top : top + SIZE, left : left + SIZE])


if __name__ == "__main__":
    sys.exit(main())
