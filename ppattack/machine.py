"""This machine: its CPUs, GPUs and memory, and processes that must not outlive others."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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


_all_lives_on = False


def let_all_live_on() -> None:
    """Have :func:`load_torch` leave what is alive then out of all later searches for dead objects.

    For processes that hold nothing large by then, as the program does.
    """
    global _all_lives_on
    _all_lives_on = True


def load_torch() -> None:
    """Import torch, if that is still to be done, without looking for dead objects meanwhile.

    Nearly all of the many objects that it makes live as long as the process.
    """
    if "torch" in sys.modules:
        return
    searching = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        if _all_lives_on:
            gc.freeze()
        if searching:
            gc.enable()


_at_a_time = 1


@contextmanager
def computing_threads(count: int | None) -> Iterator[None]:
    """Have torch compute with so many threads inside the block; None leaves them as they are.

    If these are fewer than before, :func:`side_by_side` may use the others.
    """
    global _at_a_time
    if count is None:
        yield
        return
    load_torch()
    import torch

    before, at_a_time = torch.get_num_threads(), _at_a_time
    torch.set_num_threads(count)
    _at_a_time = max(1, before // count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _at_a_time = at_a_time


Part = TypeVar("Part")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """The result for each part, in their order, of a function that nearly only calls torch.

    Parts are computed at the same time by threads that torch does without
    (:func:`computing_threads`), if there are any.
    """
    if _at_a_time == 1:
        return [function(part) for part in parts]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_at_a_time) as pool:
        return list(pool.map(function, parts))


def both(first: Callable[[], Part], second: Callable[[], Result]) -> tuple[Part, Result]:
    """The results of two functions that nearly only call torch, computed :func:`side_by_side`."""
    if _at_a_time == 1:
        return first(), second()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(second)
        return first(), there.result()


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
    load_torch()
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
