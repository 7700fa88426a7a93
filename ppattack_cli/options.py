"""Options that several commands share, and how their text is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from ppattack.errors import ConfigError, nearest

if TYPE_CHECKING:
    from ppattack.context import Workers
    from ppattack.request import RunRequest
    from ppattack.sweeps.executors import Executor

Target = Annotated[str, typer.Option("--target", help="Name, or path/to/file.py:Class.")]
Preset = Annotated[
    str, typer.Option("--preset", help="smoke (seconds), standard (minutes), paper (GPU).")
]
Seed = Annotated[int, typer.Option("--seed", help="One number for everything random.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, …")]
Force = Annotated[bool, typer.Option("--force", help="Run again what is finished.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PART.NAME=VALUE",
        help="Change one setting: target.block_size=4, attack.epochs=5. May be repeated; "
        "'ppattack info target:etc' lists them.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size", help="Edge of the images, pixels. [default: 32 for photos, else native]"
    ),
]
Window = Annotated[
    str | None,
    typer.Option(
        "--window",
        metavar="CENTRE,WIDTH",
        help="Levels of DICOM and 16-bit files that become black to white, or full. "
        "[default: as DICOM files say]",
    ),
]
Victims = Annotated[int, typer.Option("-n", "--victims", help="Images to encrypt and score.")]
KeyScopeOption = Annotated[
    str | None,
    typer.Option("--key-scope", help="dataset (one key for all) or image (a fresh one each)."),
]
Jpeg = Annotated[
    str | None,
    typer.Option(
        "--jpeg",
        metavar="QUALITY[:444|420]",
        help="Send every ciphertext through JPEG: 1 to 100, colours whole (444) or halved (420).",
    ),
]
Download = Annotated[bool, typer.Option("--download", help="Allow fetching data and weights.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no logs.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show where a failure happened.")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        metavar="CONDITION",
        help="Exit with 1 if it holds, with 4 if that cannot be said: 'ssim.gain > 0.1'. "
        "May be repeated.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", help="Processes of this machine, one GPU each.")]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor", metavar="ray[:ADDRESS]", help="Run on a Ray cluster. [default: this machine]"
    ),
]
Isolate = Annotated[
    bool | None,
    typer.Option(
        "--isolate/--no-isolate",
        help="Run attacks in processes of their own that hold nothing secret. [default: those "
        "that do not come with ppattack]",
    ),
]


def settings(pairs: Sequence[str] | None, parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """``["target.block_size=4"]`` as ``{"target": {"block_size": "4"}}``.

    Raises:
        ConfigError: if a pair has another form or names another part.
    """
    found: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for pair in pairs or []:
        path, equals, value = pair.partition("=")
        part, dot, name = path.strip().partition(".")
        if not (equals and dot and name):
            raise ConfigError(f"--set {pair} is not of the form PART.NAME=VALUE.")
        if part not in found:
            raise ConfigError(
                f"--set {pair}: there is no part '{part}'; the parts are: {nearest(part, parts)}."
            )
        found[part][name] = None if value.lower() in ("none", "null") else value
    return found


def check_size(size: int) -> None:
    """Refuse an edge that no image has.

    Raises:
        ConfigError: if it is out of range.
    """
    if not 1 <= size <= 4096:
        raise ConfigError(f"--size {size} is not valid: it must be 1 to 4096 pixels.")


def curve(text: str) -> tuple[str, list[str]]:
    """``"attack.pairs=1,2,4"`` as ``("attack.pairs", ["1", "2", "4"])``.

    Raises:
        ConfigError: if the text has another form.
    """
    setting, equals, values = text.partition("=")
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not (equals and found):
        raise ConfigError(f"--curve {text} is not of the form PART.NAME=VALUE,VALUE,...")
    return setting.strip(), found


def key_scope(text: str | None) -> Literal["dataset", "image"] | None:
    """The key scope of a text.

    Raises:
        ConfigError: if it is not one.
    """
    choices = get_args(Literal["dataset", "image"])
    return cast(Literal["dataset", "image"] | None, choice("--key-scope", text, choices))


def choice(flag: str, text: str | None, choices: tuple[str, ...]) -> str | None:
    """The text of an option that can be one of a few, or was left out.

    Raises:
        ConfigError: if it is none of them.
    """
    if text is not None and text not in choices:
        *others, last = choices
        words = f"{', '.join(others)} or {last}" if others else last
        raise ConfigError(f"{flag} '{text}' is not valid: use {words}.")
    return text


def executor(text: str | None, jobs: int, device: str = "auto") -> Executor:
    """Where cells run.

    Raises:
        ConfigError: if the text names no such place, the number of jobs is below 1, or this
            machine is to run them and has no such device.
    """
    from ppattack.sweeps.executors import InThisProcess, LocalProcesses

    if jobs < 1:
        raise ConfigError(f"--jobs {jobs} (or --workers) is not valid: it must be at least 1.")
    if text is None:
        if device != "auto":
            from ppattack.machine import choose_device

            choose_device(device)
        return InThisProcess() if jobs == 1 else LocalProcesses(jobs)
    name, _, address = text.partition(":")
    if name != "ray":
        raise ConfigError(f"--executor '{text}' is not valid: use ray or ray:ADDRESS.")
    from ppattack.sweeps.ray_executor import Ray

    return Ray(address or None)


def workers(text: str | None, jobs: int, request: RunRequest) -> Workers | None:
    """Who computes sums for the attack of one run; None for this process alone.

    Raises:
        ConfigError: as for :func:`executor`; for an attack that is isolated.
    """
    if text is None and jobs == 1:
        return None
    if request.isolated:
        raise ConfigError(
            "an isolated attack computes in its own process: leave out --jobs and --executor."
        )
    return executor(text, jobs)


def save_images(text: str) -> int | None:
    """How many images to save: None for all.

    Raises:
        ConfigError: if the text is neither ``all``, ``none`` nor a number.
    """
    if text == "all":
        return None
    if text == "none":
        return 0
    if not text.isdecimal():
        raise ConfigError(f"--save-images '{text}' is not valid: use all, none or a number.")
    return int(text)


def refuse(given: Mapping[str, object], why: str) -> None:
    """Refuse options that have no place there.

    Args:
        given: option to what was given for it; None if nothing was.
        why: they have none.

    Raises:
        ConfigError: naming them.
    """
    found = [name for name, value in given.items() if value is not None]
    if found:
        raise ConfigError(f"{why}: leave {' and '.join(found)} out.")
