"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

import typer

from ppattack.errors import ConfigError, nearest

if TYPE_CHECKING:
    from ppattack.context import Workers
    from ppattack.request import Option as RunOption
    from ppattack.request import RunRequest
    from ppattack.sweeps.executors import Executor

Attack = Annotated[str, typer.Option("--attack", help="Name, or path/to/file.py:Class.")]
Target = Annotated[str, typer.Option("--target", help="Name, or path/to/file.py:Class.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Image source: photos, cifar10, folder:DIR, npz:FILE, … With --ciphertexts: the "
        "adversary's public images. [default: photos; with --ciphertexts: none]",
    ),
]
Ciphertexts = Annotated[
    Path | None,
    typer.Option("--ciphertexts", help="Attack these ciphertext files; nobody knows the key."),
]
Truth = Annotated[
    Path | None,
    typer.Option("--truth", help="Plain images of --ciphertexts, under the same names."),
]
Preset = Annotated[
    str, typer.Option("--preset", help="smoke (seconds), standard (minutes), paper (GPU).")
]
Seed = Annotated[int, typer.Option("--seed", help="One number for everything random.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, …")]
SaveImages = Annotated[
    str, typer.Option("--save-images", help="Reconstructions to write: all, none or a number.")
]
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
_VICTIMS = typer.Option("-n", "--victims", help="Images to encrypt and score.")
_ADVERSARY = typer.Option("--adversary", help="Public images for the adversary.")
Victims = Annotated[int, _VICTIMS]
VictimsOrFile = Annotated[int | None, _VICTIMS]
Adversary = Annotated[int, _ADVERSARY]
AdversaryOrFile = Annotated[int | None, _ADVERSARY]
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
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="SECONDS", help="Stop an attack after this time; isolates it."
    ),
]
MemoryLimit = Annotated[
    float | None,
    typer.Option("--memory-limit", metavar="GIB", help="Stop an attack above this; isolates it."),
]


def from_table(
    cls: type[RunRequest],
    after: Mapping[str, Sequence[str]],
    only: Collection[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of the table of run options, and the request that they make.

    The command's first parameter is the request; the options of the table take its place.

    Args:
        cls: the request, whose fields are the table.
        after: field to the command's own options that follow it in the help; those that are not
            named come last.
        only: the fields that are options of this command; None for all.
    """
    from ppattack.request import options as run_options

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        rest = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        own = {each.name: each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in rest}
        table = [one for one in run_options(cls) if only is None or one.name in only]
        parameters = []
        for one in table:
            parameters.append(_parameter(one))
            parameters += [own.pop(name) for name in after.get(one.name, ())]
        parameters += own.values()

        @functools.wraps(command)
        def with_request(**values: Any) -> None:
            read = {one.name: values.pop(one.name) for one in table}
            command(_request(cls, read, values.get("set_")), **values)

        with_request.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_request.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_request

    return decorate


def _parameter(option: RunOption) -> inspect.Parameter:
    kind, default = option.type, option.default
    if option.name in _READ:
        kind, default = _READ[option.name].type, _READ[option.name].default
    elif option.name == "data":
        default = None
    if default is dataclasses.MISSING:
        default = inspect.Parameter.empty
    shown = typer.Option(*option.flag.names, metavar=option.flag.metavar, help=option.help)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, shown],
    )


def _request(cls: type[RunRequest], values: dict[str, Any], pairs: list[str] | None) -> RunRequest:
    files = values.get("ciphertexts")
    parts = settings(pairs, ("target", "attack"))
    values["data"] = values["data"] or (None if files else "photos")
    for name, text in _READ.items():
        values[name] = text.read(values[name])
    if files:
        values["save_images"] = None
    return cls(**values, attack_settings=parts["attack"], target_settings=parts["target"])


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
    if text not in (None, "dataset", "image"):
        raise ConfigError(f"--key-scope '{text}' is not valid: use dataset or image.")
    return cast(Literal["dataset", "image"] | None, text)


def executor(text: str | None, jobs: int, device: str = "auto") -> Executor:
    """Where cells run.

    Raises:
        ConfigError: if the text names no such place, the number of jobs is below 1, or this
            machine is to run them and has no such device.
    """
    from ppattack.sweeps.executors import InThisProcess, LocalProcesses

    if jobs < 1:
        raise ConfigError(f"--jobs {jobs} is not valid: it must be at least 1.")
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


class _Text(NamedTuple):
    """A field that the command line gives as text of its own form."""

    type: Any
    default: str | None
    read: Callable[[Any], Any]


_READ = {
    "key_scope": _Text(str | None, None, key_scope),
    "save_images": _Text(str, "64", save_images),
}
