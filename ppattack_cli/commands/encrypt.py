"""``ppattack encrypt``: ciphertext files, for trying a scheme or for others to attack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppattack_cli import options

if TYPE_CHECKING:
    from torch import Tensor

    from ppattack.data.windows import Window


def encrypt(
    target: options.Target,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the ciphertexts, or FILE.npy for one array.")
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Image source; its victims' side. [default: photos]"),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Encrypt every image of this folder, names kept; or of FILE.npy, .npz, .tar into "
            "one array.",
        ),
    ] = None,
    plain_out: Annotated[
        Path | None, typer.Option("--plain-out", help="Also write the plain images here.")
    ] = None,
    size: options.Size = None,
    window: options.Window = None,
    victims: Annotated[
        int | None, typer.Option("-n", "--victims", help="Images to encrypt. [default: 256]")
    ] = None,
    key_scope: options.KeyScopeOption = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="Read the key from here, or write a new one here."),
    ] = None,
    set_: options.Settings = None,
    jpeg: options.Jpeg = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Repeatable images and key. [default: a random key]"),
    ] = None,
    download: options.Download = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "--workers", help="Processes that encrypt into one array.")
    ] = 1,
    executor: Annotated[
        str | None,
        typer.Option("--executor", metavar="ray[:ADDRESS]", help="Do so on a Ray cluster."),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Encrypt images into files."""
    from ppattack.data.stack_files import is_stack

    if images is not None and is_stack(images):
        others = {
            "--data": data,
            "--size": size,
            "--window": window,
            "-n": victims,
            "--plain-out": plain_out,
            "--jpeg": jpeg,
            "--key-scope image": key_scope if key_scope != "dataset" else None,
        }
        options.refuse(others, f"{images} holds many images, which are encrypted into one array")
        _encrypt_stack(target, images, out, key_file, set_, seed, executor, jobs, quiet=quiet)
        return
    many = {"--jobs": jobs if jobs != 1 else None, "--executor": executor}
    options.refuse(many, "only files of many images (--images FILE.npy) are shared among processes")
    from ppattack.data.windows import Window
    from ppattack.jpeg import Jpeg
    from ppattack.plugins import registry
    from ppattack.runs.file_encryption import encrypt_files
    from ppattack_cli.console import make_progress, warn

    scheme = registry.target(target)(**options.settings(set_, ("target",))["target"])
    names, plain = _images(data, images, size, Window.given(window), victims, seed or 0, download)
    written = encrypt_files(
        scheme,
        plain,
        names,
        out=out,
        plain_out=plain_out,
        key_file=key_file,
        scope=options.key_scope(key_scope),
        seed=seed,
        jpeg=None if jpeg is None else Jpeg.read(jpeg),
        warn=warn,
    )
    make_progress(quiet=quiet).log(written)


def _encrypt_stack(
    target: str,
    images: Path,
    out: Path,
    key_file: Path | None,
    settings: list[str] | None,
    seed: int | None,
    executor: str | None,
    jobs: int,
    *,
    quiet: bool,
) -> None:
    from ppattack.data.stack_files import open_stack
    from ppattack.runs.stack_encryption import encrypt_stack
    from ppattack_cli.console import make_progress

    written = encrypt_stack(
        target,
        options.settings(settings, ("target",))["target"],
        open_stack(images, 0, photographs=True).stack,
        out,
        key_file=key_file,
        seed=seed,
        workers=options.executor(executor, jobs),
    )
    make_progress(quiet=quiet).log(written)


def _images(
    data: str | None,
    images: Path | None,
    size: int | None,
    window: Window | None,
    victims: int | None,
    seed: int,
    download: bool,
) -> tuple[tuple[str, ...], Tensor]:
    from ppattack.data.image_files import read_folder
    from ppattack.data.source import ImageRequest
    from ppattack.errors import ConfigError
    from ppattack.runs.loaded import source_for

    if images is not None:
        if data is not None or size is not None:
            raise ConfigError("--images takes files as they are: leave --data and --size out.")
        found = read_folder(images, photographs=True, window=window)
        if victims not in (None, len(found.names)):
            raise ConfigError(
                f"--images takes all {len(found.names)} files of {images}, not {victims}: "
                "leave -n out."
            )
        return found.names, found.images
    victims = 256 if victims is None else victims
    if victims < 1:
        raise ConfigError(f"-n {victims} is not valid: it must be at least 1.")
    request = ImageRequest(
        victims, adversary=0, size=size, seed=seed, download=download, window=window
    )
    plain = source_for(data or "photos", request).load(request).victims
    return tuple(f"{i:05d}" for i in range(len(plain))), plain
