"""Short answers against the cheapest program, ``python -c "import numpy, rich"``; and a whole run.

The run has a folder of its own each time, so that no control is there already. The time of the
processor is compared: on a machine with nothing else to do, that is what somebody waits.
"""

from __future__ import annotations

import compileall
import resource
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from side_by_side import Ratio, compare, finish

ANSWERS = {
    "ppattack --help": ["-m", "ppattack_cli", "--help"],
    "ppattack list targets": ["-m", "ppattack_cli", "list", "targets"],
    "ppattack list attacks": ["-m", "ppattack_cli", "list", "attacks"],
    "ppattack list datasets": ["-m", "ppattack_cli", "list", "datasets"],
    "import ppattack": ["-c", "import ppattack"],
}


CHEAPEST = ["-c", "import numpy, rich"]
HEAVY = ["-c", "import torch, torchvision, lpips"]
RUN = ["-m", "ppattack_cli", "run", "--attack", "fr", "--target", "pe"]


def _program(arguments: list[str]) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _program([*RUN, "--out", folder])


def _first_line() -> None:
    """A run up to the first line that anybody sees."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *RUN, "--out", folder]
        with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT) as running:
            assert running.stdout is not None
            running.stdout.readline()
            running.kill()


def _whole_runs() -> list[Ratio]:
    return [
        compare(
            "run fr on pe, first line, to import numpy, rich",
            _first_line,
            lambda: _program(CHEAPEST),
            sense="slower",
            bound=5.0,
            clock=_time_of_children,
        ),
        compare(
            "run fr on pe, to import torch, torchvision, lpips",
            _run,
            lambda: _program(HEAVY),
            sense="slower",
            bound=2.0,
            clock=_time_of_children,
        ),
    ]


def _time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _compile() -> None:
    """Write the bytecode of our modules, as installing does; a checkout may have none."""
    for package in ("ppattack", "ppattack_cli", "targets"):
        found = find_spec(package)
        if found is not None and found.origin is not None:
            compileall.compile_dir(Path(found.origin).parent, quiet=1)


def main() -> int:
    """Print the ratios; the exit code says whether every bound was kept."""
    _compile()
    ratios = [
        compare(
            title,
            lambda arguments=arguments: _program(arguments),  # type: ignore[misc]
            lambda: _program(CHEAPEST),
            sense="slower",
            bound=2.0,
            repeats=9,
            clock=_time_of_children,
        )
        for title, arguments in ANSWERS.items()
    ]
    return finish([*ratios, *_whole_runs()])


if __name__ == "__main__":
    sys.exit(main())
