"""Short answers against the cheapest possible program: ``python -c "import numpy, rich"``."""

from __future__ import annotations

import subprocess
import sys

from side_by_side import compare, finish

ANSWERS = {
    "ppattack --help": ["-m", "ppattack_cli", "--help"],
    "ppattack list targets": ["-m", "ppattack_cli", "list", "targets"],
    "ppattack list attacks": ["-m", "ppattack_cli", "list", "attacks"],
    "ppattack list datasets": ["-m", "ppattack_cli", "list", "datasets"],
    "import ppattack": ["-c", "import ppattack"],
}


def _program(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Print the ratios; the exit code says whether every bound was kept."""
    ratios = [
        compare(
            title,
            lambda arguments=arguments: _program(arguments),  # type: ignore[misc]
            lambda: _program(["-c", "import numpy, rich"]),
            sense="slower",
            bound=2.0,
            repeats=9,
        )
        for title, arguments in ANSWERS.items()
    ]
    return finish(ratios)


if __name__ == "__main__":
    sys.exit(main())
