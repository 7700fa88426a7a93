"""What produced a result: versions, commit, device, threads, command line."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppattack import machine

if TYPE_CHECKING:
    import torch

PACKAGES = ("ppattack", "torch", "torchvision", "numpy", "scipy", "scikit-image", "lpips", "pillow")


def collect(device: torch.device, seed: int) -> dict[str, Any]:
    """Facts about this process, JSON-ready."""
    import torch

    return {
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_commit": git_commit(),
        "device": machine.device_name(device),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
        "seed": seed,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


@cache
def versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def git_commit() -> str | None:
    """The commit of the checkout that this package runs from, or None if it runs from none."""
    package = Path(__file__).parents[1]
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(package), "log", "-1", "--format=%H", "--", str(package)],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
