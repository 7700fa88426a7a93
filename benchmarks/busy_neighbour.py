"""Every command beside a busy process against the same command alone.

Another process spins while the command runs with torch's default thread count. On two cores a
fair scheduler leaves the command at least half of the machine: up to twice the time can be
expected, and is the bound. With spinning barriers it would take 20 to 150 times as
long.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from side_by_side import compare, finish

FIRST = "encrypt --target ele -n 512 --seed 0 --key-file key.json --out c -q"
"""What there is to decrypt."""
COMMANDS = {
    "run fr": "run --attack fr --target pe -n 512 --force -q",
    "run itn": "run --attack itn --target etc --preset smoke -n 64 --adversary 256 --force -q",
    "encrypt": "encrypt --target ele -n 512 --seed 0 --key-file {new}.json --out {new} -q",
    "decrypt": "decrypt --target ele --ciphertexts c --key-file key.json --out {new} -q",
    "list": "list targets",
}


@contextmanager
def _busy() -> Iterator[None]:
    spin = [sys.executable, "-c", "while True: pass"]
    neighbour = subprocess.Popen(spin)
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def main() -> int:
    """Print the ratios; the exit code says whether every bound was kept."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    ratios = []
    names = itertools.count()
    with tempfile.TemporaryDirectory() as folder:

        def command(text: str) -> None:
            text = text.replace("{new}", f"new{next(names)}")  # nothing is ever written over
            subprocess.run(
                [sys.executable, "-m", "ppattack_cli", *text.split()],
                check=True,
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
            )

        def beside_a_neighbour(text: str) -> None:
            with _busy():
                command(text)

        command(FIRST)
        for name, text in COMMANDS.items():
            ratios.append(
                compare(
                    f"{name}, a busy neighbour",
                    lambda text=text: beside_a_neighbour(text),  # type: ignore[misc]
                    lambda text=text: command(text),  # type: ignore[misc]
                    sense="slower",
                    bound=2.0,
                    repeats=3,
                )
            )
    return finish(ratios)


if __name__ == "__main__":
    sys.exit(main())
