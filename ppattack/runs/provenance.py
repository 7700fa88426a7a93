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
        "device": device_name(device),
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
    """The commit of the checkout that this package runs from, or None outside of one."""
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


def device_name(device: torch.device) -> str:
    """``cpu`` or the model name of the GPU."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def choose_device(name: str) -> torch.device:
    """The device of a name: ``auto`` takes a GPU when there is one.

    Raises:
        ConfigError: where the name is unknown or the device is not there.
    """
    import torch

    from ppattack.errors import ConfigError

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(
            f"device '{name}' is not available here: use 'auto', 'cpu' or, with a GPU, 'cuda'."
        ) from None
    return device
