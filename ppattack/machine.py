"""This machine: its CPUs, GPUs and memory, and processes that must not outlive others."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ppattack.errors import ConfigError

if TYPE_CHECKING:
    import torch


def die_with_parent(seconds: float = 0.2) -> None:
    """End this process soon after the one that started it, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_THRESHOLD = 32 << 20


def keep_freed_memory() -> bool:
    """Have the C library keep memory that is freed, for the arrays that come next.

    Otherwise it hands the memory of large arrays back, and the system clears it again for the next
    ones: a fifth of the time of an audit. What a process holds at its highest stays the same.

    Returns:
        whether the C library can be told so; those of macOS, Windows and musl cannot.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = (_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_TRIM_THRESHOLD, (1 << 31) - 1)
    return all(set_option(option, value) == 1 for option, value in wanted)


@contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """Have torch compute with so many threads inside the block; None leaves them as they are."""
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """The names of the GPUs that this process may use."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def physical_bytes() -> int | None:
    """The memory of this machine, or None if this system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def resident_bytes(pid: int) -> int | None:
    """Memory that a process holds, or None if this system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def device_name(device: torch.device) -> str:
    """``cpu`` or the model name of the GPU."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def choose_device(name: str) -> torch.device:
    """The device of a name: ``auto`` takes a GPU if there is one.

    Raises:
        ConfigError: if the name is unknown or the device is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(
            f"device '{name}' is not available here: use 'auto', 'cpu' or, with a GPU, 'cuda'."
        ) from None
    return device
